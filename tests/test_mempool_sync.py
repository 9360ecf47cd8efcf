"""The mempool tables after whatever a node's mempool goes through, on both databases."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Table, select

from indexer.chain.encoding import Transaction
from indexer.check import check
from indexer.database import Database
from indexer.keys import TxFlag, script_key
from indexer.node.base import MempoolEntry
from indexer.schema import mempool_input, mempool_output, mempool_tx, replacement, state
from indexer.sync import mempool as mempool_module
from indexer.sync.indexer import Indexer
from indexer.sync.mempool import MempoolSync
from tests.scripted_node import COIN, ScriptedNode, script_of, spend


class Followed:
    """A node, a database, and the indexer between them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.node = ScriptedNode()
        for _ in range(5):
            self.node.mine()
        self.indexer = Indexer(
            database,
            self.node,
            keep_raw_blocks=False,
            stop=threading.Event(),
            progress=False,
        )
        self.sync()

    def sync(self) -> None:
        while self.indexer.step():
            pass

    def coinbase(self, height: int) -> Transaction:
        return self.node.chain[height].transactions[0]

    def rows(self, table: Table) -> dict[bytes, dict[str, object]]:
        with self.database.read() as connection:
            return {row["txid"]: dict(row) for row in connection.execute(select(table)).mappings()}

    def waiting(self) -> set[bytes]:
        return set(self.rows(mempool_tx))

    def replaced(self) -> dict[bytes, object]:
        return {txid: row["replaced_by"] for txid, row in self.rows(replacement).items()}

    def generation(self) -> int:
        with self.database.read() as connection:
            return int(connection.execute(select(state.c.mempool_generation)).scalar_one())

    def close(self) -> None:
        """Whatever happened, the tables must agree with the chain and among themselves."""
        result = check(self.database, self.node)
        assert result.ok, str(result)


@pytest.fixture
def followed(database: Database) -> Iterator[Followed]:
    followed = Followed(database)
    yield followed
    followed.close()


def test_a_transaction_and_its_child_arrive_with_their_prevouts(followed: Followed) -> None:
    node = followed.node
    parent = spend([(followed.coinbase(1), 0)], [(30 * COIN, script_of("a")), (19 * COIN, b"\x6a")])
    child = spend([(parent, 0)], [(29 * COIN, script_of("b"))], sequence=0xFFFFFFFF)
    node.accept(child_first := parent, time=1_700_000_111)
    node.accept(child, time=1_700_000_222)
    node.pool = dict(reversed(node.pool.items()))  # a node may tell of the child first
    before = followed.generation()
    followed.sync()

    assert followed.generation() == before + 1
    rows = followed.rows(mempool_tx)
    assert rows[child_first.txid] == {
        "txid": parent.txid,
        "first_seen": 1_700_000_111,
        "fee": COIN,
        "size": parent.size,
        "weight": parent.weight,
        "flags": TxFlag.SEGWIT | TxFlag.REPLACEABLE,
        "output_value": 49 * COIN,
        "raw": parent.serialize(),
    }
    assert rows[child.txid]["fee"] == COIN
    assert rows[child.txid]["flags"] == TxFlag.SEGWIT
    with followed.database.read() as connection:
        inputs = connection.execute(select(mempool_input).order_by(mempool_input.c.value)).all()
        outputs = connection.execute(select(mempool_output).order_by(mempool_output.c.value)).all()
    miner = script_of("miner")
    assert [tuple(row) for row in inputs] == [
        (child.txid, 0, parent.txid, 0, 30 * COIN, script_key(script_of("a")), script_of("a")),
        (parent.txid, 0, followed.coinbase(1).txid, 0, 50 * COIN, script_key(miner), miner),
    ]
    assert [(row.txid, row.vout, row.value, row.script) for row in outputs] == [
        (parent.txid, 1, 19 * COIN, b"\x6a"),
        (child.txid, 0, 29 * COIN, script_of("b")),
        (parent.txid, 0, 30 * COIN, script_of("a")),
    ]


def test_nothing_new_counts_nothing(followed: Followed) -> None:
    followed.node.accept(spend([(followed.coinbase(1), 0)], [(COIN, script_of("a"))]))
    followed.sync()
    before = followed.generation()
    followed.sync()
    assert followed.generation() == before


