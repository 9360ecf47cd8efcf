"""The built style sheets and scripts, with the hashes that browsers check them against."""

import json
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, url_for

PACKAGE = Path(__file__).parent
ONE_YEAR = 31_536_000


class AssetsMissingError(Exception):
    """The browser's code has not been built. The message says how."""


@dataclass(frozen=True, slots=True)
class Asset:
    file: str  # its name with the hash of its content
    integrity: str

    @property
    def url(self) -> str:
        return url_for("static", filename=self.file)


def resource_folder(in_wheel: str, in_checkout: str) -> Path:
    """Where templates or assets are: inside the installed package, or beside it in a checkout."""
    installed = PACKAGE / in_wheel
    return installed if installed.is_dir() else PACKAGE.parent / in_checkout


def load_manifest(folder: Path) -> dict[str, Asset]:
    """Logical name ('main.js') -> asset. Raises AssetsMissingError."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AssetsMissingError(
            f"{path} does not exist: run `make assets` to build the browser's code"
        ) from None
    return {name: Asset(**entry) for name, entry in manifest.items()}


def install(app: Flask) -> None:
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = ONE_YEAR  # names change with the content
    assets = load_manifest(Path(str(app.static_folder)))
    app.jinja_env.globals["asset"] = assets.__getitem__
