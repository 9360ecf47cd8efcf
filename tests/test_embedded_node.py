"""The embedded node as the indexer, the miner and the demo use it."""

import sqlite3
import time
from pathlib import Path
from random import Random

import pytest

from indexer.chain.encoding import parse_block
from indexer.chain.merkle import expected_witness_commitment, merkle_root, witness_commitment
from indexer.chain.network import COIN
from indexer.chain.script import coinbase_height
from indexer.node.base import (
    BlockRef,
    BlockUnavailableError,
    Node,
    NodeUnavailableError,
)
from indexer.node.embedded import EmbeddedNode
from indexer.node.engine import BlockRejectedError
from tests.fixtures_embedded import Miner

ANYONE = b"\x51"
FEE = 10_000


def waiting(node: EmbeddedNode) -> set[bytes]:
    return set(node.mempool(frozenset()).added)


def test_it_speaks_the_node_protocol(miner: Miner) -> None:
    node: Node = miner.node
    spending = miner.send([miner.coins[0]], FEE)
    tip = miner.mine()
    assert node.tip() == tip == BlockRef(110, node.block_hash(110))
    assert node.block_hash(0) == node.network.genesis_hash
    raw = node.block(tip.hash)
    block = parse_block(raw, node.network)
    assert block.hash == tip.hash
    assert node.transaction(spending.txid, tip.hash) == spending.serialize()
    spent = node.spent_outputs(tip.hash)
    assert spent is not None
    assert [[(each.value, each.script) for each in outputs] for outputs in spent] == [
        [(50 * COIN, miner.spend.script)]
    ]
    info = node.info()
    assert (info.network, info.height, info.headers) == ("bitcoin-regtest", 110, 110)
    assert info.relay_fee == 100
    assert info.size_on_disk is not None
    assert info.size_on_disk > len(raw)


def test_what_it_does_not_have_is_an_error_in_words(embedded_node: EmbeddedNode) -> None:
    genesis = embedded_node.network.genesis_hash
    with pytest.raises(BlockUnavailableError, match="Height 1 is not between 0 and the tip, 0"):
        embedded_node.block_hash(1)
    with pytest.raises(BlockUnavailableError, match="No block 0707"):
        embedded_node.block(b"\x07" * 32)
    with pytest.raises(BlockUnavailableError, match="has no transaction 0707"):
        embedded_node.transaction(b"\x07" * 32, genesis)
    assert embedded_node.spent_outputs(b"\x07" * 32) is None


def test_a_block_has_the_text_the_time_and_the_commitments_asked_for(miner: Miner) -> None:
    miner.send([miner.coins.pop(0)], FEE)
    moment = int(time.time()) + 1000
    tip = miner.node.mine(ANYONE, text="/Grüße/".encode(), time=moment)
    block = parse_block(miner.node.block(tip.hash), miner.node.network)
    coinbase = block.transactions[0]
    assert coinbase_height(coinbase.inputs[0].script_sig) == tip.height
    assert "/Grüße/".encode() in coinbase.inputs[0].script_sig
    assert coinbase.outputs[0] == (50 * COIN + FEE, ANYONE)
    assert witness_commitment(block) == expected_witness_commitment(block) is not None
    assert block.header.merkle_root == merkle_root([each.txid for each in block.transactions])
    assert block.header.time == moment


def test_header_times_may_lie_in_the_past_but_respect_the_median(
    embedded_node: EmbeddedNode,
) -> None:
    start = int(time.time()) - 7 * 86_400
    times = [start + 600, start, start, start - 50]
    for moment in times:
        embedded_node.mine(ANYONE, time=moment)
    headers = [
        parse_block(embedded_node.block(embedded_node.block_hash(height)), embedded_node.network)
        for height in range(1, 5)
    ]
    # The median of an even number of times is the later of the two in the middle.
    assert [block.header.time - start for block in headers] == [600, 601, 601, 602]


def test_a_text_too_long_is_refused_before_anything_happens(embedded_node: EmbeddedNode) -> None:
    with pytest.raises(ValueError, match="the coinbase text has 200 bytes, at most 92 fit"):
        embedded_node.mine(ANYONE, text=bytes(200))
    embedded_node.mine(ANYONE, text=bytes(92))
    assert embedded_node.tip().height == 1


