"""One block of the node against its rows in block, tx, output, input and raw_block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from indexer.chain.encoding import Block, Transaction, hash_hex, parse_block
from indexer.chain.merkle import merkle_root
from indexer.check.difference import Difference, DifferenceError, differ, differ_row
from indexer.keys import TxFlag, script_key
from indexer.node.base import Node, SpentOutput
from indexer.schema import block, input_, output, raw_block, tx, tx_of

LARGEST_REPLACEABLE_SEQUENCE = 0xFFFFFFFD  # BIP125


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block stands: its height, what is before it, and the first ids of its rows."""

    height: int
    prev_hash: bytes
    times: tuple[int, ...]  # of up to ten blocks before
    tx_id: int  # the first id of the block's rows
    tx_count: int  # in the blocks before
    output_count: int
    input_count: int


def place_at(connection: Connection, height: int) -> Place:
    """From the rows of the blocks before; these are taken for right."""
    if height == 0:
        return Place(0, bytes(32), (), 0, 0, 0, 0)
    before = connection.execute(
        select(block).where(block.c.height < height).order_by(block.c.height.desc()).limit(10)
    ).all()
    return Place(
        height,
        before[0].hash,
        tuple(row.time for row in before),
        before[0].next_tx_id,
        before[0].chain_tx_count,
        before[0].chain_output_count,
        before[0].chain_input_count,
    )


def check_block(connection: Connection, node: Node, block_hash: bytes, place: Place) -> Place:
    """Raise DifferenceError, or give the place behind the block."""
    where = f"height {place.height}"
    row = connection.execute(select(block).where(block.c.height == place.height)).first()
    if row is None:
        raise DifferenceError(Difference("block", where, "(all)", "no row", "a row"))
    differ("block", where, "hash", row.hash, block_hash)
    raw = node.block(block_hash)
    parsed = parse_block(raw, node.network)
    _check_given(parsed, block_hash, place)
    after = _after(parsed, place)
    _check_outputs(connection, parsed, place, after)
    fees = _check_inputs(connection, parsed, node.spent_outputs(block_hash), place, after)
    _check_transactions(connection, parsed, fees, place, after)
    _check_block_row(row, parsed, raw, sum(fees), place, after)
    kept = connection.execute(select(raw_block).where(raw_block.c.hash == block_hash)).first()
    if kept is not None:
        differ_row("raw_block", where, kept, {"height": place.height, "raw": raw})
    return after


def _check_given(parsed: Block, block_hash: bytes, place: Place) -> None:
    """The node's answer itself: it must be the block that was asked for, whole and in line."""
    where = f"height {place.height}"
    differ("(the node's block)", where, "hash", parsed.hash, block_hash)
    root = merkle_root([transaction.txid for transaction in parsed.transactions])
    differ("(the node's block)", where, "Merkle root", parsed.header.merkle_root, root)
    differ("(the node's block)", where, "previous hash", parsed.header.prev_hash, place.prev_hash)


def _after(parsed: Block, place: Place) -> Place:
    transactions = parsed.transactions
    return Place(
        place.height + 1,
        parsed.hash,
        (parsed.header.time, *place.times)[:10],
        place.tx_id + sum(map(_id_count, transactions)),
        place.tx_count + len(transactions),
        place.output_count + sum(len(each.outputs) for each in transactions),
        place.input_count + sum(_input_count(each) for each in transactions),
    )


def _input_count(transaction: Transaction) -> int:
    return 0 if transaction.is_coinbase else len(transaction.inputs)


def _id_count(transaction: Transaction) -> int:
    """How many ids a transaction takes."""
    return max(len(transaction.outputs), _input_count(transaction))


