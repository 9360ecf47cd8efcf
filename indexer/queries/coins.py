"""The coins of one script: its unspent outputs, of the chain and of the mempool."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select

from indexer.keys import TxFlag, script_key
from indexer.queries.script_moves import busy_id, coin_ids_query
from indexer.schema import (
    block,
    mempool_input,
    mempool_output,
    output,
    tx,
    tx_of,
)


@dataclass(frozen=True, slots=True)
class Coin:
    """An output that can still be spent. `spent_by` is an unconfirmed transaction."""

    output_id: int
    txid: bytes
    vout: int
    value: int
    height: int
    block_hash: bytes
    time: int
    is_coinbase: bool
    spent_by: bytes | None


@dataclass(frozen=True, slots=True)
class PendingCoin:
    txid: bytes
    vout: int
    value: int
    spent_by: bytes | None


def coins(
    connection: Connection, wanted: bytes, *, limit: int, before: int | None = None
) -> tuple[Coin, ...]:
    """The newest unspent outputs with an output_id below `before`, newest first."""
    query = coins_query(wanted, busy_id(connection, wanted), limit, before)
    rows = connection.execute(query).all()
    spenders = _pending_spenders(connection, [(bytes(row.txid), row.vout) for row in rows])
    return tuple(
        Coin(
            output_id=row.output_id,
            txid=bytes(row.txid),
            vout=row.vout,
            value=row.value,
            height=row.height,
            block_hash=bytes(row.hash),
            time=row.time,
            is_coinbase=bool(row.flags & TxFlag.COINBASE),
            spent_by=spenders.get((bytes(row.txid), row.vout)),
        )
        for row in rows
    )


def coins_query(
    wanted: bytes, script_id: int | None, limit: int, before: int | None
) -> Select[Any]:
    """Rows for `coins`; `script_id` is that of a busy script, None of another."""
    ids = coin_ids_query(wanted, script_id)
    output_id = ids.selected_columns[0]
    if before is not None:
        ids = ids.where(output_id < before)
    page = ids.order_by(output_id.desc()).limit(limit).subquery("page")
    return (
        select(
            page.c.output_id,
            output.c.value,
            tx.c.txid,
            (page.c.output_id - tx.c.tx_id).label("vout"),
            tx.c.height,
            tx.c.flags,
            block.c.hash,
            block.c.time,
        )
        .join_from(page, output, output.c.output_id == page.c.output_id)
        .join(tx, tx.c.tx_id == tx_of(page.c.output_id))
        .join(block, block.c.height == tx.c.height)
        .order_by(page.c.output_id.desc())
    )


def pending_coins(connection: Connection, wanted: bytes, limit: int) -> tuple[PendingCoin, ...]:
    """Outputs of the mempool that pay the script."""
    rows = connection.execute(
        select(mempool_output.c.txid, mempool_output.c.vout, mempool_output.c.value)
        .where(mempool_output.c.script_key == script_key(wanted))
        .where(mempool_output.c.script == wanted)
        .order_by(mempool_output.c.txid, mempool_output.c.vout)
        .limit(limit)
    ).all()
    spenders = _pending_spenders(connection, [(bytes(row.txid), row.vout) for row in rows])
    return tuple(
        PendingCoin(bytes(row.txid), row.vout, row.value, spenders.get((bytes(row.txid), row.vout)))
        for row in rows
    )


def _pending_spenders(
    connection: Connection, outpoints: list[tuple[bytes, int]]
) -> dict[tuple[bytes, int], bytes]:
    rows = connection.execute(
        select(mempool_input.c.prev_txid, mempool_input.c.prev_vout, mempool_input.c.txid).where(
            mempool_input.c.prev_txid.in_({txid for txid, _ in outpoints})
        )
    )
    return {(bytes(row.prev_txid), row.prev_vout): bytes(row.txid) for row in rows}