def test_chosen_transactions_are_mined_in_their_order(miner: Miner) -> None:
    parent = miner.build([miner.coins.pop(0)], FEE)
    child = miner.build([miner.coin_of(parent, 0)], FEE)
    left = miner.send([miner.coins.pop(0)], FEE)
    tip = miner.node.mine(ANYONE, transactions=[parent.serialize(), child.serialize()])
    block = parse_block(miner.node.block(tip.hash), miner.node.network)
    assert [each.txid for each in block.transactions[1:]] == [parent.txid, child.txid]
    assert block.transactions[0].outputs[0].value == 50 * COIN + 2 * FEE
    assert waiting(miner.node) == {left.txid}
    with pytest.raises(BlockRejectedError, match="bad-txns-inputs-missingorspent"):
        miner.node.mine(ANYONE, transactions=[parent.serialize()])
    assert miner.node.tip() == tip


def test_the_subsidy_halves(embedded_node: EmbeddedNode) -> None:
    values = []
    for height in range(1, 152):
        tip = embedded_node.mine(ANYONE)
        assert tip.height == height
        block = parse_block(embedded_node.block(tip.hash), embedded_node.network)
        values.append(block.transactions[0].outputs[0].value)
    assert values[148:] == [50 * COIN, 25 * COIN, 25 * COIN]


def test_a_reorganisation_returns_transactions_to_the_mempool(miner: Miner) -> None:
    node = miner.node
    stays = miner.send([miner.coins.pop(0)], FEE)
    coin = miner.coins.pop(0)
    loses = miner.send([coin], FEE)
    miner.send([miner.coin_of(loses, 0)], FEE)
    old = miner.mine()
    child = miner.send([miner.coin_of(stays, 0)], FEE)
    wins = miner.build([coin], 2 * FEE)
    mined = node.reorganise(1, ANYONE, text=b"side", transactions=[wins.serialize()])
    assert [block.height for block in mined] == [110, 111]
    assert node.tip() == mined[-1]
    assert waiting(node) == {stays.txid, child.txid}, "what conflicts with the new branch is gone"
    assert parse_block(node.block(old.hash), node.network).hash == old.hash, "stale blocks stay"
    spent = node.spent_outputs(old.hash)
    assert spent is not None
    assert len(spent) == 3
    assert node.block_hash(110) == mined[0].hash
    miner.mine()
    assert waiting(node) == set()


def test_a_reorganisation_drops_what_is_no_longer_final(miner: Miner) -> None:
    node = miner.node
    present = int(time.time())
    for _ in range(6):
        node.mine(ANYONE, time=present + 3600)
    locked = miner.build([miner.coins.pop(0)], FEE, locktime=present + 3000)
    node.submit(locked.serialize())
    assert waiting(node) == {locked.txid}
    node.reorganise(6, ANYONE, time=present)
    assert waiting(node) == set()


def test_reorganising_deep_and_often_ends_where_a_fresh_node_ends(
    miner: Miner, tmp_path: Path
) -> None:
    node = miner.node
    for depth in (1, 5, 20, 3, 20):
        miner.send([miner.coins.pop(0)], FEE)
        miner.mine(2)
        node.reorganise(depth, ANYONE)
    for _ in range(3):
        miner.mine()
    fresh = EmbeddedNode(tmp_path / "fresh")
    for height in range(1, node.tip().height + 1):
        fresh.submit_block(node.block(node.block_hash(height)))
    assert fresh.tip() == node.tip()
    fresh.close()


@pytest.mark.parametrize("depth", [0, -1, 4])
def test_a_reorganisation_needs_a_possible_depth(embedded_node: EmbeddedNode, depth: int) -> None:
    for _ in range(3):
        embedded_node.mine(ANYONE)
    with pytest.raises(ValueError, match="a depth from 1 to 3 expected"):
        embedded_node.reorganise(depth, ANYONE)


def test_a_foreign_block_is_taken_only_whole_and_valid(
    embedded_node: EmbeddedNode, tmp_path: Path
) -> None:
    other = EmbeddedNode(tmp_path / "other")
    raw = other.block(other.mine(ANYONE).hash)
    other.close()
    with pytest.raises(BlockRejectedError, match="block-decode-failed"):
        embedded_node.submit_block(raw + b"\x00")
    bent = bytearray(raw)
    bent[40] ^= 1
    with pytest.raises(BlockRejectedError, match=r"high-hash|bad-txnmrklroot"):
        embedded_node.submit_block(bytes(bent))
    embedded_node.submit_block(raw)
    embedded_node.submit_block(raw)
    assert embedded_node.tip().height == 1


