"""The unconfirmed relatives of a mempool transaction, and the fee rate they give it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from indexer.schema import mempool_input, mempool_tx

LARGEST_CLUSTER = 128  # nodes allow 25 ancestors and descendants, or clusters of 64
MOST_LINKS = 1000


@dataclass(frozen=True, slots=True)
class Member:
    """A mempool transaction of the cluster."""

    txid: bytes
    fee: int
    weight: int
    first_seen: int

    @property
    def vsize(self) -> int:
        return -(-self.weight // 4)

    @property
    def fee_rate(self) -> float:
        return self.fee / (self.weight / 4)


@dataclass(frozen=True, slots=True)
class Package:
    """A transaction with what it depends on and what depends on it, nearest first.

    `effective_rate` is what a miner who takes the best paying package first gets per virtual
    byte of the package that holds the transaction (CPFP). `complete` is False where the cluster
    was too large to be read to its end.
    """

    transaction: Member
    ancestors: tuple[Member, ...]
    descendants: tuple[Member, ...]
    ancestor_fee: int  # of the transaction and its ancestors
    ancestor_weight: int
    effective_rate: float
    complete: bool

    @property
    def ancestor_vsize(self) -> int:
        return -(-self.ancestor_weight // 4)

    @property
    def ancestor_rate(self) -> float:
        return self.ancestor_fee / (self.ancestor_weight / 4)


@dataclass(slots=True)
class _Cluster:
    members: dict[bytes, Member] = field(default_factory=dict)
    parents: dict[bytes, set[bytes]] = field(default_factory=dict)
    children: dict[bytes, set[bytes]] = field(default_factory=dict)
    complete: bool = True


def package(connection: Connection, txid: bytes) -> Package | None:
    """The package of a mempool transaction; None if it is not in the mempool."""
    cluster = _read(connection, txid)
    if txid not in cluster.members:
        return None
    ancestors = _reachable(txid, cluster.parents)
    descendants = _reachable(txid, cluster.children)
    together = [cluster.members[txid], *(cluster.members[each] for each in ancestors)]
    return Package(
        transaction=cluster.members[txid],
        ancestors=tuple(cluster.members[each] for each in ancestors),
        descendants=tuple(cluster.members[each] for each in descendants),
        ancestor_fee=sum(member.fee for member in together),
        ancestor_weight=sum(member.weight for member in together),
        effective_rate=_effective_rate(txid, cluster),
        complete=cluster.complete,
    )


def _read(connection: Connection, txid: bytes) -> _Cluster:
    """Everything connected with a transaction, breadth first."""
    cluster = _Cluster()
    wanted = {txid}
    while wanted:
        room = LARGEST_CLUSTER - len(cluster.members)
        if len(wanted) > room:
            cluster.complete = False
            wanted = set(sorted(wanted)[:room])
        found = _members(connection, wanted)
        cluster.members |= found
        for parent, child in _links(connection, found):
            cluster.parents.setdefault(child, set()).add(parent)
            cluster.children.setdefault(parent, set()).add(child)
        linked = {
            relative
            for each in found
            for relative in cluster.parents.get(each, set()) | cluster.children.get(each, set())
        }
        wanted = linked - cluster.members.keys()
        if not room:
            break
    for relatives in (cluster.parents, cluster.children):
        for each in relatives:
            relatives[each] &= cluster.members.keys()
    return cluster


def _members(connection: Connection, txids: Iterable[bytes]) -> dict[bytes, Member]:
    rows = connection.execute(
        select(
            mempool_tx.c.txid, mempool_tx.c.fee, mempool_tx.c.weight, mempool_tx.c.first_seen
        ).where(mempool_tx.c.txid.in_(txids))
    )
    return {
        bytes(row.txid): Member(bytes(row.txid), row.fee, row.weight, row.first_seen)
        for row in rows
    }


def _links(connection: Connection, txids: Iterable[bytes]) -> set[tuple[bytes, bytes]]:
    """(parent, child) for the unconfirmed parents and the children of these."""
    txids = list(txids)
    spends = select(mempool_input.c.prev_txid, mempool_input.c.txid).distinct()
    upwards = spends.join(mempool_tx, mempool_tx.c.txid == mempool_input.c.prev_txid).where(
        mempool_input.c.txid.in_(txids)
    )
    downwards = spends.where(mempool_input.c.prev_txid.in_(txids))
    return {
        (bytes(parent), bytes(child))
        for query in (upwards, downwards)
        for parent, child in connection.execute(query.limit(MOST_LINKS))
    }


def _reachable(txid: bytes, relatives: Mapping[bytes, set[bytes]]) -> list[bytes]:
    """Relatives of relatives, nearest first."""
    order: list[bytes] = []
    seen = {txid}
    level = [txid]
    while level:
        level = sorted({each for one in level for each in relatives.get(one, ())} - seen)
        seen.update(level)
        order += level
    return order


def _effective_rate(txid: bytes, cluster: _Cluster) -> float:
    """Take the best paying ancestor package of the cluster until it holds the transaction."""
    left = set(cluster.members)
    while True:
        best: set[bytes] = set()
        best_rate = -1.0
        for each in left:
            together = {each, *_reachable(each, cluster.parents)} & left
            rate = _rate(cluster.members[one] for one in together)
            if rate > best_rate or (rate == best_rate and len(together) > len(best)):
                best, best_rate = together, rate
        if txid in best:
            return best_rate
        left -= best


def _rate(members: Iterable[Member]) -> float:
    fee = weight = 0
    for member in members:
        fee += member.fee
        weight += member.weight
    return fee / (weight / 4)