def test_a_confirmed_transaction_leaves_no_trace(followed: Followed) -> None:
    sent = spend([(followed.coinbase(1), 0)], [(COIN, script_of("a"))])
    followed.node.accept(sent)
    followed.sync()
    before = followed.generation()
    followed.node.mine(sent)
    followed.sync()
    assert followed.waiting() == set()
    assert followed.replaced() == {}
    assert followed.generation() == before + 1


def test_an_evicted_transaction_leaves_no_trace(followed: Followed) -> None:
    sent = followed.node.accept(spend([(followed.coinbase(1), 0)], [(COIN, script_of("a"))]))
    followed.sync()
    followed.node.evict(sent.txid)
    followed.sync()
    assert followed.waiting() == set()
    assert followed.replaced() == {}


def test_replacements_form_a_timeline(followed: Followed) -> None:
    versions = []
    for step in range(3):
        sent = spend([(followed.coinbase(1), 0)], [((49 - step) * COIN, script_of("a"))])
        versions.append(followed.node.accept(sent, time=1_700_000_000 + step))
        followed.sync()
    first, second, third = versions
    assert followed.waiting() == {third.txid}
    assert followed.replaced() == {first.txid: second.txid, second.txid: third.txid}
    row = followed.rows(replacement)[second.txid]
    assert (row["first_seen"], row["fee"], row["weight"], row["raw"]) == (
        1_700_000_001,
        2 * COIN,
        second.weight,
        second.serialize(),
    )


def test_only_what_is_spent_again_was_replaced_its_children_were_not(followed: Followed) -> None:
    first = followed.node.accept(spend([(followed.coinbase(1), 0)], [(40 * COIN, script_of("a"))]))
    followed.node.accept(spend([(first, 0)], [(39 * COIN, script_of("b"))]))
    followed.sync()
    second = followed.node.accept(spend([(followed.coinbase(1), 0)], [(COIN, script_of("a"))]))
    followed.sync()
    assert followed.waiting() == {second.txid}
    assert followed.replaced() == {first.txid: second.txid}


def test_one_replaces_two(followed: Followed) -> None:
    ones = [
        followed.node.accept(spend([(followed.coinbase(height), 0)], [(COIN, script_of("a"))]))
        for height in (1, 2)
    ]
    followed.sync()
    both = followed.node.accept(
        spend([(followed.coinbase(1), 0), (followed.coinbase(2), 0)], [(COIN, script_of("b"))])
    )
    followed.sync()
    assert followed.replaced() == {each.txid: both.txid for each in ones}


def test_a_block_replaces_what_it_makes_impossible_and_its_children(followed: Followed) -> None:
    waiting = followed.node.accept(
        spend([(followed.coinbase(1), 0)], [(40 * COIN, script_of("a"))])
    )
    followed.node.accept(spend([(waiting, 0)], [(39 * COIN, script_of("b"))]))
    followed.sync()
    mined = spend([(followed.coinbase(1), 0)], [(COIN, script_of("c"))])
    followed.node.mine(mined)
    followed.sync()
    assert followed.waiting() == set()
    assert followed.replaced() == {waiting.txid: mined.txid}


def test_the_replaced_version_may_be_mined_after_all(followed: Followed) -> None:
    first = followed.node.accept(spend([(followed.coinbase(1), 0)], [(40 * COIN, script_of("a"))]))
    followed.sync()
    second = followed.node.accept(spend([(followed.coinbase(1), 0)], [(COIN, script_of("a"))]))
    followed.sync()
    followed.node.mine(first)
    followed.sync()
    assert followed.waiting() == set()
    assert followed.replaced() == {second.txid: first.txid}


def test_a_reorganisation_brings_transactions_back(followed: Followed) -> None:
    sent = spend([(followed.coinbase(1), 0)], [(40 * COIN, script_of("a"))])
    child = spend([(sent, 0)], [(30 * COIN, script_of("b"))])
    followed.node.mine(sent)
    followed.sync()
    followed.node.accept(child)
    followed.sync()
    followed.node.disconnect()
    followed.node.mine()
    followed.node.mine()
    followed.sync()
    assert followed.waiting() == {sent.txid, child.txid}
    followed.node.mine(sent, child)
    followed.sync()
    assert followed.waiting() == set()
    assert followed.replaced() == {}


