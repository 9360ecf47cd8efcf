"""What inputs spend: outpoints resolved to output ids, from memory first and then from SQL."""

from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, bindparam, select

from indexer import schema
from indexer.chain.encoding import hash_hex
from indexer.sync.rows import BlockDraft, InvalidBlockError, Outpoint, Prevout

CACHE_SIZE = 1_000_000  # outputs, some 250 bytes each
T = TypeVar("T")

LOOKUP_SIZE = 900  # keys in one SQL statement

_tx, _output = schema.tx.c, schema.output.c
_transactions_by_prefix = select(_tx.txid, _tx.tx_id, _tx.output_count).where(
    schema.txid_prefix_of(schema.tx).in_(bindparam("prefixes", expanding=True))
)
_outputs_by_id = select(_output.output_id, _output.value).where(
    _output.output_id.in_(bindparam("ids", expanding=True))
)


class UnknownPrevoutError(InvalidBlockError):
    """An input spends an output that the index does not have."""


class Prevouts:
    """Remembers the newest outputs that no input has spent yet; older ones are asked of SQL.

    What it remembers must be rows: resolve inside `kept`, and `forget` when blocks go.
    """

    def __init__(self, size: int = CACHE_SIZE) -> None:
        self._size = size
        self._cache: dict[Outpoint, Prevout] = {}

    def forget(self) -> None:
        self._cache.clear()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Around the SQL transaction that makes rows of what is resolved: forget if it fails."""
        try:
            yield
        except BaseException:
            self.forget()
            raise

    def resolve(
        self, connection: Connection, drafts: Iterable[BlockDraft]
    ) -> list[Sequence[Prevout]]:
        """For each block, in chain order, what its inputs spend."""
        cache = self._cache
        missing: list[Outpoint] = []
        resolved: list[list[Prevout | None]] = []
        for draft in drafts:
            cache.update(zip(draft.created, [row[:2] for row in draft.outputs], strict=True))
            found = [cache.pop(spent, None) for spent in draft.spent]
            missing += [s for s, prevout in zip(draft.spent, found, strict=True) if prevout is None]
            resolved.append(found)
        stored = iter(_look_up(connection, missing))
        self._evict()
        return [[prevout or next(stored) for prevout in found] for found in resolved]

    def _evict(self) -> None:
        excess = len(self._cache) - self._size
        if excess > 0:
            for oldest in list(islice(self._cache, excess + self._size // 10)):
                del self._cache[oldest]


@dataclass(frozen=True, slots=True)
class StoredTransaction:
    """Where the outputs of a transaction are."""

    tx_id: int
    output_count: int

    @property
    def output_ids(self) -> range:
        return range(self.tx_id, self.tx_id + self.output_count)


def newest_transactions(
    connection: Connection, txids: Set[bytes], before: int | None = None
) -> dict[bytes, StoredTransaction]:
    """Those of the txids that the index has, below the tx_id `before`.

    Before BIP30 a coinbase could repeat an older one; only the newest can be spent.
    """
    newest: dict[bytes, StoredTransaction] = {}
    for prefixes in pieces(sorted({txid[: schema.TXID_PREFIX_SIZE] for txid in txids})):
        for txid, *where in connection.execute(_transactions_by_prefix, {"prefixes": prefixes}):
            found = StoredTransaction(*where)
            if txid not in txids or (before is not None and found.tx_id >= before):
                continue
            if txid not in newest or newest[txid].tx_id < found.tx_id:
                newest[txid] = found
    return newest


def pieces(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many values at a time as go well into one SQL statement."""
    for start in range(0, len(values), LOOKUP_SIZE):
        yield values[start : start + LOOKUP_SIZE]


def _look_up(connection: Connection, outpoints: Sequence[Outpoint]) -> list[Prevout]:
    stored = newest_transactions(connection, {txid for txid, _ in outpoints})
    ids = []
    for txid, vout in outpoints:
        found = stored.get(txid)
        if found is None or vout >= found.output_count:
            raise UnknownPrevoutError(
                f"The index does not have output {vout} of transaction {hash_hex(txid)}"
            )
        ids.append(found.tx_id + vout)
    values: dict[int, int] = {}
    for some in pieces(sorted(ids)):
        values.update(dict(connection.execute(_outputs_by_id, {"ids": some}).all()))
    return [(output_id, values[output_id]) for output_id in ids]
