"""What protects the keys and what does not, in plain words, with the hashes of the code."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from webapp.assets import Asset, load_manifest

CODE = ("wallet.js", "worker.js")

blueprint = Blueprint("wallet_security", __name__)


@dataclass(frozen=True, slots=True)
class Script:
    """One file of the code that runs in the browser; `sha256` is of the bytes on this server."""

    name: str
    asset: Asset
    sha256: str


@blueprint.get("/wallets/security")
def show() -> ResponseReturnValue:
    folder = Path(str(current_app.static_folder))
    manifest = load_manifest(folder)
    scripts = [_script(folder, name, manifest[name]) for name in CODE]
    return render_template("wallets/security.html", scripts=scripts)


def _script(folder: Path, name: str, asset: Asset) -> Script:
    return Script(name, asset, sha256((folder / asset.file).read_bytes()).hexdigest())
