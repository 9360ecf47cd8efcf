"""Long loads are drafted by a process: the same rows, and a clean end whatever happens."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.synthetic_node import SyntheticChain
from indexer.chain.encoding import hash256
from indexer.chain.network import get_network
from indexer.database import Database
from indexer.node.base import NodeUnavailableError
from indexer.sync import drafting, feed
from indexer.sync.drafting import BATCH_BLOCKS, Batch, Drafter
from indexer.sync.feed import WORTH_A_PROCESS
from indexer.sync.indexer import Indexer
from indexer.sync.recent import RecentOutputs
from indexer.sync.rows import InvalidBlockError
from tests.nodes import BlockNode
from tests.synthetic import SyntheticNode
from tests.tables import empty_database, make_fresh, read_tables, require_equal

BLOCKS = WORTH_A_PROCESS + 100


@pytest.fixture(scope="module")
def raw_blocks(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    chain = SyntheticChain(BLOCKS, 4, directory=tmp_path_factory.mktemp("chain"))
    return [chain.block(chain.block_hash(height)) for height in range(BLOCKS + 2)]


@pytest.fixture
def node(raw_blocks: list[bytes]) -> BlockNode:
    genesis_hash = hash256(raw_blocks[0][:80])
    network = replace(get_network("bitcoin-regtest"), genesis_hash=genesis_hash)
    return BlockNode(network, raw_blocks)


@pytest.fixture
def drafters(monkeypatch: pytest.MonkeyPatch) -> list[Drafter]:
    """Those that were started."""
    started: list[Drafter] = []

    class Seen(Drafter):
        def batches(self) -> Iterator[Batch]:
            started.append(self)
            return super().batches()

    monkeypatch.setattr(feed, "Drafter", Seen)
    return started


def indexer_of(database: Database, node: BlockNode) -> Indexer:
    stop = threading.Event()
    return Indexer(database, node, keep_raw_blocks=True, stop=stop, progress=False)


def tip_height(database: Database) -> int:
    return max((int(str(row[0])) for row in read_tables(database)["block"]), default=-1)


def test_a_process_makes_the_same_rows(
    node: BlockNode,
    sqlite_database: Database,
    drafters: list[Drafter],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    while indexer_of(sqlite_database, node).step():
        pass
    assert len(drafters) == 1
    assert drafters[0]._process.poll() is not None
    monkeypatch.setattr(feed, "WORTH_A_PROCESS", 10_000)
    with empty_database() as other:
        while indexer_of(other, node).step():
            pass
        assert len(drafters) == 1
        found, expected = read_tables(sqlite_database), read_tables(other)
        del found["state"], expected["state"]
        require_equal(found, expected)


def test_an_invalid_block_is_told_and_the_batches_before_it_are_kept(
    node: BlockNode, sqlite_database: Database
) -> None:
    height = BLOCKS - 20
    raw = node.raw[node.path[height]]
    node.raw[node.path[height]] = raw[:-1]
    with pytest.raises(InvalidBlockError, match="cannot be read"):
        indexer_of(sqlite_database, node).step()
    assert tip_height(sqlite_database) == height - height % BATCH_BLOCKS - 1
    node.raw[node.path[height]] = raw
    while indexer_of(sqlite_database, node).step():
        pass
    assert tip_height(sqlite_database) == BLOCKS + 1


def test_a_node_that_fails_meanwhile_is_asked_again(
    node: BlockNode, sqlite_database: Database
) -> None:
    node.fail_in = 2 * BLOCKS - 50
    with pytest.raises(NodeUnavailableError):
        indexer_of(sqlite_database, node).step()
    assert 0 < tip_height(sqlite_database) < BLOCKS
    while indexer_of(sqlite_database, node).step():
        pass
    assert tip_height(sqlite_database) == BLOCKS + 1


def test_a_process_that_is_killed_is_told_and_replaced(
    node: BlockNode, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(drafter: Drafter, _blocks: object) -> None:
        drafter._process.kill()

    with monkeypatch.context() as patched:
        patched.setattr(Drafter, "feed", kill)
        with pytest.raises(NodeUnavailableError, match=r"exit status -9.*enough memory"):
            indexer_of(sqlite_database, node).step()
    while indexer_of(sqlite_database, node).step():
        pass
    assert tip_height(sqlite_database) == BLOCKS + 1


def test_stopping_leaves_no_process(
    node: BlockNode, sqlite_database: Database, drafters: list[Drafter]
) -> None:
    stop = threading.Event()
    indexer = Indexer(sqlite_database, node, keep_raw_blocks=False, stop=stop, progress=False)
    asked = node.block

    def block(block_hash: bytes) -> bytes:
        if block_hash == node.path[120]:
            stop.set()
        return asked(block_hash)

    node.block = block  # type: ignore[method-assign]
    indexer.run()
    assert drafters[0]._process.poll() is not None
    assert 0 <= tip_height(sqlite_database) <= 121


PARENT = """
import time
from indexer.chain.network import get_network
from indexer.sync.drafting import Drafter
from indexer.sync.rows import GENESIS_POSITION
drafter = Drafter(get_network("bitcoin-main"), GENESIS_POSITION, keep_raw=False)
print(drafter._process.pid, flush=True)
time.sleep(60)
"""


def test_the_process_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[1],
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.kill()
    parent.wait()
    for _ in range(100):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.1)
    raise AssertionError("it lives on")


def test_what_memory_has_no_room_for_is_looked_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = SyntheticNode(7)
    node.mine(60, transactions=8)
    fresh = make_fresh(node)
    monkeypatch.setattr(drafting, "BATCH_BLOCKS", 3)
    monkeypatch.setattr(drafting, "RecentOutputs", lambda: RecentOutputs(5))
    Indexer(database, node, keep_raw_blocks=False, stop=threading.Event(), progress=False).step()
    require_equal(read_tables(database), fresh)
