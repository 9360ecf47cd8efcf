"""What is kept of busy scripts, moved block by block: their totals, coins and spends.

A script is busy while it has more than BUSY_OUTPUTS outputs.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, bindparam, delete, func, select, text

from indexer import schema
from indexer.schema import BUSY_OUTPUTS, tx_of
from indexer.sync.prevouts import newest_transactions, pieces
from indexer.sync.rows import BlockRows, InvalidBlockError
from indexer.sync.writing import execute_many, insert_rows
from indexer.unspent import can_be_coin, is_spendable, is_unspendable

Coin: TypeAlias = tuple[int, int, int]  # script_id, output_id, value

_tx, _output, _input, _script = schema.tx.c, schema.output.c, schema.input_.c, schema.script.c

# Outputs and inputs from an id on that pay or spend a busy script. CROSS JOIN: in this order.
_MADE = text("""
SELECT script.script_id, made.output_id, made.value, made.script
FROM output AS made CROSS JOIN script CROSS JOIN output AS first
WHERE made.output_id >= :low AND script.script_key = made.script_key
    AND first.output_id = script.script_id AND first.script = made.script
ORDER BY made.output_id
""")
_SPENT = text("""
SELECT script.script_id, input.input_id, spent.output_id, spent.value
FROM input CROSS JOIN output AS spent CROSS JOIN script CROSS JOIN output AS first
WHERE input.input_id >= :low AND spent.output_id = input.output_id
    AND script.script_key = spent.script_key
    AND first.output_id = script.script_id AND first.script = spent.script
ORDER BY input.input_id
""")
_ADD = """
UPDATE script SET
    tx_count = tx_count + ?,
    output_count = output_count + ?,
    received = received + ?,
    input_count = input_count + ?,
    sent = sent + ?,
    unspent_count = unspent_count + ?,
    unspent = unspent + ?
