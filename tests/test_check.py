"""`check` agrees with a sound index and finds every kind of planted corruption."""

import threading
from collections.abc import Callable, Iterator, Mapping

import pytest
from sqlalchemy import ColumnElement, Connection, Table, and_, delete, insert, select, update

from indexer.chain.encoding import Transaction, TxOutput, parse_block
from indexer.check import check
from indexer.database import Database
from indexer.node.base import NodeUnavailableError
from indexer.schema import (
    BUSY_OUTPUTS,
    block,
    input_,
    mempool_input,
    mempool_output,
    mempool_tx,
    metadata,
    output,
    raw_block,
    replacement,
    script,
    script_coin,
    script_spend,
    stale_block,
    state,
    tx,
)
from indexer.sync.indexer import Indexer
from tests.scripted_node import COIN, ScriptedNode, script_of, spend

# Nothing else in the database or the node tells what these should be.
NOT_DERIVED = {
    "stale_block.disconnected_at",
    "mempool_tx.first_seen",
    "replacement.replaced_by",
    "replacement.replaced_at",
    "replacement.first_seen",
    *(
        f"state.{column.name}"
        for column in state.columns
        if column.name not in {"network", "genesis", "phase", "tip_height", "tip_hash"}
    ),
}


class Chain:
    """Blocks with spends, reuse and data, a stale block, a mempool and a replacement; indexed."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.node = ScriptedNode()
        self.indexer = Indexer(
            database, self.node, keep_raw_blocks=True, stop=threading.Event(), progress=False
        )
        for _ in range(6):
            self.node.mine()
        self.sync()
        for height in range(1, 4):
            self.node.mine(*self._payments(height), miner=f"miner {height % 2}")
            self.sync()
        stale = spend([(self._coinbase(4), 0)], [(30 * COIN, script_of("stale"))])
        self.node.mine(stale)
        self.sync()
        self.node.disconnect()
        self.node.mine()
        self.node.mine()
        first = spend([(self._coinbase(5), 0)], [(30 * COIN, script_of("first"))])
        self.node.accept(first)
        self.sync()
        second = spend([(self._coinbase(5), 0)], [(29 * COIN, script_of("second"))])
        self.node.accept(second)
        self.node.accept(spend([(second, 0)], [(28 * COIN, script_of("third"))]))
        self.sync()

    def sync(self) -> None:
        while self.indexer.step():
            pass

    def _coinbase(self, height: int) -> Transaction:
        return self.node.chain[height].transactions[0]

    def _payments(self, height: int) -> list[Transaction]:
        paid = spend(
            [(self._coinbase(height), 0)],
            [
                *([(COIN, script_of("shop"))] * (BUSY_OUTPUTS + 4)),
                (0, b"\x6a\x03hey"),
                (29 * COIN + height, script_of(f"customer {height}")),
            ],
        )
        inputs = [(paid, BUSY_OUTPUTS + 5), (paid, 0)]
        return [paid, spend(inputs, [(29 * COIN, script_of("shop"))], sequence=0xFFFFFFFF)]


@pytest.fixture
def chain(database: Database) -> Chain:
    return Chain(database)


def found_in(chain: Chain, sample: int | None = None) -> str:
    """The words for the difference, or none."""
    result = check(chain.database, chain.node, sample=sample)
    assert result.ok == (result.difference is None)
    return str(result.difference or "")


def test_a_sound_index_agrees(chain: Chain) -> None:
    told: list[tuple[int, int]] = []
    result = check(chain.database, chain.node, progress=lambda *each: told.append(each))
    assert result.ok
    assert str(result) == "12 of 12 blocks with 18 transactions agree with the node"
    assert told == [(height, 12) for height in range(1, 13)]
    sampled = check(chain.database, chain.node, sample=4)
    assert str(sampled).startswith("4 of 12 blocks with ")


def test_an_empty_index_agrees_with_anything(database: Database) -> None:
    assert str(check(database, ScriptedNode())).startswith("0 of 0 blocks")


def altered(value: object, *, unique: bool) -> object:
    if isinstance(value, int):
        return value + (1000 if unique else 1)
    if isinstance(value, str):
        return value + "?"
    assert isinstance(value, bytes)
    return value[:-1] + bytes([value[-1] ^ 1]) if value else b"\x51"


def same_row(table: Table, row: Mapping[str, object]) -> ColumnElement[bool]:
    return and_(*(table.c[key.name] == row[key.name] for key in table.primary_key))


def each_cell(connection: Connection) -> Iterator[tuple[Table, str, dict[str, object]]]:
    """One cell of each column of each table: of the row in its middle."""
    for table in metadata.sorted_tables:
        rows = connection.execute(select(table).order_by(*table.primary_key)).mappings().all()
        assert rows, f"the chain of this test has no row in {table.name}"
        for column in table.columns:
            if f"{table.name}.{column.name}" not in NOT_DERIVED | {"state.id"}:
                yield table, column.name, dict(rows[len(rows) // 2])


def test_one_wrong_cell_in_any_column_is_found(chain: Chain) -> None:
    with chain.database.read() as connection:
        cells = list(each_cell(connection))
    missed = []
    for table, name, row in cells:
        wrong = {**row, name: altered(row[name], unique=table.c[name].primary_key)}
        with chain.database.write() as connection:
            connection.execute(update(table).where(same_row(table, row)).values(wrong))
        if not found_in(chain):
            missed.append(f"{table.name}.{name}")
        with chain.database.write() as connection:
            connection.execute(update(table).where(same_row(table, wrong)).values(row))
    assert missed == []
    assert len(cells) > 70
    assert found_in(chain) == ""


def test_a_lacking_row_in_any_table_is_found(chain: Chain) -> None:
    missed = []
    for table in (
        block, tx, output, input_, script, script_coin, script_spend, mempool_output, mempool_input,
    ):  # fmt: skip
        with chain.database.read() as connection:
            rows = connection.execute(select(table).order_by(*table.primary_key)).mappings().all()
        for row in (dict(rows[0]), dict(rows[-1])):
            with chain.database.write() as connection:
                connection.execute(delete(table).where(same_row(table, row)))
            if not found_in(chain):
                missed.append((table.name, row))
            with chain.database.write() as connection:
                connection.execute(insert(table).values(row))
    assert missed == []
    assert found_in(chain) == ""


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        (tx, {"tx_id": 10_000}),
        (output, {"output_id": 10_000}),
        (input_, {"input_id": 10_000}),
        (script_coin, {"script_id": 10_000}),
        (script_coin, {"output_id": 10_000}),
        (script_spend, {"script_id": 10_000}),
        (script_spend, {"input_id": 10_000}),
        (script, {"script_id": 10_000}),
        (mempool_output, {"vout": 10_000}),
        (mempool_input, {"vin": 10_000}),
        (mempool_output, {"txid": b"\x07" * 32}),
        (mempool_input, {"txid": b"\x07" * 32}),
        (raw_block, {"hash": b"\x07" * 32}),
    ],
    ids=lambda value: value.name if isinstance(value, Table) else "-".join(value),
)
def test_a_row_too_many_is_found(chain: Chain, table: Table, changes: dict[str, object]) -> None:
    with chain.database.write() as connection:
        row = connection.execute(select(table).limit(1)).mappings().one()
        connection.execute(insert(table).values({**row, **changes}))
    assert found_in(chain).startswith(f"table {table.name}, ")


def test_the_difference_is_told_in_words(chain: Chain) -> None:
    with chain.database.write() as connection:
        connection.execute(update(tx).where(tx.c.tx_id == 38).values(fee=5))
    txid = chain.node.chain[7].transactions[2].txid[::-1].hex()
    result = check(chain.database, chain.node)
    assert str(result) == (
        "The index differs from the node: "
        f"table tx, tx_id 38 ({txid} at height 7), column fee: found 5, expected {COIN + 1}"
    )


@pytest.mark.parametrize(
    "damage",
    [
        update(output).where(output.c.output_id == 16).values(value=output.c.value + 1),
        update(input_).where(input_.c.input_id == 38).values(output_id=0),
        update(tx).where(tx.c.tx_id == 16).values(size=1),
        update(block).where(block.c.height == 7).values(fees=1),
        update(script).values(received=script.c.received + 1),
        update(script).values(last_tx_id=script.c.last_tx_id + 1),
        update(script).values(unspent=script.c.unspent + 1),
        delete(script),
        delete(script_coin),
        delete(script_spend),
    ],
)
def test_a_sample_that_meets_the_damage_finds_it(
    chain: Chain, damage: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.check.random.sample", lambda *_: [7])
    assert found_in(chain, sample=1) == ""
    with chain.database.write() as connection:
        connection.execute(damage)  # type: ignore[call-overload]
    assert found_in(chain, sample=1) != ""


def test_a_coin_that_is_spent_is_found_by_sample(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.check.random.sample", lambda *_: [7])
    with chain.database.write() as connection:
        spend_row = connection.execute(select(script_spend).limit(1)).one()
        spent = connection.scalar(
            select(input_.c.output_id).where(input_.c.input_id == spend_row.input_id)
        )
        connection.execute(
            insert(script_coin).values(script_id=spend_row.script_id, output_id=spent)
        )
    assert "found a row, expected no row" in found_in(chain, sample=1)


def test_nothing_of_a_transaction_both_waits_and_is_confirmed(chain: Chain) -> None:
    with chain.database.write() as connection:
        confirmed = chain.node.chain[7].transactions[1]
        row = connection.execute(select(mempool_tx).limit(1)).mappings().one()
        changes = {"txid": confirmed.txid, "raw": confirmed.serialize()}
        connection.execute(insert(mempool_tx).values({**row, **changes}))
    assert "no row: it is confirmed" in found_in(chain)


def test_a_stale_block_that_is_in_the_chain_is_found(chain: Chain) -> None:
    with chain.database.write() as connection:
        good = connection.execute(select(block).where(block.c.height == 3)).one()
        connection.execute(update(stale_block).values(hash=good.hash))
    assert "no row: it is in the chain" in found_in(chain)


def test_a_block_that_the_node_gives_wrongly_is_the_nodes_fault(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = chain.node.block

    def wrong(block_hash: bytes) -> bytes:
        parsed = parse_block(right(block_hash), chain.node.network)
        first = parsed.transactions[0]
        forged = Transaction(2, first.inputs, [TxOutput(1, b"")])
        return parsed.header.serialize() + b"\x01" + forged.serialize()

    monkeypatch.setattr(chain.node, "block", wrong)
    assert found_in(chain).startswith("table (the node's block), height 0, column Merkle root")


def test_an_index_ahead_of_the_node_is_told(chain: Chain) -> None:
    chain.node.disconnect(3)
    assert "expected nothing, as the node's tip is at height 8" in found_in(chain)


def test_while_loading_addresses_are_not_compared(database: Database) -> None:
    node = ScriptedNode()
    node.mine()
    stop = threading.Event()
    indexer = Indexer(database, node, keep_raw_blocks=False, stop=stop, progress=False)
    indexer._require_same_chain()
    indexer._bulk.load(1)
    result = check(database, node)
    assert result.ok
    assert "addresses were not compared" in str(result)


def test_a_node_that_is_down_is_no_difference(
    chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(height: int) -> bytes:
        raise NodeUnavailableError("The node is down")

    fail: Callable[[int], bytes] = down
    monkeypatch.setattr(chain.node, "block_hash", fail)
    with pytest.raises(NodeUnavailableError):
        check(chain.database, chain.node)


def test_replacements_are_compared(chain: Chain) -> None:
    with chain.database.write() as connection:
        connection.execute(update(replacement).values(fee=replacement.c.fee + 1))
    assert found_in(chain).startswith("table replacement, ")
