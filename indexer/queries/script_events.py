"""Which transactions touch a script, in chain order, and which of the mempool.

This is what must be known to notice every change of a script: ids and heights, no amounts.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, union_all

from indexer.keys import script_hash, script_hash_key
from indexer.queries.script_moves import oldest_moves
from indexer.schema import block, input_, mempool_input, mempool_output, mempool_tx, output, tx

KEYS_AT_ONCE = 500
PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Event:
    """A confirmed transaction that pays or spends the script."""

    tx_id: int
    txid: bytes
    height: int


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """One that waits. `chained`: it spends an output of another one that waits."""

    txid: bytes
    fee: int
    chained: bool


PENDING = union_all(
    *(
        select(table.c.script, table.c.txid).where(
            table.c.script_key.in_(bindparam("keys", expanding=True))
        )
        for table in (mempool_output, mempool_input)
    )
)


def events(connection: Connection, wanted: bytes, *, after: int, limit: int) -> tuple[Event, ...]:
    """The `limit` oldest transactions of a script with a tx_id above `after`, oldest first."""
    tx_ids = oldest_moves(connection, wanted, limit, after)
    rows = connection.execute(
        select(tx.c.tx_id, tx.c.txid, tx.c.height)
        .where(tx.c.tx_id.in_(tx_ids))
        .order_by(tx.c.tx_id)
    )
    return tuple(Event(tx_id, bytes(txid), height) for tx_id, txid, height in rows)


def all_events(connection: Connection, wanted: bytes, *, after: int = -1) -> Iterator[Event]:
    """Every transaction of a script with a tx_id above `after`, oldest first, page by page."""
    while True:
        page = events(connection, wanted, after=after, limit=PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].tx_id


def pending_events(
    connection: Connection, script_hashes: Collection[bytes]
) -> dict[bytes, tuple[PendingEvent, ...]]:
    """SHA-256 of a script -> its unconfirmed transactions, by (chained, txid as displayed).

    Scripts that nothing waits for are left out.
    """
    touching: dict[bytes, set[bytes]] = defaultdict(set)
    for part in _parts(list(script_hashes)):
        keys = [script_hash_key(script_hash) for script_hash in part]
        for script, txid in connection.execute(PENDING, {"keys": keys}):
            touching[script_hash(bytes(script))].add(bytes(txid))
    waiting = {
        event.txid: event
        for event in _waiting(connection, {txid for each in touching.values() for txid in each})
    }
    return {
        each: tuple(
            sorted(
                (waiting[txid] for txid in touching[each] if txid in waiting),
                key=lambda event: (event.chained, event.txid[::-1]),
            )
        )
        for each in touching.keys() & set(script_hashes)
    }


def keys_touched_above(connection: Connection, height: int) -> set[int]:
    """The keys of all scripts that the blocks above this height pay or spend."""
    first = connection.scalar(select(block.c.first_tx_id).where(block.c.height == height + 1))
    if first is None:
        return set()
    paid = select(output.c.script_key).where(output.c.output_id >= first)
    spent = (
        select(output.c.script_key)
        .join(input_, input_.c.output_id == output.c.output_id)
        .where(input_.c.input_id >= first)
    )
    return {key for query in (paid, spent) for key in connection.scalars(query.distinct())}


def _waiting(connection: Connection, txids: Collection[bytes]) -> Iterator[PendingEvent]:
    parent = mempool_tx.alias("parent")
    for part in _parts(list(txids)):
        chained = {
            bytes(txid)
            for txid in connection.scalars(
                select(mempool_input.c.txid)
                .join(parent, parent.c.txid == mempool_input.c.prev_txid)
                .where(mempool_input.c.txid.in_(part))
            )
        }
        rows = connection.execute(
            select(mempool_tx.c.txid, mempool_tx.c.fee).where(mempool_tx.c.txid.in_(part))
        )
        for txid, fee in rows:
            yield PendingEvent(bytes(txid), fee, bytes(txid) in chained)


def _parts(values: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(values), KEYS_AT_ONCE):
        yield values[start : start + KEYS_AT_ONCE]