WHERE script_id = ?
"""
_LAST_TX = """
UPDATE script SET last_tx_id = (
    SELECT max(tx_id) FROM tx WHERE tx_id <= (
        SELECT max(id) FROM (
            SELECT id FROM (
                SELECT paid.output_id AS id FROM output AS first CROSS JOIN output AS paid
                WHERE first.output_id = ? AND paid.script_key = first.script_key
                    AND paid.script = first.script AND paid.output_id < ?
                ORDER BY paid.output_id DESC LIMIT 1
            ) AS newest
            UNION ALL SELECT max(input_id) FROM script_spend WHERE script_id = ? AND input_id < ?
        ) AS remaining
    )
) WHERE script_id = ?
"""
_DELETE_COIN = "DELETE FROM script_coin WHERE script_id = ? AND output_id = ?"
_DELETE_COINS = "DELETE FROM script_coin WHERE script_id = ? AND output_id >= ?"
_DELETE_SPENDS = "DELETE FROM script_spend WHERE script_id = ? AND input_id >= ?"

_many_outputs = (
    select(func.min(_output.output_id))
    .where(_output.script_key.in_(bindparam("keys", expanding=True)))
    .group_by(_output.script_key, _output.script)
    .having(func.count() > BUSY_OUTPUTS)
)
_spent_already = select(_input.output_id).where(
    _input.output_id.in_(bindparam("ids", expanding=True))
)


@dataclass(slots=True)
class _Change:
    """What one block does to one script."""

    tx_ids: set[int] = field(default_factory=set)
    output_count: int = 0
    received: int = 0
    input_count: int = 0
    sent: int = 0
    unspent_count: int = 0
    unspent: int = 0

    def sums(self) -> tuple[int, ...]:
        return (
            len(self.tx_ids),
            self.output_count,
            self.received,
            self.input_count,
            self.sent,
            self.unspent_count,
            self.unspent,
        )

    def receive(self, tx_id: int, value: int) -> None:
        self.tx_ids.add(tx_id)
        self.output_count += 1
        self.received += value

    def send(self, tx_id: int, value: int) -> None:
        self.tx_ids.add(tx_id)
        self.input_count += 1
        self.sent += value


class _Changes(dict[int, _Change]):
    """By script_id."""

    def __missing__(self, script_id: int) -> _Change:
        change = self[script_id] = _Change()
        return change

    def add_coins(self, coins: Iterable[Coin], sign: int) -> None:
        for script_id, _, value in coins:
            self[script_id].unspent_count += sign
            self[script_id].unspent += sign * value


@dataclass(slots=True)
class _Kept:
    """Rows to insert."""

    scripts: list[tuple[int, ...]] = field(default_factory=list)
    coins: list[tuple[int, ...]] = field(default_factory=list)
    spends: list[tuple[int, ...]] = field(default_factory=list)


def require_unspent(connection: Connection, rows: BlockRows) -> None:
    """InvalidBlockError if the block, whose rows are not inserted yet, spends an output again."""
    spent = sorted({output_id for _, output_id in rows.inputs})
    old = [output_id for output_id in spent if output_id < rows.position.tx_id]
    if len(spent) < len(rows.inputs) or any(
        connection.execute(_spent_already, {"ids": some}).first() for some in pieces(old)
    ):
        raise InvalidBlockError(
            f"The block at height {rows.position.height} spends an output that is spent already"
        )


def connect(connection: Connection, rows: BlockRows) -> None:
    """Bring what is kept forward by the newest block, whose rows are inserted."""
    low = rows.position.tx_id
    made = connection.execute(_MADE, {"low": low}).all()
    spent = connection.execute(_SPENT, {"low": low}).all()
    changes = _changes([row[0] for row in rows.transactions], made, spent)
    created = _created(made, {output_id for _, output_id in rows.inputs})
    lost = [(row.script_id, row.output_id, row.value) for row in spent if row.output_id < low]
    lost += _coins_repeated(connection, [row[1] for row in rows.transactions], low)
    changes.add_coins(created, 1)
    changes.add_coins(lost, -1)
    execute_many(connection, _ADD, [(*each.sums(), key) for key, each in changes.items()])
    execute_many(
        connection,
        "UPDATE script SET last_tx_id = ? WHERE script_id = ?",
        [(max(each.tx_ids), key) for key, each in changes.items() if each.tx_ids],
    )
    execute_many(connection, _DELETE_COIN, [coin[:2] for coin in lost])
    busy = {row.output_id for row in made}
    keys = {row[2] for row in rows.outputs if row[0] not in busy}
    kept = _Kept(coins=[coin[:2] for coin in created], spends=[tuple(row[:2]) for row in spent])
    for script_id in sorted(_newly_busy(connection, keys)):
        _gather(connection, script_id, kept)
    insert_rows(connection, schema.script, kept.scripts)
    insert_rows(connection, schema.script_coin, kept.coins)
    insert_rows(connection, schema.script_spend, kept.spends)


def disconnect(connection: Connection, block: Row[Any]) -> None:
    """Take it back by the newest block, whose rows are still there."""
    low = block.first_tx_id
    made = connection.execute(_MADE, {"low": low}).all()
    spent = connection.execute(_SPENT, {"low": low}).all()
    starts = connection.scalars(select(_tx.tx_id).where(_tx.tx_id >= low).order_by(_tx.tx_id)).all()
    in_block = connection.scalars(select(_input.output_id).where(_input.input_id >= low))
    changes = _changes(starts, made, spent)
    found = {(row.script_id, row.output_id, row.value) for row in spent if row.output_id < low}
    found.update(_coins_no_longer_repeated(connection, low))
    changes.add_coins(_created(made, set(in_block)), 1)
    changes.add_coins(found, -1)
    ids = sorted(changes)
    subtracted = [(*(-each for each in changes[key].sums()), key) for key in ids]
    execute_many(connection, _ADD, subtracted)
    execute_many(connection, _DELETE_COINS, [(key, low) for key in ids])
    execute_many(connection, _DELETE_SPENDS, [(key, low) for key in ids])
    insert_rows(connection, schema.script_coin, sorted(coin[:2] for coin in found))
    _forget_quiet(connection, ids)
    execute_many(connection, _LAST_TX, [(key, low, key, low, key) for key in ids])


def _changes(
    starts: Sequence[int], made: Sequence[Row[Any]], spent: Sequence[Row[Any]]
) -> _Changes:
    """All but the unspent sums. `starts`: the block's tx_ids, rising."""
    changes = _Changes()
    for row in made:
        tx_id = starts[bisect_right(starts, row.output_id) - 1]
        changes[row.script_id].receive(tx_id, row.value)
    for row in spent:
        tx_id = starts[bisect_right(starts, row.input_id) - 1]
        changes[row.script_id].send(tx_id, row.value)
    return changes


