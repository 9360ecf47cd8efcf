"""The timeline of a transaction that replaced others or was replaced (BIP125 and full RBF)."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from indexer.queries.transactions import find_confirmed
from indexer.schema import mempool_tx, replacement

LONGEST_TIMELINE = 100


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a payment. Times are seconds since 1970, rates per virtual byte."""

    txid: bytes
    first_seen: int | None
    fee: int
    weight: int
    replaced_by: bytes | None
    replaced_at: int | None

    @property
    def vsize(self) -> int:
        return -(-self.weight // 4)

    @property
    def fee_rate(self) -> float:
        return self.fee / (self.weight / 4)


@dataclass(frozen=True, slots=True)
class Timeline:
    """All versions, oldest first; `last` is the one that nothing replaced, as far as we know."""

    versions: tuple[Version, ...]
    last: bytes
    complete: bool  # False: there were more than LONGEST_TIMELINE


def last_version(connection: Connection, txid: bytes) -> bytes:
    """Who replaced the replacement of this transaction, and so on to the end."""
    for _ in range(LONGEST_TIMELINE):
        following = connection.scalar(
            select(replacement.c.replaced_by).where(replacement.c.txid == txid)
        )
        if following is None:
            break
        txid = bytes(following)
    return txid


def timeline(
    connection: Connection, txid: bytes, current: Version | None = None
) -> Timeline | None:
    """Every version of the payment that this transaction is one of; None if it is the only one.

    `current` describes `txid` itself where the caller knows it already.
    """
    last = last_version(connection, txid)
    versions: dict[bytes, Version] = {}
    wanted = {last}
    while wanted and len(versions) <= LONGEST_TIMELINE:
        rows = connection.execute(
            select(
                replacement.c.txid,
                replacement.c.replaced_by,
                replacement.c.replaced_at,
                replacement.c.first_seen,
                replacement.c.fee,
                replacement.c.weight,
            )
            .where(replacement.c.replaced_by.in_(wanted))
            .limit(LONGEST_TIMELINE + 1)
        )
        wanted = set()
        for row in rows:
            version = Version(
                bytes(row.txid),
                row.first_seen,
                row.fee,
                row.weight,
                bytes(row.replaced_by),
                row.replaced_at,
            )
            if version.txid not in versions and version.txid != last:
                versions[version.txid] = version
                wanted.add(version.txid)
    if not versions:
        return None
    complete = len(versions) <= LONGEST_TIMELINE
    ordered = sorted(versions.values(), key=lambda each: (each.replaced_at or 0, each.fee))
    standing = current if current and current.txid == last else _standing(connection, last)
    if standing is not None:
        ordered.append(standing)
    return Timeline(tuple(ordered[-LONGEST_TIMELINE:]), last, complete)


def _standing(connection: Connection, txid: bytes) -> Version | None:
    """The version that nothing replaced: it waits, or it is confirmed, or it is gone."""
    row = connection.execute(
        select(mempool_tx.c.first_seen, mempool_tx.c.fee, mempool_tx.c.weight).where(
            mempool_tx.c.txid == txid
        )
    ).first()
    if row is not None:
        return Version(txid, row.first_seen, row.fee, row.weight, None, None)
    confirmed = find_confirmed(connection, txid)
    if confirmed is None or confirmed.fee is None:
        return None
    return Version(txid, None, confirmed.fee, confirmed.weight, None, None)