def test_a_version_that_a_reorganisation_revives_is_no_longer_replaced(followed: Followed) -> None:
    first = followed.node.accept(spend([(followed.coinbase(1), 0)], [(40 * COIN, script_of("a"))]))
    followed.sync()
    second = spend([(followed.coinbase(1), 0)], [(COIN, script_of("a"))])
    followed.node.mine(second)
    followed.sync()
    assert followed.replaced() == {first.txid: second.txid}
    followed.node.disconnect()
    followed.node.evict(second.txid)
    followed.node.mine()
    followed.node.mine()
    followed.node.accept(first)
    followed.sync()
    assert followed.waiting() == {first.txid}
    assert followed.replaced() == {}


def test_nothing_is_done_while_the_node_stands_on_another_tip(followed: Followed) -> None:
    sent = followed.node.accept(spend([(followed.coinbase(1), 0)], [(COIN, script_of("a"))]))
    followed.sync()
    followed.node.mine(sent)
    followed.node.accept(spend([(followed.coinbase(2), 0)], [(COIN, script_of("b"))]))
    assert MempoolSync(followed.database, followed.node).sync() is False
    assert followed.waiting() == {sent.txid}
    followed.sync()
    assert followed.waiting() == set(followed.node.pool)


def test_what_cannot_be_parsed_is_left_out_and_asked_for_once(
    followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    good = followed.node.accept(spend([(followed.coinbase(1), 0)], [(COIN, script_of("a"))]))
    other = spend([(followed.coinbase(2), 0)], [(COIN, script_of("b"))])
    followed.node.pool[b"\x01" * 32] = MempoolEntry(b"not a transaction", 0, 0)
    followed.node.pool[b"\x02" * 32] = MempoolEntry(other.serialize(), 0, 0)
    followed.sync()
    followed.sync()
    assert followed.waiting() == {good.txid}
    assert len([each for each in caplog.records if "Left out" in each.message]) == 2


def test_what_spends_the_unknown_waits_for_it(followed: Followed) -> None:
    parent = spend([(followed.coinbase(1), 0)], [(40 * COIN, script_of("a"))])
    child = spend([(parent, 0)], [(30 * COIN, script_of("b"))])
    grandchild = spend([(child, 0)], [(20 * COIN, script_of("c"))])
    for each in (parent, child, grandchild):
        followed.node.accept(each)
    hidden = followed.node.pool.pop(parent.txid)
    followed.sync()
    assert followed.waiting() == set()
    followed.node.pool[parent.txid] = hidden
    followed.sync()
    assert followed.waiting() == {parent.txid, child.txid, grandchild.txid}


def test_a_node_that_errs_about_a_fee_is_not_believed(
    followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    sent = spend([(followed.coinbase(1), 0)], [(COIN, script_of("a"))])
    followed.node.pool[sent.txid] = MempoolEntry(sent.serialize(), 0, 7)
    followed.sync()
    assert followed.rows(mempool_tx)[sent.txid]["fee"] == 49 * COIN
    assert "its inputs less its outputs are" in caplog.text


def test_old_and_too_many_replacements_are_forgotten(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mempool_module, "REPLACEMENTS_KEPT", 2)
    clock = [1_700_000_000.0]
    following = MempoolSync(followed.database, followed.node, now=lambda: clock[0])
    versions = []
    for step in range(6):
        sent = spend([(followed.coinbase(1), 0)], [((49 - step) * COIN, script_of("a"))])
        versions.append(followed.node.accept(sent))
        clock[0] += 3600
        assert following.sync()
    assert set(followed.replaced()) == {versions[3].txid, versions[4].txid}
    clock[0] += 31 * 86_400
    followed.node.accept(spend([(followed.coinbase(1), 0)], [(COIN, script_of("a"))]))
    assert following.sync()
    assert set(followed.replaced()) == {versions[5].txid}
