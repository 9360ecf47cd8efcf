"""What inputs spend: outpoints resolved to output ids, from memory first and then from SQL."""

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, bindparam, select

from indexer import schema
from indexer.chain.encoding import hash_hex
from indexer.sync.recent import CACHE_SIZE, RecentOutputs
from indexer.sync.rows import (
    BlockDraft,
    BlockRows,
    FilledBlock,
    InvalidBlockError,
    Outpoint,
    Prevout,
    finish,
)

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
    """Recent outputs from memory, older ones from SQL, block by block.

    What it remembers must be rows: complete inside `kept`, and `forget` when blocks go.
    """

    def __init__(self, size: int = CACHE_SIZE) -> None:
        self._recent = RecentOutputs(size)

    def forget(self) -> None:
        self._recent.clear()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Around the SQL transaction that makes rows of what is resolved: forget if it fails."""
        try:
            yield
        except BaseException:
            self.forget()
            raise

    def complete(self, connection: Connection, draft: BlockDraft) -> BlockRows:
        """The rows of the next block."""
        (rows,) = finish_batch(connection, [self._recent.fill(draft)])
        self._recent.evict()
        return rows


def finish_batch(connection: Connection, batch: Sequence[FilledBlock]) -> list[BlockRows]:
    """The rows of consecutive blocks; what memory did not have is looked up."""
    missing = [each[2:] for filled in batch for each in filled.missing]
    stored = iter(look_up(connection, missing))
    return [finish(filled, list(islice(stored, len(filled.missing)))) for filled in batch]


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


def look_up(connection: Connection, outpoints: Sequence[Outpoint]) -> list[Prevout]:
    """What is stored of outputs. Raises UnknownPrevoutError."""
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
