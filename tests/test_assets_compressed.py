"""The browser's code travels compressed to who takes it so, and arrives the same."""

import gzip
import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from indexer.database import Database
from tests.apps import app_for
from webapp.config import Settings

DIST = Path(__file__).resolve().parents[1] / "static/dist"
FILES = [each["file"] for each in json.loads((DIST / "manifest.json").read_text()).values()]
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@pytest.fixture
def client(sqlite_database: Database) -> FlaskClient:
    return app_for(Settings(network="bitcoin-regtest"), sqlite_database).test_client()


@pytest.mark.parametrize("file", FILES)
def test_gzip_gives_the_same_bytes(client: FlaskClient, file: str) -> None:
    plain = client.get(f"/static/{file}")
    packed = client.get(f"/static/{file}", headers={"Accept-Encoding": "gzip, deflate"})
    assert plain.data == (DIST / file).read_bytes()
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    for response in (plain, packed):
        assert response.headers["Vary"] == "Accept-Encoding"
        assert response.mimetype == TYPES[Path(file).suffix]
        assert response.cache_control.max_age == 31_536_000
    assert plain.headers["ETag"] != packed.headers["ETag"]


@pytest.mark.parametrize("file", FILES)
def test_brotli_is_smaller_still(client: FlaskClient, file: str) -> None:
    """That it unpacks to the same is seen in Chromium, by the hashes that pages demand."""
    sizes = [
        len(client.get(f"/static/{file}", headers={"Accept-Encoding": encodings}).data)
        for encodings in ("gzip, deflate, br, zstd", "gzip", "identity")
    ]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == len(sizes)


def test_no_other_files(client: FlaskClient) -> None:
    for path in ("/static/nothing.js", "/static/../manifest.json", "/static/%2e%2e/package.json"):
        assert client.get(path, headers={"Accept-Encoding": "br, gzip"}).status_code == 404