def _created(made: Sequence[Row[Any]], spent_in_block: set[int]) -> list[Coin]:
    """What a block leaves unspent of its own outputs. (Nobody follows the genesis block.)"""
    return [
        (row.script_id, row.output_id, row.value)
        for row in made
        if row.output_id not in spent_in_block and not is_unspendable(row.script)
    ]


def _newly_busy(connection: Connection, keys: set[int]) -> set[int]:
    found: set[int] = set()
    for some in pieces(sorted(keys)):
        found.update(connection.scalars(_many_outputs, {"keys": some}))
    known: set[int] = set()
    for some in pieces(sorted(found)):  # their keys are another script's too
        known.update(
            connection.scalars(select(_script.script_id).where(_script.script_id.in_(some)))
        )
    return found - known


def _gather(connection: Connection, script_id: int, kept: _Kept) -> None:
    """Add the rows of a script that has become busy, from its outputs and inputs."""
    first = schema.output.alias("first")
    moves = connection.execute(
        select(
            first.c.script_key,
            _output.output_id,
            _output.value,
            _tx.tx_id,
            _input.input_id,
            tx_of(_input.input_id).label("spender"),
            can_be_coin().label("can_be_coin"),
        )
        .join_from(first, schema.output, first.c.script_key == _output.script_key)
        .join(schema.tx, _tx.tx_id == tx_of(_output.output_id))
        .outerjoin(schema.input_, _input.output_id == _output.output_id)
        .where(first.c.output_id == script_id, first.c.script == _output.script)
    ).all()
    change = _Change()
    for row in moves:
        change.receive(row.tx_id, row.value)
        if row.input_id is not None:
            change.send(row.spender, row.value)
            kept.spends.append((script_id, row.input_id))
        elif row.can_be_coin:
            kept.coins.append((script_id, row.output_id))
            change.unspent_count += 1
            change.unspent += row.value
    key, last = moves[0].script_key, max(change.tx_ids)
    kept.scripts.append((script_id, key, *change.sums(), last))


def _forget_quiet(connection: Connection, ids: Sequence[int]) -> None:
    """Those of the scripts that are busy no more."""
    quiet: list[int] = []
    for some in pieces(ids):
        quiet += connection.scalars(
            select(_script.script_id).where(
                _script.script_id.in_(some), _script.output_count <= BUSY_OUTPUTS
            )
        )
    for table in (schema.script_coin, schema.script_spend, schema.script):
        for some in pieces(quiet):
            connection.execute(delete(table).where(table.c.script_id.in_(some)))


def _coins_repeated(connection: Connection, txids: Iterable[bytes], before: int) -> list[Coin]:
    """The coins of transactions below a tx_id with these txids."""
    coin = schema.script_coin
    coins: list[Coin] = []
    for older in newest_transactions(connection, set(txids), before).values():
        found = connection.execute(
            select(coin.c.script_id, coin.c.output_id, _output.value)
            .join_from(schema.output, schema.script, _script.script_key == _output.script_key)
            .join(
                coin,
                (coin.c.script_id == _script.script_id) & (coin.c.output_id == _output.output_id),
            )
            .where(_output.output_id.in_(older.output_ids))
        )
        coins += [(row.script_id, row.output_id, row.value) for row in found]
    return coins


def _coins_no_longer_repeated(connection: Connection, low: int) -> list[Coin]:
    """What was unspent of older transactions until the block from an id on repeated them."""
    txids = set(connection.scalars(select(_tx.txid).where(_tx.tx_id >= low)))
    first = schema.output.alias("first")
    coins: list[Coin] = []
    for older in newest_transactions(connection, txids, low).values():
        found = connection.execute(
            select(_script.script_id, _output.output_id, _output.value)
            .join_from(schema.output, schema.script, _script.script_key == _output.script_key)
            .join(first, first.c.output_id == _script.script_id)
            .outerjoin(
                schema.input_, (_input.output_id == _output.output_id) & (_input.input_id < low)
            )
            .where(first.c.script == _output.script, _input.input_id.is_(None), is_spendable())
            .where(_output.output_id.in_(older.output_ids))
        )
        coins += [(row.script_id, row.output_id, row.value) for row in found]
    return coins
