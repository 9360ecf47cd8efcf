"""The tables beside the chain: stale blocks, the mempool and replacements."""

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
        kept = connection.execute(select(raw_block).where(raw_block.c.hash == row.hash)).first()
        if kept is not None:
            differ("raw_block", where, "height", kept.height, row.height)
            _check_stale(row, _whole_block(kept.raw, node, "raw_block", where), kept.raw, where)
            continue
        try:
            raw = node.block(row.hash)
        except BlockUnavailableError:
            continue  # nodes may forget stale blocks
        _check_stale(row, _whole_block(raw, node, "(the node's block)", where), raw, where)
    _check_kept_blocks(connection, node)


def _whole_block(raw: bytes, node: Node, table: str, where: str) -> Block:
    try:
        parsed = parse_block(raw, node.network)
    except EncodingError as error:
        raise DifferenceError(Difference(table, where, "raw", str(error), "a block")) from error
    root = merkle_root([each.txid for each in parsed.transactions])
    differ(table, where, "raw", parsed.header.merkle_root, root)
    return parsed


def _check_stale(row: Row[Any], parsed: Block, raw: bytes, where: str) -> None:
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
    differ_row("stale_block", where, row, expected)


def _check_kept_blocks(connection: Connection, node: Node) -> None:
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
        if transaction.inputs or not transaction.mweb:  # else its kernel names it
            differ("mempool_tx", where, "txid", row.txid, transaction.txid)
        _check_mempool_outputs(outputs.pop(row.txid, []), transaction, where)
        spent = _check_mempool_inputs(connection, inputs.pop(row.txid, []), transaction, where)
        output_value = sum(each.value for each in transaction.outputs)
        expected: dict[str, object] = {
            "size": len(row.raw),
            "weight": transaction.weight,
            "flags": expected_flags(transaction),
            "output_value": output_value,
        }
        if not transaction.mweb:  # part of its fee is paid where we do not see it
            expected["fee"] = spent - output_value
        differ_row("mempool_tx", where, row, expected)
    for table, left in (("mempool_output", outputs), ("mempool_input", inputs)):
        for txid in left:
            place = f"transaction {hash_hex(txid)}"
            raise DifferenceError(Difference(table, place, "txid", "a row", "no row"))


def check_replacements(connection: Connection, network: Network) -> None:
    for row in connection.execute(select(replacement), execution_options={"yield_per": 1000}):
        where = f"transaction {hash_hex(row.txid)}"
        transaction = _parse(row.raw, network, "replacement", where)
        if transaction.inputs or not transaction.mweb:
            differ("replacement", where, "txid", row.txid, transaction.txid)
        differ("replacement", where, "weight", row.weight, transaction.weight)


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
