"""What the chain and the mempool say of one scriptPubKey: sums, history, coins.

Everything is found by the script's short key and compared with the whole script, since two
scripts may share a key. A page costs the same whatever the length of the history.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from indexer.keys import TxFlag, script_hash, script_key
from indexer.schema import (
    block,
    input_,
    mempool_input,
    mempool_output,
    mempool_tx,
    output,
    script,
    tx,
    utxo,
)

Query = TypeVar("Query", bound=Select[Any])


@dataclass(frozen=True, slots=True)
class ScriptTotals:
    """Confirmed sums of one script, in the smallest unit; ids are None if it was never used."""

    tx_count: int = 0
    output_count: int = 0
    received: int = 0
    input_count: int = 0
    sent: int = 0
    unspent_count: int = 0
    unspent: int = 0
    first_tx_id: int | None = None
    last_tx_id: int | None = None


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
    key = int.from_bytes(wanted[:8], "little", signed=True)
    first = connection.scalar(select(output.c.script).where(output.c.script_key == key).limit(1))
    if first is not None and script_hash(bytes(first)) == wanted:
        return bytes(first)
    found: list[bytes] = []
    if connection.scalar(select(script.c.ambiguous).where(script.c.script_key == key)):
        found += connection.scalars(
            select(output.c.script).where(output.c.script_key == key).distinct()
        )
    found += connection.scalars(
        select(mempool_output.c.script).where(mempool_output.c.script_key == key).distinct()
    )
    return next((bytes(each) for each in found if script_hash(bytes(each)) == wanted), None)


def totals(connection: Connection, wanted: bytes) -> ScriptTotals:
    """The confirmed sums of a script."""
    row = connection.execute(
        select(script).where(script.c.script_key == script_key(wanted))
    ).first()
    if row is None:
        return ScriptTotals()
    if row.ambiguous:
        return _recomputed(connection, wanted)
    return ScriptTotals(
        tx_count=row.tx_count,
        output_count=row.output_count,
        received=row.received,
        input_count=row.input_count,
        sent=row.sent,
        unspent_count=row.unspent_count,
        unspent=row.unspent,
        first_tx_id=row.first_tx_id,
        last_tx_id=row.last_tx_id,
    )


def _recomputed(connection: Connection, wanted: bytes) -> ScriptTotals:
    """Sums of a script whose key is another's too: read row by row."""
    paid = connection.execute(
        select(
            func.count(),
            func.coalesce(func.sum(output.c.value), 0),
            func.min(output.c.tx_id),
            func.max(output.c.tx_id),
        ).where(_output_is(wanted))
    ).one()
    if not paid[0]:
        return ScriptTotals()
    spent = connection.execute(
        _inputs_of(
            select(
                func.count(),
                func.coalesce(func.sum(input_.c.value), 0),
                func.max(input_.c.tx_id),
            ),
            wanted,
        )
    ).one()
    coins = connection.execute(
        select(func.count(), func.coalesce(func.sum(utxo.c.value), 0))
        .join(output, output.c.output_id == utxo.c.output_id)
        .where(utxo.c.script_key == script_key(wanted), output.c.script == wanted)
    ).one()
    touching = (
        select(output.c.tx_id)
        .where(_output_is(wanted))
        .union(_inputs_of(select(input_.c.tx_id), wanted))
        .subquery()
    )
    return ScriptTotals(
        tx_count=connection.scalar(select(func.count()).select_from(touching)) or 0,
        output_count=paid[0],
        received=int(paid[1]),
        input_count=spent[0],
        sent=int(spent[1]),
        unspent_count=coins[0],
        unspent=int(coins[1]),
        first_tx_id=paid[2],
        last_tx_id=max(paid[3], spent[2] or 0),
    )


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
    received = _sums(connection, received_query(wanted, limit, before))
    sent = _sums(connection, sent_query(wanted, limit, before))
    newest = sorted(received.keys() | sent.keys(), reverse=True)[:limit]
    rows = connection.execute(
        select(tx.c.tx_id, tx.c.txid, tx.c.height, tx.c.flags, block.c.time, block.c.first_tx_id)
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
                position=row.tx_id - row.first_tx_id,
                time=row.time,
                flags=TxFlag(row.flags),
                balance=balance,
            )
        )
        if balance is not None:
            balance -= gain - loss
    return tuple(entries)


def received_query(wanted: bytes, limit: int, before: int | None) -> Select[int, int]:
    """(tx_id, sum) of the newest transactions that pay the script."""
    query = select(output.c.tx_id, func.sum(output.c.value)).where(_output_is(wanted))
    if before is not None:
        query = query.where(output.c.tx_id < before)
    return query.group_by(output.c.tx_id).order_by(output.c.tx_id.desc()).limit(limit)


def sent_query(wanted: bytes, limit: int, before: int | None) -> Select[int, int]:
    """(tx_id, sum) of the newest transactions that spend the script."""
    query = _inputs_of(select(input_.c.tx_id, func.sum(input_.c.value)), wanted)
    if before is not None:
        query = query.where(input_.c.tx_id < before)
    return query.group_by(input_.c.tx_id).order_by(input_.c.tx_id.desc()).limit(limit)


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


def _output_is(wanted: bytes) -> ColumnElement[bool]:
    return and_(output.c.script_key == script_key(wanted), output.c.script == wanted)


def _inputs_of(query: Query, wanted: bytes) -> Query:
    return query.join(output, output.c.output_id == input_.c.output_id).where(
        input_.c.script_key == script_key(wanted), output.c.script == wanted
    )


def _sums(connection: Connection, query: Select[int, int]) -> dict[int, int]:
    return {row[0]: int(row[1]) for row in connection.execute(query)}
