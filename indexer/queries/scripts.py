"""What the chain and the mempool say of one scriptPubKey: sums, history, coins.

Everything is found by the script's short key and compared with the whole script, since two
scripts may share a key. A page costs the same whatever the length of the history.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from indexer.keys import TxFlag, script_hash, script_hash_key, script_key
from indexer.queries.script_moves import ScriptTotals, newest_received, newest_sent, totals
from indexer.schema import (
    block,
    mempool_input,
    mempool_output,
    mempool_tx,
    output,
    tx,
)

__all__ = ["ScriptTotals", "totals"]


@dataclass(frozen=True, slots=True)
class PendingTotals:
    """What the mempool would change."""

    tx_count: int = 0
    output_count: int = 0
    received: int = 0
    input_count: int = 0
    sent: int = 0

    @property
    def delta(self) -> int:
        return self.received - self.sent


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A transaction that pays or spends the script. `balance` is the one after it, if known."""

    txid: bytes
    received: int
    sent: int
    tx_id: int
    height: int
    position: int  # in its block
    time: int
    flags: TxFlag
    balance: int | None

    @property
    def delta(self) -> int:
        return self.received - self.sent


@dataclass(frozen=True, slots=True)
class PendingEntry:
    txid: bytes
    received: int
    sent: int
    first_seen: int

    @property
    def delta(self) -> int:
        return self.received - self.sent


@dataclass(frozen=True, slots=True)
class Sighting:
    """A transaction as a moment in the chain."""

    txid: bytes
    height: int
    time: int


def script_with_hash(connection: Connection, wanted: bytes) -> bytes | None:
    """The scriptPubKey whose SHA-256 this is, if an output of the chain or mempool has it."""
    key = script_hash_key(wanted)
    first = connection.scalar(select(output.c.script).where(output.c.script_key == key).limit(1))
    if first is not None and script_hash(bytes(first)) == wanted:
        return bytes(first)
    found: list[bytes] = []
    for table in (output, mempool_output) if first is not None else (mempool_output,):
        found += connection.scalars(
            select(table.c.script).where(table.c.script_key == key).distinct()
        )
    return next((bytes(each) for each in found if script_hash(bytes(each)) == wanted), None)


def pending_totals(connection: Connection, wanted: bytes) -> PendingTotals:
    """What the mempool pays to and takes from a script."""
    key = script_key(wanted)
    paid = select(mempool_output.c.txid, mempool_output.c.value).where(
        mempool_output.c.script_key == key, mempool_output.c.script == wanted
    )
    spent = select(mempool_input.c.txid, mempool_input.c.value).where(
        mempool_input.c.script_key == key, mempool_input.c.script == wanted
    )
    (output_count, received), (input_count, sent) = (
        connection.execute(
            select(func.count(), func.coalesce(func.sum(part.c.value), 0)).select_from(part)
        ).one()
        for part in (paid.subquery(), spent.subquery())
    )
    touching = paid.with_only_columns(mempool_output.c.txid).union(
        spent.with_only_columns(mempool_input.c.txid)
    )
    count = connection.scalar(select(func.count()).select_from(touching.subquery())) or 0
    return PendingTotals(count, output_count, int(received), input_count, int(sent))


def history(
    connection: Connection,
    wanted: bytes,
    *,
    limit: int,
    before: int | None = None,
    balance: int | None = None,
) -> tuple[HistoryEntry, ...]:
    """The `limit` newest confirmed transactions with a tx_id below `before`, newest first.

    `balance` is the one after the first of them, carried from page to page so that no page has
    to sum what lies below it.
    """
    received = newest_received(connection, wanted, limit, before)
    sent = newest_sent(connection, wanted, limit, before)
    newest = sorted(received.keys() | sent.keys(), reverse=True)[:limit]
    rows = connection.execute(
        select(tx.c.tx_id, tx.c.txid, tx.c.height, tx.c.position, tx.c.flags, block.c.time)
        .join(block, block.c.height == tx.c.height)
        .where(tx.c.tx_id.in_(newest))
        .order_by(tx.c.tx_id.desc())
    )
    entries = []
    for row in rows:
        gain, loss = received.get(row.tx_id, 0), sent.get(row.tx_id, 0)
        entries.append(
            HistoryEntry(
                txid=bytes(row.txid),
                received=gain,
                sent=loss,
                tx_id=row.tx_id,
                height=row.height,
                position=row.position,
                time=row.time,
                flags=TxFlag(row.flags),
                balance=balance,
            )
        )
        if balance is not None:
            balance -= gain - loss
    return tuple(entries)


def pending_history(connection: Connection, wanted: bytes, limit: int) -> tuple[PendingEntry, ...]:
    """The newest unconfirmed transactions that pay or spend the script."""
    key = script_key(wanted)
    paid = (
        select(mempool_output.c.txid, func.sum(mempool_output.c.value).label("value"))
        .where(mempool_output.c.script_key == key, mempool_output.c.script == wanted)
        .group_by(mempool_output.c.txid)
        .cte("paid")
    )
    spent = (
        select(mempool_input.c.txid, func.sum(mempool_input.c.value).label("value"))
        .where(mempool_input.c.script_key == key, mempool_input.c.script == wanted)
        .group_by(mempool_input.c.txid)
        .cte("spent")
    )
    touching = select(paid.c.txid).union(select(spent.c.txid)).subquery()
    rows = connection.execute(
        select(
            mempool_tx.c.txid,
            mempool_tx.c.first_seen,
            func.coalesce(paid.c.value, 0).label("received"),
            func.coalesce(spent.c.value, 0).label("sent"),
        )
        .join(touching, touching.c.txid == mempool_tx.c.txid)
        .outerjoin(paid, paid.c.txid == mempool_tx.c.txid)
        .outerjoin(spent, spent.c.txid == mempool_tx.c.txid)
        .order_by(mempool_tx.c.first_seen.desc(), mempool_tx.c.txid)
        .limit(limit)
    )
    return tuple(
        PendingEntry(bytes(row.txid), int(row.received), int(row.sent), row.first_seen)
        for row in rows
    )


def sighting(connection: Connection, tx_id: int | None) -> Sighting | None:
    """Where and when a transaction was confirmed."""
    row = connection.execute(
        select(tx.c.txid, tx.c.height, block.c.time)
        .join(block, block.c.height == tx.c.height)
        .where(tx.c.tx_id == tx_id)
    ).first()
    return None if row is None else Sighting(bytes(row.txid), row.height, row.time)
