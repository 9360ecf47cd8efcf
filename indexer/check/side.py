"""The tables beside the chain: stale blocks, the mempool and replacements."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from indexer.chain.encoding import (
    Block,
    EncodingError,
    Transaction,
    hash_hex,
    parse_block,
    parse_transaction,
)
from indexer.chain.merkle import merkle_root
from indexer.chain.network import Network
from indexer.check.blocks import expected_flags
from indexer.check.difference import Difference, DifferenceError, differ, differ_row
from indexer.keys import script_key
from indexer.node.base import BlockUnavailableError, Node
from indexer.schema import (
    block,
    mempool_input,
    mempool_output,
    mempool_tx,
    raw_block,
    replacement,
    stale_block,
)
from indexer.sync.lookup import confirmed_among, confirmed_outputs, mempool_outputs


def check_stale_blocks(connection: Connection, node: Node) -> None:
    """Blocks that left the chain: their rows, and their bytes where they are kept."""
    for row in connection.execute(select(stale_block)).all():
        where = f"block {hash_hex(row.hash)}"
        if connection.scalar(select(block.c.height).where(block.c.hash == row.hash)) is not None:
            raise DifferenceError(
                Difference("stale_block", where, "hash", "a row", "no row: it is in the chain")
            )
        raw, source = _stale_bytes(connection, node, row.hash)
        if raw is not None:
            parsed = _whole_block(raw, node, source, where)
            _check_stale(connection, row, parsed, raw, where)
    _check_kept_blocks(connection)


def _stale_bytes(connection: Connection, node: Node, block_hash: bytes) -> tuple[bytes | None, str]:
    """And where they come from; nodes may forget stale blocks."""
    kept = connection.scalar(select(raw_block.c.raw).where(raw_block.c.hash == block_hash))
    if kept is not None:
        return kept, "raw_block"
    try:
        return node.block(block_hash), "(the node's block)"
    except BlockUnavailableError:
        return None, ""


def _whole_block(raw: bytes, node: Node, table: str, where: str) -> Block:
    try:
        parsed = parse_block(raw, node.network)
    except EncodingError as error:
        raise DifferenceError(Difference(table, where, "raw", str(error), "a block")) from error
    root = merkle_root([each.txid for each in parsed.transactions])
    differ(table, where, "raw", parsed.header.merkle_root, root)
    return parsed


def _check_stale(
    connection: Connection, row: Row[*tuple[Any, ...]], parsed: Block, raw: bytes, where: str
) -> None:
    coinbase = parsed.transactions[0]
    expected: dict[str, object] = {
        "hash": parsed.hash,
        "header": raw[:80],
        "time": parsed.header.time,
        "tx_count": len(parsed.transactions),
        "size": len(raw),
        "weight": parsed.weight,
        "coinbase_value": sum(each.value for each in coinbase.outputs),
        "coinbase_script": coinbase.inputs[0].script_sig,
    }
    height = _height_above(connection, parsed.header.prev_hash)
    if height is not None:
        expected["height"] = height
    fees = _fees(connection, parsed.transactions)
    if fees is not None:
        expected["fees"] = fees
    differ_row("stale_block", where, row, expected)
    kept = connection.scalar(select(raw_block.c.height).where(raw_block.c.hash == row.hash))
    if kept is not None:
        differ("raw_block", where, "height", kept, row.height)


def _height_above(connection: Connection, prev_hash: bytes) -> int | None:
    for table in (block, stale_block):
        height = connection.scalar(select(table.c.height).where(table.c.hash == prev_hash))
        if height is not None:
            return int(height) + 1
    return None


def _fees(connection: Connection, transactions: Sequence[Transaction]) -> int | None:
    """What these pay together; None where something they spend is not in the index any more."""
    ordinary = [each for each in transactions if not each.is_coinbase]
    spent = {each[:2] for transaction in ordinary for each in transaction.inputs}
    prevouts = confirmed_outputs(connection, spent)
    prevouts |= mempool_outputs(connection, spent - prevouts.keys())
    for transaction in transactions:
        for vout, (value, script) in enumerate(transaction.outputs):
            prevouts[transaction.txid, vout] = (value, script)
    if not spent <= prevouts.keys():
        return None
    paid = sum(each.value for transaction in ordinary for each in transaction.outputs)
    return sum(prevouts[outpoint][0] for outpoint in spent) - paid


def _check_kept_blocks(connection: Connection) -> None:
    """Blocks kept that are in neither table of blocks."""
    lost = connection.execute(
        select(raw_block.c.hash, raw_block.c.height)
        .outerjoin(block, block.c.hash == raw_block.c.hash)
        .outerjoin(stale_block, stale_block.c.hash == raw_block.c.hash)
        .where(block.c.height.is_(None), stale_block.c.height.is_(None))
        .limit(1)
    ).first()
    if lost is not None:
        where = f"block {hash_hex(lost.hash)}"
        expected = "the hash of a block of the chain or of a stale one"
        raise DifferenceError(Difference("raw_block", where, "hash", "another", expected))


def check_mempool(connection: Connection, network: Network) -> None:
    """Each row against the bytes of its transaction, and each prevout against its maker."""
    rows = connection.execute(select(mempool_tx)).all()
    confirmed = confirmed_among(connection, (row.txid for row in rows))
    outputs, inputs = _by_txid(connection, mempool_output), _by_txid(connection, mempool_input)
    for row in rows:
        where = f"transaction {hash_hex(row.txid)}"
        if row.txid in confirmed:
            raise DifferenceError(
                Difference("mempool_tx", where, "txid", "a row", "no row: it is confirmed")
            )
        transaction = _parse(row.raw, network, "mempool_tx", where)
        differ("mempool_tx", where, "txid", row.txid, transaction.txid)
        _check_mempool_outputs(outputs.pop(row.txid, []), transaction, where)
        spent = _check_mempool_inputs(connection, inputs.pop(row.txid, []), transaction, where)
        output_value = sum(each.value for each in transaction.outputs)
        expected: dict[str, object] = {
            "size": len(row.raw),
            "weight": transaction.weight,
            "flags": expected_flags(transaction),
            "output_value": output_value,
            "fee": spent - output_value,
        }
        differ_row("mempool_tx", where, row, expected)
    for table, left in (("mempool_output", outputs), ("mempool_input", inputs)):
        for txid in left:
            place = f"transaction {hash_hex(txid)}"
            raise DifferenceError(Difference(table, place, "txid", "a row", "no row"))


def check_replacements(connection: Connection, network: Network) -> None:
    for row in connection.execute(select(replacement), execution_options={"yield_per": 1000}):
        where = f"transaction {hash_hex(row.txid)}"
        transaction = _parse(row.raw, network, "replacement", where)
        differ("replacement", where, "txid", row.txid, transaction.txid)
        differ("replacement", where, "weight", row.weight, transaction.weight)
        fee = _fees(connection, [transaction])
        if fee is not None:
            differ("replacement", where, "fee", row.fee, fee)


def _parse(raw: bytes, network: Network, table: str, where: str) -> Transaction:
    try:
        return parse_transaction(raw, network)
    except EncodingError as error:
        raise DifferenceError(
            Difference(table, where, "raw", str(error), "a transaction")
        ) from error


def _by_txid(connection: Connection, table: Any) -> dict[bytes, list[Row[Any]]]:
    rows: dict[bytes, list[Row[Any]]] = {}
    for row in connection.execute(select(table).order_by(*table.primary_key)):
        rows.setdefault(row.txid, []).append(row)
    return rows


def _check_mempool_outputs(rows: list[Row[Any]], transaction: Transaction, where: str) -> None:
    differ("mempool_output", where, "vout", len(rows), len(transaction.outputs))
    for vout, (row, made) in enumerate(zip(rows, transaction.outputs, strict=True)):
        expected: dict[str, object] = {
            "vout": vout,
            "value": made.value,
            "script_key": script_key(made.script),
            "script": made.script,
        }
        differ_row("mempool_output", f"{where} output {vout}", row, expected)


def _check_mempool_inputs(
    connection: Connection, rows: list[Row[Any]], transaction: Transaction, where: str
) -> int:
    """The sum of what they spend."""
    differ("mempool_input", where, "vin", len(rows), len(transaction.inputs))
    outpoints = [(each.prev_txid, each.prev_vout) for each in transaction.inputs]
    prevouts = mempool_outputs(connection, outpoints)
    prevouts |= confirmed_outputs(connection, set(outpoints) - prevouts.keys())
    total = 0
    for vin, (row, outpoint) in enumerate(zip(rows, outpoints, strict=True)):
        place = f"{where} input {vin}"
        differ_row(
            "mempool_input",
            place,
            row,
            {"vin": vin, "prev_txid": outpoint[0], "prev_vout": outpoint[1]},
        )
        if outpoint not in prevouts:
            expected = "an output of the chain or the mempool"
            raise DifferenceError(
                Difference("mempool_input", place, "prev_txid", "an unknown output", expected)
            )
        value, script = prevouts[outpoint]
        differ_row(
            "mempool_input",
            place,
            row,
            {"value": value, "script_key": script_key(script), "script": script},
        )
        total += value
    return total
