"""Transactions that wait, and how they hang together."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from indexer.chain.encoding import Transaction

MIN_RELAY_FEE = 100  # per 1000 vbytes, as of Bitcoin Core 30


@dataclass(slots=True, eq=False)
class PoolEntry:
    """A transaction in the mempool with its relations there."""

    transaction: Transaction
    fee: int
    vsize: int  # raised where signature checks are dense, as Core does
    sigop_cost: int
    time: int  # first seen
    parents: "set[PoolEntry]" = field(default_factory=set)
    children: "set[PoolEntry]" = field(default_factory=set)

    @property
    def txid(self) -> bytes:
        return self.transaction.txid


def minimum_fee(vsize: int, rate: int = MIN_RELAY_FEE) -> int:
    """What so many vbytes cost at a rate per 1000 vbytes, rounded up."""
    return -(-vsize * rate // 1000)


def ancestors(entries: Iterable[PoolEntry]) -> set[PoolEntry]:
    """These entries and all that they build on."""
    found = set(entries)
    todo = list(found)
    while todo:
        fresh = todo.pop().parents - found
        found |= fresh
        todo += fresh
    return found


def descendants(entries: Iterable[PoolEntry]) -> set[PoolEntry]:
    """These entries and all that builds on them."""
    found = set(entries)
    todo = list(found)
    while todo:
        fresh = todo.pop().children - found
        found |= fresh
        todo += fresh
    return found
