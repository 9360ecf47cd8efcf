"""What goes wrong with a node or beside it, and what the indexer makes of it."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event

import pytest
from sqlalchemy import Connection, Row, Table, select, text

from indexer import schema
from indexer.chain.encoding import Transaction, TxInput, TxOutput
from indexer.database import Database
from indexer.node.base import (
    BlockUnavailableError,
    NodeError,
    NodeUnavailableError,
    WrongNetworkError,
)
from indexer.sync import busy, drafting, rows, scan, writing
from indexer.sync import indexer as indexer_module
from indexer.sync.indexer import Indexer
from indexer.sync.prevouts import UnknownPrevoutError
from indexer.sync.rows import InvalidBlockError
from indexer.sync.state import TipMovedError, WrongDatabaseError
from tests.synthetic import SyntheticNode, make_block, make_coinbase
from tests.tables import make_fresh, read_tables, require_equal

PATIENCE = 20.0  # seconds


@pytest.fixture
def node() -> SyntheticNode:
    node = SyntheticNode(7)
    node.mine(20)
    return node


@pytest.fixture
def new_indexer(database: Database, node: SyntheticNode) -> Callable[..., Indexer]:
    def make(stop: Event | None = None, *, keep_raw_blocks: bool = False) -> Indexer:
        return Indexer(
            database,
            node,
            keep_raw_blocks=keep_raw_blocks,
            stop=stop or Event(),
            progress=False,
        )

    return make


def read_state(database: Database) -> Row[tuple[object, ...]]:
    with database.read() as connection:
        return connection.execute(select(schema.state)).one()


@contextmanager
def running(indexer: Indexer, stop: Event) -> Iterator[None]:
    thread = threading.Thread(target=indexer.run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_pruned_node_is_told_apart(
    database: Database, node: SyntheticNode, new_indexer: Callable[..., Indexer]
) -> None:
    node.pruned_height = 15
    with pytest.raises(BlockUnavailableError, match=r"from height 15 on.* needs block 0 next"):
        new_indexer().step()
    node.pruned_height = None
    new_indexer().step()
    node.pruned_height = 15
    node.mine(3)
    new_indexer().step()
    node.pruned_height = None
    require_equal(read_tables(database), make_fresh(node))


def test_pages_are_told_why_and_until_when(
    database: Database,
    node: SyntheticNode,
    new_indexer: Callable[..., Indexer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(indexer_module, "FIRST_RETRY", 0.05)
    monkeypatch.setattr(indexer_module, "POLL", 0.05)
    new_indexer().step()
    node.pruned_height = 30
    node.mine(15)
    stop = Event()
    with running(new_indexer(stop), stop):
        wait_for(lambda: read_state(database).node_error is not None)
        assert "pruned" in read_state(database).node_error
        assert read_state(database).tip_height == 20
        node.pruned_height = None
        wait_for(lambda: read_state(database).tip_height == 35)
        assert read_state(database).node_error is None
    require_equal(read_tables(database), make_fresh(node))


def test_a_database_of_another_network_is_refused(
    database: Database, node: SyntheticNode, new_indexer: Callable[..., Indexer]
) -> None:
    new_indexer().step()
    with database.write() as connection:
        connection.execute(text("UPDATE state SET network = 'litecoin-main'"))
    with pytest.raises(WrongDatabaseError, match=r"index of litecoin-main.*bitcoin-regtest"):
        new_indexer().run()
    with database.write() as connection:
        connection.execute(
            text(
                "UPDATE state SET network = 'bitcoin-regtest', genesis = hash"
                " FROM block WHERE height = 1"
            )
        )
    with pytest.raises(WrongDatabaseError, match="its genesis block differs"):
        new_indexer().run()


def test_a_node_of_another_network_is_refused(
    database: Database, node: SyntheticNode, new_indexer: Callable[..., Indexer]
) -> None:
    new_indexer().step()
    before = read_tables(database)
    indexer = new_indexer()
    other = SyntheticNode(8)
    other.mine(2)
    node.path, node.raw = other.path[1:], other.raw  # another genesis block
    with pytest.raises(WrongNetworkError, match="genesis"):
        indexer.step()
    require_equal(read_tables(database), before)


def test_a_node_that_catches_up_again_is_waited_for(
    database: Database, node: SyntheticNode, new_indexer: Callable[..., Indexer]
) -> None:
    new_indexer().step()
    before = read_tables(database)
    path = list(node.path)
    del node.path[10:]
    node.initial_download = True
    with pytest.raises(NodeUnavailableError, match="at block 9 and still catching up"):
        new_indexer().step()
    require_equal(read_tables(database), before)
    node.path = path
    assert not new_indexer().step()


def test_a_chain_that_became_shorter_is_followed(
    database: Database, node: SyntheticNode, new_indexer: Callable[..., Indexer]
) -> None:
    new_indexer().step()
    del node.path[10:]
    new_indexer().step()
    require_equal(read_tables(database), make_fresh(node))


def test_a_node_still_downloading_is_loaded_from_without_building(
    database: Database, node: SyntheticNode, new_indexer: Callable[..., Indexer]
) -> None:
    node.initial_download, node.headers = True, 1000
    indexer = new_indexer()
    indexer.step()
    assert read_state(database).phase == "bulk"
    assert read_state(database).tip_height == 20
    assert not indexer.step()
    node.reorganise(5, 8)
    indexer.step()
    node.initial_download = False
    while indexer.step():
        pass
    require_equal(read_tables(database), make_fresh(node))


def test_disconnecting_needs_no_stale_block(
    database: Database, node: SyntheticNode, new_indexer: Callable[..., Indexer]
) -> None:
    new_indexer().step()
    stale = node.path[5:]
    node.reorganise(16, 17)
    for block_hash in stale:
        del node.raw[block_hash]
    new_indexer().step()
    require_equal(read_tables(database), make_fresh(node))


def break_block(node: SyntheticNode, change: Callable[[bytes], bytes]) -> None:
    node.raw[node.path[-1]] = change(node.raw[node.path[-1]])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw[:-1], "cannot be read"),
        (lambda raw: b"", "cannot be read"),
        (lambda raw: raw[:79] + b"\xff" + raw[80:], "the node gave"),
        (lambda raw: raw[:-5] + b"\xff" + raw[-4:], "does not hold the transactions"),
    ],
    ids=["cut", "empty", "another", "forged"],
)
def test_nonsense_changes_nothing(
    database: Database,
    node: SyntheticNode,
    new_indexer: Callable[..., Indexer],
    change: Callable[[bytes], bytes],
    words: str,
) -> None:
    new_indexer().step()
    before = read_tables(database)
    node.mine(1, transactions=0)
    good = node.raw[node.path[-1]]
    break_block(node, change)
    with pytest.raises(InvalidBlockError, match=words):
        new_indexer().step()
    require_equal(read_tables(database), before)
    break_block(node, lambda _: good)
    new_indexer().step()
    require_equal(read_tables(database), make_fresh(node))


def test_spending_what_is_not_there_changes_nothing(
    database: Database, node: SyntheticNode, new_indexer: Callable[..., Indexer]
) -> None:
    new_indexer().step()
    before = read_tables(database)
    parent = node.tip_block
    spent_already = next(
        each
        for block in parent.chain()
        for transaction in block.block.transactions[1:]
        for each in transaction.inputs
        if (each.prev_txid, each.prev_vout) not in parent.coins
    )
    unknown = TxInput(bytes([9]) * 32, 0, b"", 0)
    too_far = spent_already._replace(prev_vout=50_000)
    errors: dict[TxInput, type[NodeError]] = {
        spent_already: InvalidBlockError,
        unknown: UnknownPrevoutError,
        too_far: UnknownPrevoutError,
    }
    for tx_input, error in errors.items():
        thief = Transaction(1, [tx_input], [TxOutput(0, b"")])
        coinbase = make_coinbase(b"thief", [TxOutput(1, b"")])
        node.add(make_block(parent, [coinbase, thief], 1))
        with pytest.raises(error):
            new_indexer().step()
        require_equal(read_tables(database), before)
        node.path.pop()


def test_a_second_indexer_is_noticed(
    database: Database,
    node: SyntheticNode,
    new_indexer: Callable[..., Indexer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = new_indexer(), new_indexer()
    first.step()
    second.step()
    node.mine(3)
    block = SyntheticNode.block

    def overtaken(self: SyntheticNode, block_hash: bytes) -> bytes:
        monkeypatch.undo()
        first.step()
        return block(self, block_hash)

    monkeypatch.setattr(SyntheticNode, "block", overtaken)
    with pytest.raises(TipMovedError, match="Another indexer"):
        second.step()
    require_equal(read_tables(database), make_fresh(node))


@pytest.mark.parametrize("blocks", [0, 25], ids=["load", "follow"])
def test_postgresql_may_go_away(
    postgres_database: Database,
    node: SyntheticNode,
    monkeypatch: pytest.MonkeyPatch,
    blocks: int,
) -> None:
    """Its connections end at every eleventh COPY, as when the server restarts."""
    monkeypatch.setattr(indexer_module, "FIRST_RETRY", 0.01)
    monkeypatch.setattr(indexer_module, "LAST_RETRY", 0.01)
    monkeypatch.setattr(drafting, "BATCH_BLOCKS", 5)
    database, stop = postgres_database, Event()
    indexer = Indexer(database, node, keep_raw_blocks=False, stop=stop, progress=False)
    if blocks:
        indexer.step()
    node.mine(30)
    copies = 0
    copy = writing._copy

    def cut_off(
        connection: Connection, table: Table, names: str, rows: Sequence[tuple[object, ...]]
    ) -> None:
        nonlocal copies
        copies += 1
        if copies % 11 == 0:
            process = connection.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
            with database.autocommit() as other:
                other.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})
        copy(connection, table, names, rows)

    monkeypatch.setattr(writing, "_copy", cut_off)
    with running(indexer, stop):
        wait_for(lambda: read_state(database).phase == "follow")
        wait_for(lambda: read_state(database).tip_height == len(node.path) - 1)
    assert copies > 11
    monkeypatch.undo()
    require_equal(read_tables(database), make_fresh(node))


def test_what_was_stale_and_raw_is_kept(
    database: Database, node: SyntheticNode, new_indexer: Callable[..., Indexer]
) -> None:
    indexer = new_indexer(keep_raw_blocks=True)
    indexer.step()
    generation = read_state(database).chain_generation
    old = node.path[-3:]
    node.reorganise(3, 4)
    new = node.path[-4:]
    indexer.step()
    state = read_state(database)
    assert state.chain_generation == generation + 3 + 4
    assert state.last_reorg_depth == 3
    with database.read() as connection:
        stale = connection.execute(select(schema.stale_block)).all()
        raw = dict(
            connection.execute(select(schema.raw_block.c.hash, schema.raw_block.c.raw)).all()
        )
    assert {row.hash for row in stale} == set(old)
    for row in stale:
        block = node.blocks[row.hash]
        assert (row.height, row.header, row.size) == (block.height, block.raw[:80], len(block.raw))
        assert row.tx_count == len(block.block.transactions)
    assert raw == {each: node.raw[each] for each in node.raw}
    node.path[-4:] = old
    indexer.step()
    with database.read() as connection:
        stale_now = connection.scalars(select(schema.stale_block.c.hash)).all()
    assert set(stale_now) == set(new)
    require_equal(read_tables(database), make_fresh(node))


def test_a_build_ends_at_once_when_told_to_stop(
    database: Database,
    new_indexer: Callable[..., Indexer],
    node: SyntheticNode,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endless = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    )
    monkeypatch.setattr(busy, "_FILL_SCRIPT", endless)
    stop = Event()
    indexer = new_indexer(stop)
    with running(indexer, stop):
        wait_for(lambda: read_progress(database) > 0.6)
        time.sleep(0.3)
        begun = time.monotonic()
        stop.set()
    assert time.monotonic() - begun < 5
    assert read_state(database).phase == "bulk"
    monkeypatch.undo()
    new_indexer().step()
    require_equal(read_tables(database), make_fresh(node))


def read_progress(database: Database) -> float:
    with database.read() as connection:
        return connection.scalar(select(schema.state.c.progress)) or 0.0


def test_scripts_that_share_a_key(
    database: Database,
    node: SyntheticNode,
    new_indexer: Callable[..., Indexer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A short key stands in for 2^32 work."""
    for module in (rows, scan):
        monkeypatch.setattr(
            module, "script_key", lambda script: len(script) % 25 + script[3:4].count(4)
        )
    node.reorganise(20, 1)
    indexer = new_indexer()
    indexer.step()
    shared = 0
    for _ in range(25):
        node.mine(1, transactions=12)
        indexer.step()
        if len(node.path) % 5 == 0:
            node.reorganise(2, 3)
            indexer.step()
        found = read_tables(database)
        require_equal(found, make_fresh(node))
        outputs = Counter(row[2:] for row in found["output"])
        many = {each: count for each, count in outputs.items() if count > schema.BUSY_OUTPUTS}
        assert sorted(row[3] for row in found["script"]) == sorted(many.values())
        assert sorted(row[1] for row in found["script"]) == sorted(key for key, _ in many)
        shared += len(many) > len({key for key, _ in many})
    assert 0 < shared < 25