def _check_block_row(
    row: Row[Any], parsed: Block, raw: bytes, fees: int, place: Place, after: Place
) -> None:
    coinbase, *others = parsed.transactions
    times = sorted((parsed.header.time, *place.times))
    expected: dict[str, object] = {
        "header": raw[:80],
        "time": parsed.header.time,
        "median_time": times[len(times) // 2],
        "tx_count": len(parsed.transactions),
        "size": len(raw),
        "weight": parsed.weight,
        "first_tx_id": place.tx_id,
        "next_tx_id": after.tx_id,
        "chain_tx_count": after.tx_count,
        "chain_output_count": after.output_count,
        "chain_input_count": after.input_count,
        "output_value": sum(_output_value(each) for each in others),
        "coinbase_value": _output_value(coinbase),
        "fees": fees,
        "coinbase_script": coinbase.inputs[0].script_sig,
    }
    differ_row("block", f"height {place.height}", row, expected)


def _check_transactions(
    connection: Connection, parsed: Block, fees: Sequence[int], place: Place, after: Place
) -> None:
    rows = _rows(connection, tx, "tx_id", place.tx_id, after.tx_id)
    tx_id = place.tx_id
    for index, transaction in enumerate(parsed.transactions):
        expected: dict[str, object] = {
            "txid": transaction.txid,
            "height": place.height,
            "position": index,
            "output_count": len(transaction.outputs),
            "input_count": _input_count(transaction),
            "fee": fees[index],
            "size": len(transaction.serialize()),
            "weight": transaction.weight,
            "flags": expected_flags(transaction),
        }
        where = f"tx_id {tx_id} ({hash_hex(transaction.txid)} at height {place.height})"
        differ_row("tx", where, rows.pop(tx_id, None), expected)
        tx_id += _id_count(transaction)
    _require_none(tx, rows)


def _check_outputs(connection: Connection, parsed: Block, place: Place, after: Place) -> None:
    rows = _rows(connection, output, "output_id", place.tx_id, after.tx_id)
    tx_id = place.tx_id
    for transaction in parsed.transactions:
        for vout, (value, script) in enumerate(transaction.outputs):
            expected: dict[str, object] = {
                "value": value,
                "script_key": script_key(script),
                "script": script,
            }
            where = f"output_id {tx_id + vout} ({hash_hex(transaction.txid)}:{vout})"
            differ_row("output", where, rows.pop(tx_id + vout, None), expected)
        tx_id += _id_count(transaction)
    _require_none(output, rows)


def _check_inputs(
    connection: Connection,
    parsed: Block,
    spent: Sequence[Sequence[SpentOutput]] | None,
    place: Place,
    after: Place,
) -> list[int]:
    """Each transaction's fee. What is spent is told by the node if it can, else by our outputs."""
    rows = _rows(connection, input_, "input_id", place.tx_id, after.tx_id)
    prevouts = _prevouts(connection, place, after)
    fees = []
    tx_id = place.tx_id
    for index, transaction in enumerate(parsed.transactions):
        if transaction.is_coinbase:
            fees.append(0)
            tx_id += _id_count(transaction)
            continue
        fee = -_output_value(transaction)
        for input_id, each in enumerate(transaction.inputs, tx_id):
            vin = input_id - tx_id
            where = f"input_id {input_id} ({hash_hex(transaction.txid)} input {vin})"
            prevout = prevouts.get(input_id)
            if prevout is None:
                found = "no row" if input_id not in rows else "an id that no output has"
                raise DifferenceError(
                    Difference("input", where, "output_id", found, _outpoint(each[0], each[1]))
                )
            differ(
                "input",
                where,
                "output_id",
                _outpoint(prevout.txid, prevout.output_id - prevout.tx_id),
                _outpoint(each.prev_txid, each.prev_vout),
            )
            value, script = prevout.value, prevout.script
            if spent is not None:
                value, script = spent[index - 1][vin].value, spent[index - 1][vin].script
                differ("output", f"output_id {prevout.output_id}", "script", prevout.script, script)
                differ("output", f"output_id {prevout.output_id}", "value", prevout.value, value)
            del rows[input_id]
            fee += value
        fees.append(fee)
        tx_id += _id_count(transaction)
    _require_none(input_, rows)
    return fees


def _prevouts(
    connection: Connection, place: Place, after: Place
) -> dict[int, Row[*tuple[Any, ...]]]:
    """By input_id, the output that the row points at and its transaction."""
    found = connection.execute(
        select(
            input_.c.input_id,
            output.c.output_id,
            output.c.value,
            output.c.script,
            tx.c.txid,
            tx.c.tx_id,
        )
        .join(output, output.c.output_id == input_.c.output_id)
        .join(tx, tx.c.tx_id == tx_of(output.c.output_id))
        .where(input_.c.input_id >= place.tx_id, input_.c.input_id < after.tx_id)
    )
    return {row.input_id: row for row in found.all()}


def _require_none(table: Table, rows: Mapping[int, Row[Any]]) -> None:
    """Of the rows in a block's range of ids, those that nothing in the block asks for."""
    for row_id in rows:
        raise DifferenceError(
            Difference(table.name, f"{table.name}_id {row_id}", "(all)", "a row", "no row")
        )


def _rows(
    connection: Connection, table: Table, key: str, first: int, end: int
) -> dict[int, Row[Any]]:
    column = table.c[key]
    found = connection.execute(select(table).where(column >= first, column < end))
    return {getattr(row, key): row for row in found}


def expected_flags(transaction: Transaction) -> int:
    flags = TxFlag(0)
    if any(each.witness for each in transaction.inputs):
        flags |= TxFlag.SEGWIT
    if transaction.is_coinbase:
        return int(flags | TxFlag.COINBASE)
    if any(each.sequence <= LARGEST_REPLACEABLE_SEQUENCE for each in transaction.inputs):
        flags |= TxFlag.REPLACEABLE
    if transaction.mweb:
        flags |= TxFlag.MWEB
    if transaction.is_hogex:
        flags |= TxFlag.HOGEX
    return int(flags)


def _output_value(transaction: Transaction) -> int:
    return sum(each.value for each in transaction.outputs)


def _outpoint(txid: bytes, vout: int) -> str:
    return f"{hash_hex(txid)}:{vout}"
