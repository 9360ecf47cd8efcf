"""A real nginx, configured as docs/scaling.md says, in front of the pages."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from flask import request
from websockets.sync.client import connect

from indexer.chain.encoding import hash_hex
from indexer.database import Database
from indexer.sync.indexer import Indexer
from tests.apps import app_for
from tests.fixtures_litecoind import free_port
from tests.fixtures_site import Served
from tests.satchel_process import answers, wait_until
from tests.scripted_node import ScriptedNode
from webapp.config import Settings

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
DOCUMENT = Path(__file__).resolve().parents[1] / "docs/scaling.md"
BLOCKS = 110
DEEP, FRESH = 3, 108


class Proxied:
    """Pages behind nginx. `asked`: the paths that reached us."""

    def __init__(self, database: Database, directory: Path) -> None:
        assert NGINX is not None
        self.node = ScriptedNode()
        for _ in range(BLOCKS):
            self.node.mine()
        indexer = Indexer(
            database, self.node, keep_raw_blocks=True, stop=threading.Event(), progress=False
        )
        while indexer.step():
            pass
        app = app_for(
            Settings(network="bitcoin-regtest", trusted_proxies=1, data_directory=directory),
            database,
            demo=True,
        )
        self.asked: list[str] = []
        app.before_request(lambda: self.asked.append(request.path))
        self._served = Served(app)
        self.origin = f"http://127.0.0.1:{free_port()}"
        path = directory / "nginx.conf"
        path.write_text(self._configuration(directory))
        self._nginx = subprocess.Popen([NGINX, "-c", path, "-e", "stderr"])
        self._http = urllib3.PoolManager(retries=False, timeout=20)
        wait_until(lambda: answers(f"{self.origin}/healthz"))
        self.asked.clear()

    def _configuration(self, directory: Path) -> str:
        found = re.search(r"```nginx\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
        assert found is not None
        block = found.group(1)
        for told, ours in (
            ("/var/cache/nginx/satchel", f"{directory}/cache"),
            ("127.0.0.1:8000", self._served.origin.removeprefix("http://")),
            ("listen 80;", f"listen {self.origin.removeprefix('http://')};"),
        ):
            assert block.count(told) == 1, told
            block = block.replace(told, ours)
        temporary = "".join(
            f"{kind}_temp_path {directory}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return (
            f"daemon off;\npid {directory}/nginx.pid;\nerror_log stderr;\n"
            f"{'user root;' if os.geteuid() == 0 else ''}\nevents {{}}\n"
            f"http {{\naccess_log off;\n{temporary}{block}\n}}\n"
        )

    def get(self, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._http.request("GET", self.origin + path, headers=named, redirect=False)

    def block(self, height: int) -> str:
        return hash_hex(self.node.chain[height].hash)

    def close(self) -> None:
        self._nginx.terminate()
        self._nginx.wait(10)
        self._http.clear()
        self._served.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    directory = tmp_path_factory.mktemp("proxied")
    database = Database.open(f"sqlite:///{directory / 'index.sqlite'}")
    database.upgrade()
    found = Proxied(database, directory)
    yield found
    found.close()
    database.dispose()


@pytest.fixture
def proxied(site: Proxied) -> Proxied:
    site.asked.clear()
    return site


def test_what_is_settled_reaches_us_once(proxied: Proxied) -> None:
    deep = proxied.block(DEEP)
    manifest = json.loads((DOCUMENT.parents[1] / "static/dist/manifest.json").read_text())
    paths = [
        f"/block/{deep}",
        f"/api/block/{deep}",
        f"/api/block/{deep}/txids",
        f"/api/block-height/{DEEP}",
        "/static/" + next(each["file"] for each in manifest.values()),
    ]
    for path in paths:
        first, second = proxied.get(path), proxied.get(path)
        assert (first.status, first.headers["X-Cache"]) == (200, "MISS"), path
        assert (second.status, second.headers["X-Cache"]) == (200, "HIT"), path
        assert second.data == first.data
        # Nor does a browser that asks whether its copy is still good.
        third = proxied.get(path, If_None_Match=first.headers["ETag"])
        assert (third.status, third.headers["X-Cache"]) == (304, "HIT"), path
    assert proxied.asked == paths


def test_what_may_change_is_asked_for_each_time(proxied: Proxied) -> None:
    fresh = proxied.block(FRESH)
    transaction = hash_hex(proxied.node.chain[DEEP].transactions[0].txid)
    paths = ["/", "/blocks", f"/tx/{transaction}", f"/block/{fresh}", f"/api/block/{fresh}/status"]
    for path in paths:
        first = proxied.get(path)
        assert first.status == 200
        again = proxied.get(path, If_None_Match=first.headers["ETag"])
        if "block/" in path:  # nginx might have kept it, so that it asked for all of it
            assert (again.status, again.headers["X-Cache"]) == (200, "MISS"), path
        else:
            assert (again.status, again.data) == (304, b""), path
    assert proxied.asked == [path for path in paths for _ in range(2)]


def test_what_a_reader_chose_stays_theirs(proxied: Proxied) -> None:
    path = f"/block/{proxied.block(DEEP + 1)}"
    dark = proxied.get(path, Cookie="satchel_theme=dark")
    assert b'data-theme="dark"' in dark.data
    chinese = proxied.get(path, Accept_Language="zh-CN,zh;q=0.9")
    assert b'lang="zh-Hans-CN"' in chinese.data
    plain = proxied.get(path, Accept_Language="en-GB,en;q=0.8")
    assert b'data-theme="dark"' not in plain.data
    assert b'lang="en"' in plain.data
    assert len(proxied.asked) == 3
    # Each language is kept once, however browsers put it; cookies pass by.
    assert proxied.get(path, Accept_Language="zh-TW").data == chinese.data
    assert proxied.get(path).data == plain.data
    assert len(proxied.asked) == 3
    cookie = "satchel_theme=dark"
    assert b'data-theme="dark"' in proxied.get(path, Cookie=cookie).data
    assert proxied.get(path, Cookie=cookie, If_None_Match=dark.headers["ETag"]).status == 304
    assert len(proxied.asked) == 5


def test_private_pages_are_never_kept(proxied: Proxied) -> None:
    """A visitor of the demo becomes a guest at once, with a cookie."""
    first = proxied.get("/wallets")
    assert first.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" in first.headers
    second = proxied.get("/wallets")
    assert second.headers["Set-Cookie"] != first.headers["Set-Cookie"]
    mine = first.headers["Set-Cookie"].partition(";")[0]
    for _ in range(2):
        assert "Set-Cookie" not in proxied.get("/wallets", Cookie=mine).headers
    for path in ("/nothing/here", f"/api/block/{'0' * 63}1"):
        for _ in range(2):
            assert proxied.get(path).status == 404
    assert len(proxied.asked) == 8


def test_nobody_can_plant_a_page_for_others(proxied: Proxied) -> None:
    """What a client claims of itself is not believed."""
    path = f"/block/{proxied.block(DEEP + 2)}"
    claims = {
        "X_Forwarded_Prefix": "/evil",
        "X_Forwarded_Host": "evil.example",
        "X_Forwarded_Proto": "https",
        "X_Forwarded_For": "1.2.3.4",
    }
    planted = proxied.get(path, **claims)
    assert b"evil" not in planted.data
    honest = proxied.get(path)
    assert honest.headers["X-Cache"] == "HIT"
    assert b"evil" not in honest.data


def test_streams_and_sockets_pass(proxied: Proxied) -> None:
    stream = proxied._http.request(
        "GET", f"{proxied.origin}/live?topics=tip", preload_content=False
    )
    assert next(stream.stream(256)).startswith(b"retry:")
    stream.close()
    with connect(f"{proxied.origin.replace('http', 'ws')}/api/v1/ws") as socket:
        socket.send(json.dumps({"action": "ping"}))
        assert "pong" in str(socket.recv(10))
