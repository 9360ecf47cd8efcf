"""A living chain for wallets that we did not write: indexed and served while it moves."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from indexer.chain.address import script_of
from indexer.chain.encoding import Transaction, TxOutput
from indexer.node.embedded import EmbeddedNode
from indexer.node.embedded_socket import NodeSocket
from indexer.queries.pulse import read_pulse
from tests.fixtures_demo import WrittenHistory
from tests.fixtures_embedded import Miner
from tests.fixtures_site import Site, open_site
from wallet.builder import sign
from webapp.broadcast import NODE_DIRECTORY
from webapp.config import EMBEDDED, Settings

FEE = 2_000
PATIENCE_SECONDS = 30
MATURE_BLOCKS = 109


@dataclass
class LiveChain:
    """`site.origin` serves the pages and the API; the index follows the node by itself."""

    site: Site
    node: EmbeddedNode
    miner: Miner

    def pay(self, address: str, amount: int) -> Transaction:
        """From the faucet to an address; it waits in the mempool."""
        coin = self.miner.coins.pop(0)
        outputs = [
            TxOutput(amount, script_of(address, self.node.network)),
            TxOutput(coin.value - amount - FEE, self.miner.spend.script),
        ]
        payment = sign([coin], outputs)
        self.node.submit(payment.serialize())
        return payment

    def mine(self, count: int = 1) -> int:
        """Mine what waits; the new height, which the index has reached."""
        height = self.miner.mine(count).height
        self.wait_for(lambda: self.height() >= height, f"block {height} in the index")
        return height

    def height(self) -> int:
        """Of the index."""
        with self.site.database.read() as connection:
            pulse = read_pulse(connection)
        return -1 if pulse is None else pulse.tip_height

    def wait_for(self, reached: Callable[[], object], what: str) -> None:
        """Until it holds."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not reached():
            if time.monotonic() > end:
                pytest.fail(f"in {PATIENCE_SECONDS} s there was no {what}")
            time.sleep(0.05)


@contextmanager
def followed(site: Site) -> Iterator[None]:
    """The index follows its node in a thread, as `satchel index` does."""
    stop = threading.Event()

    def follow() -> None:
        while not stop.is_set():
            if not site.indexer.step():
                site.node.wait(0.1)

    thread = threading.Thread(target=follow, name="follower")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def live_chain(tmp_path: Path) -> Iterator[LiveChain]:
    """A new regtest chain with a faucet, at height 109."""
    yield from _living(tmp_path)


@pytest.fixture
def live_demo(demo_history: WrittenHistory, tmp_path: Path) -> Iterator[LiveChain]:
    """The demo's chain with a faucet, a hundred blocks after its history."""
    shutil.copytree(demo_history.directory, tmp_path / NODE_DIRECTORY)
    yield from _living(tmp_path)


def _living(tmp_path: Path) -> Iterator[LiveChain]:
    node = EmbeddedNode(tmp_path / NODE_DIRECTORY)
    settings = Settings(network="bitcoin-regtest", node_url=EMBEDDED, data_directory=tmp_path)
    miner = Miner(node)
    miner.mine(MATURE_BLOCKS)
    try:
        with NodeSocket(node, tmp_path / NODE_DIRECTORY):
            for site in open_site(node, tmp_path, settings):
                with followed(site):
                    yield LiveChain(site, node, miner)
    finally:
        node.close()
