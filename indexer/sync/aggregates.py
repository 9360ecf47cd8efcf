"""What is kept per script: its unspent outputs and its totals, moved block by block.

An output is in utxo when no input spends it, it can be spent at all, it is not the genesis
block's, and no later transaction has the same txid (before BIP30 a coinbase could repeat an
older one, whose unspent outputs then were lost).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    distinct,
    exists,
    func,
    join,
    select,
    update,
)

from indexer import schema
from indexer.sync.prevouts import newest_transactions, pieces
from indexer.sync.rows import BlockRows, InputRow, InvalidBlockError, OutputRow, is_unspendable
from indexer.sync.writing import execute_many, insert_rows

# script_key, output_id, value: a row of utxo
Coin = tuple[int, int, int]

GENESIS_TX_ID = 0

_tx, _output, _input = schema.tx.c, schema.output.c, schema.input_.c
_utxo, _script = schema.utxo.c, schema.script.c

_UPSERT = """
INSERT INTO script (script_key, tx_count, output_count, received, input_count, sent,
    unspent_count, unspent, first_tx_id, last_tx_id, ambiguous)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (script_key) DO UPDATE SET
    tx_count = script.tx_count + excluded.tx_count,
    output_count = script.output_count + excluded.output_count,
    received = script.received + excluded.received,
    input_count = script.input_count + excluded.input_count,
    sent = script.sent + excluded.sent,
    unspent_count = script.unspent_count + excluded.unspent_count,
    unspent = script.unspent + excluded.unspent,
    last_tx_id = excluded.last_tx_id,
    ambiguous = script.ambiguous | excluded.ambiguous
"""
_SUBTRACT = """
UPDATE script SET
    tx_count = tx_count - ?,
    output_count = output_count - ?,
    received = received - ?,
    input_count = input_count - ?,
    sent = sent - ?,
    unspent_count = unspent_count - ?,
    unspent = unspent - ?