def test_mutated_blocks_are_refused_and_the_true_one_still_taken(
    miner: Miner, tmp_path: Path
) -> None:
    random = Random(3)
    miner.send([miner.coins.pop(0)], FEE, parts=3)
    tip = miner.mine()
    raws = [miner.node.block(miner.node.block_hash(height)) for height in range(1, tip.height + 1)]
    fresh = EmbeddedNode(tmp_path / "fresh")
    for raw in raws[:-1]:
        fresh.submit_block(raw)
    for _ in range(500):
        bent = bytearray(raws[-1])
        place = random.randrange(80, len(bent))  # another header could be as good
        bent[place] ^= 1 << random.randrange(8)
        if random.random() < 0.2:
            del bent[place : place + 3]
        with pytest.raises(BlockRejectedError):
            fresh.submit_block(bytes(bent))
    fresh.submit_block(raws[-1])
    assert fresh.tip() == tip
    fresh.close()


def test_chain_and_mempool_are_there_after_closing(miner: Miner, tmp_path: Path) -> None:
    parent = miner.send([miner.coins.pop(0)], FEE)
    child = miner.send([miner.coin_of(parent, 0)], FEE)
    before = miner.node.mempool(frozenset())
    tip = miner.node.tip()
    miner.node.close()
    again = EmbeddedNode(tmp_path / "node")
    assert again.tip() == tip
    assert again.mempool(frozenset()) == before
    again.mine(ANYONE)
    assert waiting(again) == set()
    assert again.transaction(child.txid, again.tip().hash) == child.serialize()
    again.close()


def test_a_directory_serves_one_node_at_a_time(embedded_node: EmbeddedNode, tmp_path: Path) -> None:
    with pytest.raises(NodeUnavailableError, match="in use by another process"):
        EmbeddedNode(tmp_path / "node")
    embedded_node.close()
    EmbeddedNode(tmp_path / "node").close()


def test_a_closed_node_says_so(embedded_node: EmbeddedNode) -> None:
    embedded_node.close()
    embedded_node.close()
    with pytest.raises(NodeUnavailableError, match="closed"):
        embedded_node.tip()
    with pytest.raises(NodeUnavailableError, match="closed"):
        embedded_node.wait(1)


def test_a_damaged_engine_is_built_anew_from_the_blocks(miner: Miner, tmp_path: Path) -> None:
    miner.node.reorganise(3, ANYONE)
    tip = miner.node.tip()
    miner.node.close()
    for path in (tmp_path / "node" / "engine" / "chainstate").glob("MANIFEST*"):
        path.write_bytes(b"damaged")
    again = EmbeddedNode(tmp_path / "node")
    assert again.tip() == tip
    again.close()


def test_an_engine_of_another_chain_is_built_anew(
    embedded_node: EmbeddedNode, tmp_path: Path
) -> None:
    embedded_node.mine(ANYONE)
    embedded_node.close()
    other = EmbeddedNode(tmp_path / "other")
    for _ in range(5):
        other.mine(ANYONE, text=b"other")
    tip = other.tip()
    other.close()
    (tmp_path / "node" / "engine").rename(tmp_path / "kept")
    (tmp_path / "other" / "engine").rename(tmp_path / "node" / "engine")
    (tmp_path / "kept").rename(tmp_path / "other" / "engine")
    again = EmbeddedNode(tmp_path / "node")
    assert again.tip().height == 1
    again.close()
    again = EmbeddedNode(tmp_path / "other")
    assert again.tip() == tip
    again.close()


@pytest.mark.parametrize(
    ("contents", "reason"),
    [(b"not a database, " * 64, "file is not a database"), (None, "it has version 99")],
)
def test_a_file_it_cannot_read_is_named(
    tmp_path: Path, contents: bytes | None, reason: str
) -> None:
    path = tmp_path / "node" / "node.sqlite"
    EmbeddedNode(tmp_path / "node").close()
    if contents is None:
        with sqlite3.connect(path) as sql:
            sql.execute("PRAGMA user_version = 99")
        sql.close()
    else:
        path.write_bytes(contents)
    for _ in range(2):  # the lock is free again
        with pytest.raises(NodeUnavailableError, match=f"node.sqlite cannot be used: {reason}"):
            EmbeddedNode(tmp_path / "node")


def test_a_full_disk_stops_the_node_without_losing_what_it_had(
    miner: Miner, tmp_path: Path
) -> None:
    node = miner.node
    tip = node.tip()
    sql = node._chain.store._sql
    pages = sql.execute("PRAGMA page_count").fetchone()[0]
    sql.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for _ in range(200):
            node.mine(ANYONE, text=bytes(90))

    with pytest.raises(NodeUnavailableError, match="cannot write: database or disk is full"):
        fill()
    with pytest.raises(NodeUnavailableError, match="start it again"):
        node.tip()
    again = EmbeddedNode(tmp_path / "node")
    assert again.tip().height >= tip.height
    again.mine(ANYONE)
    again.close()
