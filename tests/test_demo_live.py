"""The demo goes on: lively, without refusals, stoppable, and after a restart as if nothing was."""

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from time import monotonic

import pytest

from indexer.chain.encoding import parse_block
from indexer.node.embedded import EmbeddedNode
from tests.fixtures_demo import WrittenHistory
from webapp.demo.economy import Economy
from webapp.demo.live import run_live


@pytest.fixture(scope="module")
def economy(
    demo_history: WrittenHistory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Economy]:
    """One economy that all these tests drive on."""
    directory = tmp_path_factory.mktemp("live") / "node"
    shutil.copytree(demo_history.directory, directory)
    node = EmbeddedNode(directory)
    economy = Economy(node)
    economy.resume()
    yield economy
    node.close()


def _block_txids(node: EmbeddedNode, height: int) -> set[bytes]:
    block = parse_block(node.block(node.block_hash(height)), node.network)
    return {tx.txid for tx in block.transactions[1:]}


def test_the_mempool_is_lively_and_nothing_is_refused(economy: Economy) -> None:
    ledger, node = economy.ledger, economy.node
    seen: dict[bytes, int] = {}  # txid -> height when it came
    confirmed: dict[bytes, int] = {}
    sizes, packages = [], 0
    for _ in range(15):
        economy.act()
    for _ in range(60):
        for _ in range(economy.rng.randint(4, 11)):
            assert economy.act() is not None
        packages += sum(bool(ledger.parents(txid)) for txid in ledger.pending)
        sizes.append(len(ledger.pending))
        seen |= {txid: each.seen for txid, each in ledger.pending.items() if txid not in seen}
        assert set(node.mempool(frozenset()).added) == set(ledger.pending)
        economy.mine_next()
        confirmed |= dict.fromkeys(_block_txids(node, ledger.height), ledger.height)
    assert 8 <= sorted(sizes)[len(sizes) // 2] <= 40
    assert max(sizes) <= 60
    replaced = set(seen) - set(confirmed) - set(ledger.pending)
    assert len(replaced) >= 5
    assert packages >= 5
    waited = Counter(height - seen[txid] for txid, height in confirmed.items() if txid in seen)
    assert sum(count for blocks, count in waited.items() if blocks >= 4) >= 5  # low fees linger
    assert max(waited) <= 14


def test_what_a_reorganisation_took_back_confirms_again(economy: Economy) -> None:
    for _ in range(30):
        economy.act()
    for _ in range(3):
        economy.mine_next()
    node, height = economy.node, economy.ledger.height
    before = set().union(*(_block_txids(node, h) for h in range(height - 2, height + 1)))
    old_tip = node.tip().hash
    economy.reorganise(3)
    assert node.tip().height == height + 1
    assert node.block_hash(height) != old_tip
    assert before & set(economy.ledger.pending)
    for _ in range(14):
        economy.mine_next()
    after = set().union(*(_block_txids(node, h) for h in range(height - 2, node.tip().height + 1)))
    assert before <= after


def _heights(economy: Economy) -> dict[tuple[bytes, int], int | None]:
    return {outpoint: held.height for outpoint, held in economy.ledger.coins.items()}


def test_resumes_after_a_restart_and_follows_what_others_send(economy: Economy) -> None:
    for _ in range(20):
        economy.act()
    economy.mine_next()
    economy.reorganise(1)
    other = Economy(economy.node)
    other.resume()
    assert other.ledger.pending.keys() == economy.ledger.pending.keys()
    assert other.ledger.spenders == economy.ledger.spenders
    assert _heights(other) == _heights(economy)
    sent = other.act()
    assert sent is not None
    for _ in range(14):
        economy.mine_next()
    assert any(
        sent.tx.txid in _block_txids(economy.node, economy.ledger.height - back)
        for back in range(14)
    )


def test_runs_until_told_to_stop(economy: Economy) -> None:
    node, start = economy.node, economy.ledger.height
    stop, reorganise = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=run_live,
        args=(economy, stop),
        kwargs={"block_interval": 0.2, "tx_rate": 30, "reorganise": reorganise},
    )
    thread.start()
    try:
        _wait_for_height(node, start + 4)
        first = node.block_hash(start + 1)
        reorganise.set()
        _wait_for_height(node, start + 9)
        assert not reorganise.is_set()
        assert node.block_hash(start + 1) == first
    finally:
        asked = monotonic()
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
    assert monotonic() - asked < 4


def _wait_for_height(node: EmbeddedNode, height: int) -> None:
    deadline = monotonic() + 60
    while node.tip().height < height:
        assert monotonic() < deadline
        node.wait(1)