WHERE script_key = ?
"""
_DELETE_UNUSED = "DELETE FROM script WHERE script_key = ? AND output_count = 0"
_LAST_TX = """
UPDATE script SET last_tx_id = (
    SELECT max(tx_id) FROM (
        SELECT max(tx_id) AS tx_id FROM output WHERE script_key = ? AND tx_id < ?
        UNION ALL SELECT max(tx_id) FROM input WHERE script_key = ? AND tx_id < ?
    ) AS remaining
) WHERE script_key = ?
"""
_DELETE_COIN = "DELETE FROM utxo WHERE script_key = ? AND output_id = ?"

_one_script_of_each = select(
    _script.script_key,
    select(_output.script)
    .where(_output.script_key == _script.script_key)
    .limit(1)
    .correlate(schema.script)
    .scalar_subquery(),
).where(_script.script_key.in_(bindparam("keys", expanding=True)))


@dataclass(slots=True)
class _Change:
    """What one block does to one script."""

    tx_count: int = 0
    output_count: int = 0
    received: int = 0
    input_count: int = 0
    sent: int = 0
    unspent_count: int = 0
    unspent: int = 0
    first_tx_id: int = -1
    last_tx_id: int = -1

    def sums(self) -> tuple[int, ...]:
        return (
            self.tx_count,
            self.output_count,
            self.received,
            self.input_count,
            self.sent,
            self.unspent_count,
            self.unspent,
        )

    def seen_in(self, tx_id: int) -> None:
        """Count a transaction; they come in order."""
        if tx_id != self.last_tx_id:
            self.tx_count += 1
            self.last_tx_id = tx_id
            if self.first_tx_id < 0:
                self.first_tx_id = tx_id


def connect(connection: Connection, rows: BlockRows) -> None:
    """Bring utxo and script forward by a block whose rows are not inserted yet."""
    created, spent = _coins(rows.position.height, rows.outputs, rows.inputs)
    old = [coin for coin in spent if coin[1] < rows.position.output_id]
    old += _coins_repeated(connection, [row[1] for row in rows.transactions])
    changes = _changes(rows.outputs, rows.inputs)
    _add_coins(changes, created, 1)
    _add_coins(changes, old, -1)
    ambiguous = _newly_ambiguous(connection, rows.outputs)
    execute_many(
        connection,
        _UPSERT,
        [
            (key, *change.sums(), change.first_tx_id, change.last_tx_id, int(key in ambiguous))
            for key, change in changes.items()
        ],
    )
    if execute_many(connection, _DELETE_COIN, [coin[:2] for coin in old]) != len(old):
        raise InvalidBlockError(
            f"The block at height {rows.position.height} spends an output that is spent already"
        )
    insert_rows(connection, schema.utxo, created)


def disconnect(connection: Connection, block: Row[Any]) -> None:
    """Take utxo and script back by the newest block, whose rows are still there."""
    outputs: Sequence[OutputRow] = connection.execute(
        select(schema.output).where(_output.output_id >= block.first_output_id)
    ).all()
    inputs: Sequence[InputRow] = connection.execute(
        select(schema.input_).where(_input.input_id >= block.first_input_id)
    ).all()
    created, spent = _coins(block.height, outputs, inputs)
    old = {coin for coin in spent if coin[1] < block.first_output_id}
    old.update(_coins_no_longer_repeated(connection, block))
    changes = _changes(outputs, inputs)
    _add_coins(changes, created, 1)
    _add_coins(changes, old, -1)
    execute_many(connection, _DELETE_COIN, [coin[:2] for coin in created])
    insert_rows(connection, schema.utxo, sorted(old))
    execute_many(connection, _SUBTRACT, [(*change.sums(), key) for key, change in changes.items()])
    execute_many(connection, _DELETE_UNUSED, [(key,) for key in changes])
    first = block.first_tx_id
    execute_many(connection, _LAST_TX, [(key, first, key, first, key) for key in changes])
    _settle_ambiguous(connection, list(changes), first)


def _coins(
    height: int, outputs: Iterable[OutputRow], inputs: Iterable[InputRow]
) -> tuple[list[Coin], list[Coin]]:
    """What a block leaves unspent of its own outputs, and all that it spends."""
    spent = {row[2]: (row[3], row[2], row[4]) for row in inputs}
    created = [
        (row[3], row[0], row[2])
        for row in outputs
        if row[0] not in spent and height > 0 and not is_unspendable(row[4])
    ]
    return created, list(spent.values())


def _changes(outputs: Iterable[OutputRow], inputs: Iterable[InputRow]) -> dict[int, _Change]:
    """By script key, all but the unspent sums."""
    changes: dict[int, _Change] = {}
    moves = [(row[1], 0, row[3], row[2]) for row in outputs]
    moves += [(row[1], 1, row[3], row[4]) for row in inputs]
    moves.sort()
    for tx_id, is_input, key, value in moves:
        change = changes.get(key)
        if change is None:
            change = changes[key] = _Change()
        change.seen_in(tx_id)
        if is_input:
            change.input_count += 1
            change.sent += value
        else:
            change.output_count += 1
            change.received += value
    return changes


def _add_coins(changes: dict[int, _Change], coins: Iterable[Coin], sign: int) -> None:
    for key, _, value in coins:
        changes[key].unspent_count += sign
        changes[key].unspent += sign * value


def _coins_repeated(connection: Connection, txids: Iterable[bytes]) -> list[Coin]:
    """The unspent outputs of older transactions with these txids."""
    coins: list[Coin] = []
    for older in newest_transactions(connection, set(txids)).values():
        stored = join(
            schema.output,
            schema.utxo,
            (_utxo.script_key == _output.script_key) & (_utxo.output_id == _output.output_id),
        )
        found = connection.execute(
            select(_utxo.script_key, _utxo.output_id, _utxo.value)
            .select_from(stored)
            .where(_output.output_id.in_(older.output_ids))
        )
        coins += [(row.script_key, row.output_id, row.value) for row in found]
    return coins


def _coins_no_longer_repeated(connection: Connection, block: Row[Any]) -> list[Coin]:
    """What was unspent of older transactions until this block repeated them."""
    txids = connection.execute(select(_tx.txid).where(_tx.tx_id >= block.first_tx_id)).scalars()
    spent = exists().where(
        _input.output_id == _output.output_id, _input.input_id < block.first_input_id
    )
    coins: list[Coin] = []
    for older in newest_transactions(connection, set(txids), block.first_tx_id).values():
        found = connection.execute(
            select(schema.output).where(_output.output_id.in_(older.output_ids), ~spent)
        )
        coins += [
            (row.script_key, row.output_id, row.value)
            for row in found
            if not is_unspendable(row.script) and row.tx_id > GENESIS_TX_ID
        ]
    return coins


def _newly_ambiguous(connection: Connection, outputs: Iterable[OutputRow]) -> set[int]:
    """Keys that a script of these outputs shares with another script."""
    scripts: dict[int, bytes] = {}
    ambiguous = set()
    for row in outputs:
        if scripts.setdefault(row[3], row[4]) != row[4]:
            ambiguous.add(row[3])
    for keys in pieces(sorted(scripts)):
        for key, script in connection.execute(_one_script_of_each, {"keys": keys}):
            if script != scripts[key]:
                ambiguous.add(key)
    return ambiguous


def _settle_ambiguous(connection: Connection, keys: Iterable[int], first_tx_id: int) -> None:
    """Ask anew of the ambiguous among these keys, from the transactions before one."""
    for some in pieces(sorted(keys)):
        ambiguous = connection.execute(
            select(_script.script_key).where(_script.ambiguous == 1, _script.script_key.in_(some))
        ).scalars()
        for key in ambiguous.all():
            scripts = connection.execute(
                select(func.count(distinct(_output.script))).where(
                    _output.script_key == key, _output.tx_id < first_tx_id
                )
            ).scalar_one()
            if scripts < 2:
                connection.execute(
                    update(schema.script).where(_script.script_key == key).values(ambiguous=0)
                )
