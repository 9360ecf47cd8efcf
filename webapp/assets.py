"""The built style sheets and scripts, with the hashes that browsers check them against."""

import json
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path

from flask import Flask, Response, request, send_from_directory, url_for

PACKAGE = Path(__file__).parent
ONE_YEAR = 31_536_000
# What the build lays beside each file, the smallest first. Browsers take br over TLS only.
ENCODINGS = {"br": ".br", "gzip": ".gz"}


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


def send_asset(folder: Path, filename: str) -> Response:
    """A file of the build, compressed for who takes it so; 404 where there is none."""
    response = _smallest(folder, filename)
    response.vary.add("Accept-Encoding")
    return response


def _smallest(folder: Path, filename: str) -> Response:
    for encoding, ending in ENCODINGS.items():
        compressed = filename + ending
        if request.accept_encodings[encoding] and (folder / compressed).is_file():
            mimetype = guess_type(filename)[0] or "application/octet-stream"
            response = send_from_directory(folder, compressed, mimetype=mimetype, max_age=ONE_YEAR)
            response.content_encoding = encoding
            response.headers.remove("Content-Disposition")  # names the compressed file
            return response
    return send_from_directory(folder, filename, max_age=ONE_YEAR)


def install(app: Flask) -> None:
    folder = Path(str(app.static_folder))
    assets = load_manifest(folder)
    # Names change with the content, so browsers may keep what they have.
    app.view_functions["static"] = lambda filename: send_asset(folder, filename)
    app.jinja_env.globals["asset"] = assets.__getitem__
