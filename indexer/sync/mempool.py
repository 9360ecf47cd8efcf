"""Keeps the mempool tables in line with the node's mempool, and a timeline of replacements."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from indexer.chain.encoding import EncodingError, Transaction, hash_hex, parse_transaction
from indexer.database import Database
from indexer.keys import script_key
from indexer.node.base import MempoolEntry, Node
from indexer.schema import (
    mempool_input,
    mempool_output,
    mempool_tx,
    replacement,
    state,
)
from indexer.sync.lookup import (
    Outpoint,
    batches,
    confirmed_among,
    confirmed_outputs,
    confirmed_spenders,
    mempool_outputs,
    mempool_spenders,
)
from indexer.sync.rows import flags_of
from indexer.sync.writing import insert_rows

log = logging.getLogger(__name__)

REPLACEMENTS_KEPT = 100_000
REPLACEMENT_AGE = 30 * 86_400  # seconds

Output = tuple[int, bytes]  # value, script


@dataclass(frozen=True, slots=True)
class _Arrival:
    """A transaction that the node has and we do not."""

    txid: bytes
    entry: MempoolEntry
    transaction: Transaction

    @property
    def spends(self) -> list[Outpoint]:
        return [(each.prev_txid, each.prev_vout) for each in self.transaction.inputs]


class MempoolSync:
    """Follows one node's mempool into one database. For the indexer's thread alone."""

    def __init__(
        self, database: Database, node: Node, *, now: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._node = node
        self._now = now
        self._known: frozenset[bytes] | None = None  # what SQL holds; None: read it again
        self._refused: frozenset[bytes] = frozenset()  # what we cannot parse: asked for once

    def sync(self) -> bool:
        """One round; whether anything changed. Raises NodeError.

        Does nothing while the node's tip is not ours: its mempool stands on its own tip, and
        what left it for a block that we do not have yet would seem lost.
        """
        known = self._read_known()
        change = self._node.mempool(known | self._refused)
        if not change.added and not change.removed:
            return False
        self._refused -= change.removed
        arrivals = self._parse(change.added)
        removed = change.removed & known
        if not arrivals and not removed:
            return False
        tip = self._node.tip().hash
        self._known = None
        with self._database.write() as connection:
            if connection.scalar(select(state.c.tip_hash)) != tip:
                return False
            return self._apply(connection, arrivals, removed)

    def connect(
        self, connection: Connection, txids: Sequence[bytes], spent: Iterable[Outpoint]
    ) -> None:
        """Forget what a block confirms and what it makes impossible by what it spends.

        Call it in the SQL transaction that connects the block, after its rows are written.
        """
        gone = set(mempool_spenders(connection, spent).values())
        gone |= _with_descendants(connection, gone.difference(txids))
        for some in batches(txids):
            gone.update(
                connection.scalars(select(mempool_tx.c.txid).where(mempool_tx.c.txid.in_(some)))
            )
            connection.execute(delete(replacement).where(replacement.c.txid.in_(some)))
        if gone:
            self._known = None
            self._remove(connection, gone, {})
            _count_change(connection)

    def _read_known(self) -> frozenset[bytes]:
        if self._known is None:
            with self._database.read() as connection:
                self._known = frozenset(connection.scalars(select(mempool_tx.c.txid)))
        return self._known

    def _parse(self, added: Mapping[bytes, MempoolEntry]) -> dict[bytes, _Arrival]:
        arrivals = {}
        for txid, entry in added.items():
            try:
                transaction = parse_transaction(entry.raw, self._node.network)
                if transaction.txid != txid:
                    raise EncodingError(f"the node sent {hash_hex(transaction.txid)} in its place")
            except EncodingError as error:
                log.warning("Left out of the mempool: %s: %s", hash_hex(txid), error)
                self._refused |= {txid}
            else:
                arrivals[txid] = _Arrival(txid, entry, transaction)
        return arrivals

    def _apply(
        self, connection: Connection, arrivals: dict[bytes, _Arrival], removed: frozenset[bytes]
    ) -> bool:
        prevouts = _prevouts(connection, arrivals.values(), removed)
        arrivals = _complete(arrivals, prevouts)
        spenders = {
            outpoint: arrival.txid for arrival in arrivals.values() for outpoint in arrival.spends
        }
        # A node lists what a newcomer replaces as removed; should it not, the newcomer wins.
        gone = removed | set(mempool_spenders(connection, spenders).values())
        if not arrivals and not gone:
            return False
        self._remove(connection, gone, spenders)
        _add(connection, arrivals.values(), prevouts)
        _count_change(connection)
        return True

    def _remove(
        self, connection: Connection, gone: Iterable[bytes], spenders: Mapping[Outpoint, bytes]
    ) -> None:
        """Delete these; what another transaction replaced leaves a row in the timeline.

        `spenders` are the newcomers by what they spend; confirmed ones are looked up.
        """
        gone = set(gone)
        replaced = _replaced(connection, gone - confirmed_among(connection, gone), spenders)
        now = int(self._now())
        for some in batches(replaced):
            columns = (
                mempool_tx.c[name] for name in ("txid", "first_seen", "fee", "weight", "raw")
            )
            rows = connection.execute(select(*columns).where(mempool_tx.c.txid.in_(some)))
            connection.execute(
                insert(replacement),
                [
                    {**row, "replaced_by": replaced[row["txid"]], "replaced_at": now}
                    for row in rows.mappings().all()
                ],
            )
        for some in batches(gone):
            for table in (mempool_tx, mempool_output, mempool_input):
                connection.execute(delete(table).where(table.c.txid.in_(some)))
        if replaced:
            _forget_old_replacements(connection, now)


def _prevouts(
    connection: Connection, arrivals: Iterable[_Arrival], removed: frozenset[bytes]
) -> dict[Outpoint, Output]:
    """What the arrivals spend, as far as it is found among them, in the mempool or the chain."""
    wanted = {outpoint for arrival in arrivals for outpoint in arrival.spends}
    found = mempool_outputs(connection, {each for each in wanted if each[0] not in removed})
    found |= confirmed_outputs(connection, wanted - found.keys())
    for arrival in arrivals:
        for vout, output in enumerate(arrival.transaction.outputs):
            if (arrival.txid, vout) in wanted:
                found[arrival.txid, vout] = (output.value, output.script)
    return found


def _complete(
    arrivals: dict[bytes, _Arrival], prevouts: Mapping[Outpoint, Output]
) -> dict[bytes, _Arrival]:
    """Those whose every prevout is known; the others wait for the next round."""
    complete = dict(arrivals)
    while True:
        lacking = [
            arrival.txid
            for arrival in complete.values()
            for outpoint in arrival.spends
            if outpoint not in prevouts or (outpoint[0] in arrivals and outpoint[0] not in complete)
        ]
        if not lacking:
            return complete
        for txid in lacking:
            complete.pop(txid, None)


def _add(
    connection: Connection, arrivals: Collection[_Arrival], prevouts: Mapping[Outpoint, Output]
) -> None:
    for some in batches(arrival.txid for arrival in arrivals):
        connection.execute(delete(replacement).where(replacement.c.txid.in_(some)))
    transactions, outputs, inputs = [], [], []
    for arrival in arrivals:
        transactions.append(_transaction_row(arrival, prevouts))
        for vout, (value, script) in enumerate(arrival.transaction.outputs):
            outputs.append((arrival.txid, vout, value, script_key(script), script))
        for vin, outpoint in enumerate(arrival.spends):
            value, script = prevouts[outpoint]
            inputs.append((arrival.txid, vin, *outpoint, value, script_key(script), script))
    insert_rows(connection, mempool_tx, transactions)
    insert_rows(connection, mempool_output, outputs)
    insert_rows(connection, mempool_input, inputs)


def _transaction_row(arrival: _Arrival, prevouts: Mapping[Outpoint, Output]) -> tuple[object, ...]:
    transaction, entry = arrival.transaction, arrival.entry
    output_value = sum(output.value for output in transaction.outputs)
    fee = sum(prevouts[outpoint][0] for outpoint in arrival.spends) - output_value
    if fee != entry.fee:
        log.warning(
            "The node gives %s a fee of %d; its inputs less its outputs are %d",
            hash_hex(arrival.txid),
            entry.fee,
            fee,
        )
    return (
        arrival.txid,
        entry.time,
        fee,
        transaction.size,
        transaction.weight,
        flags_of(transaction),
        output_value,
        entry.raw,
    )


def _replaced(
    connection: Connection, gone: Iterable[bytes], spenders: Mapping[Outpoint, bytes]
) -> dict[bytes, bytes]:
    """Of those that left unconfirmed, the ones that somebody else's spend pushed out, and whose."""
    spent: dict[Outpoint, bytes] = {}
    for some in batches(gone):
        rows = connection.execute(
            select(
                mempool_input.c.prev_txid, mempool_input.c.prev_vout, mempool_input.c.txid
            ).where(mempool_input.c.txid.in_(some))
        )
        spent |= {(row.prev_txid, row.prev_vout): row.txid for row in rows}
    confirmed = confirmed_spenders(connection, spent.keys() - spenders.keys())
    by_outpoint = {**confirmed, **{each: spenders[each] for each in spent.keys() & spenders.keys()}}
    return {
        spent[outpoint]: spender
        for outpoint, spender in by_outpoint.items()
        if spender != spent[outpoint]
    }


def _with_descendants(connection: Connection, txids: Iterable[bytes]) -> set[bytes]:
    """These and all that spend from them, unconfirmed."""
    found = set(txids)
    level = set(found)
    while level:
        children: set[bytes] = set()
        for some in batches(level):
            children.update(
                connection.scalars(
                    select(mempool_input.c.txid).where(mempool_input.c.prev_txid.in_(some))
                )
            )
        level = children - found
        found |= level
    return found


def _forget_old_replacements(connection: Connection, now: int) -> None:
    beyond = connection.scalar(
        select(replacement.c.replaced_at)
        .order_by(replacement.c.replaced_at.desc())
        .offset(REPLACEMENTS_KEPT)
        .limit(1)
    )
    oldest = max(now - REPLACEMENT_AGE, -1 if beyond is None else beyond + 1)
    connection.execute(delete(replacement).where(replacement.c.replaced_at < oldest))


def _count_change(connection: Connection) -> None:
    connection.execute(update(state).values(mempool_generation=state.c.mempool_generation + 1))
