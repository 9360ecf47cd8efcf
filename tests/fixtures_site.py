"""The whole site on the demo's chain: blocks, a lively mempool, replacements, stale blocks."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from indexer.database import Database
from indexer.node.base import Node, TransactionRejectedError
from indexer.node.core import CoreNode
from indexer.node.embedded import EmbeddedNode
from indexer.node.embedded_socket import NodeSocket
from indexer.sync.indexer import Indexer
from tests.apps import app_for
from tests.fixtures_browser import QuietHandler
from tests.fixtures_demo import WrittenHistory
from tests.fixtures_litecoind import Daemon
from webapp.config import EMBEDDED, Settings
from webapp.demo.economy import Economy

PAYMENTS = 40
REORG_DEPTH = 2


@dataclass
class Site:
    """A chain, its index and its pages on a free port; `step` brings the index up to the node."""

    node: Node
    database: Database
    app: Flask
    origin: str
    indexer: Indexer

    def step(self) -> None:
        while self.indexer.step():
            pass


class Served:
    """Serves an app until it is closed."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._app.extensions["satchel"].live.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def open_site(node: Node, directory: Path, settings: Settings) -> Iterator[Site]:
    """Index a node into a new SQLite file and serve it."""
    database = Database.open(f"sqlite:///{directory / 'index.sqlite'}")
    database.upgrade()
    keep = settings.node == EMBEDDED
    indexer = Indexer(database, node, keep_raw_blocks=keep, stop=threading.Event(), progress=False)
    app = app_for(settings, database, None if keep else node, demo=keep)
    served = Served(app)
    site = Site(node, database, app, served.origin, indexer)
    site.step()
    yield site
    served.close()
    database.dispose()


@pytest.fixture(scope="session")
def demo_site(
    demo_history: WrittenHistory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Read only: tests that change the chain take `live_site`."""
    yield from demo_site_at(demo_history, tmp_path_factory.mktemp("site"))


@pytest.fixture
def live_site(demo_history: WrittenHistory, tmp_path: Path) -> Iterator[Site]:
    """A site of its own for a test that moves the chain."""
    yield from demo_site_at(demo_history, tmp_path)


@pytest.fixture(scope="session")
def litecoin_site(litecoind: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site on a real daemon's chain with MWEB. Tests may move the chain: `step` follows it."""
    settings = Settings(
        network=litecoind.network.name,
        node_url=litecoind.url,
        node_cookie_file=litecoind.cookie_file,
    )
    node = CoreNode(litecoind.network, litecoind.url, cookie_file=litecoind.cookie_file)
    try:
        yield from open_site(node, tmp_path_factory.mktemp("litecoin-site"), settings)
    finally:
        node.close()


def demo_site_at(history: WrittenHistory, directory: Path) -> Iterator[Site]:
    """The demo's history, a little later, in a directory of its own."""
    shutil.copytree(history.directory, directory / "node")
    node = EmbeddedNode(directory / "node")
    settings = Settings(network="bitcoin-regtest", node_url=EMBEDDED, data_directory=directory)
    try:
        with NodeSocket(node, directory / "node"):
            for site in open_site(node, directory, settings):
                _live_a_little(site, node)
                yield site
    finally:
        node.close()


def _live_a_little(site: Site, node: EmbeddedNode) -> None:
    economy = Economy(node)
    economy.resume()
    economy.fill_faucet()
    for number in range(PAYMENTS):
        try:
            economy.act()
        except TransactionRejectedError:
            economy.ledger.follow()
        if number in (PAYMENTS // 3, PAYMENTS // 2):
            economy.mine_next()
            site.step()
        site.indexer.step()
    economy.reorganise(REORG_DEPTH)
    site.step()
