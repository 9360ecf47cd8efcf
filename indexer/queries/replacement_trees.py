"""Payments and the versions they replaced, as trees: one version may replace several."""

from dataclasses import dataclass

from sqlalchemy import Connection, Row, select

from indexer.chain.encoding import parse_transaction
from indexer.chain.network import Network
from indexer.keys import TxFlag
from indexer.queries.replacements import LONGEST_TIMELINE, last_version
from indexer.queries.transactions import find_confirmed
from indexer.schema import mempool_tx, replacement
from indexer.sync.rows import flags_of

NEWEST_LOOKED_AT = 400  # replacements, to find the latest trees


@dataclass(frozen=True, slots=True)
class TreeTransaction:
    """Amounts in the smallest unit."""

    txid: bytes
    fee: int
    weight: int
    output_value: int
    signals: bool  # BIP125
    confirmed: bool

    @property
    def vsize(self) -> int:
        return -(-self.weight // 4)


@dataclass(frozen=True, slots=True)
class ReplacementTree:
    """A version and those that it replaced. `time` is when it was seen first, or confirmed."""

    transaction: TreeTransaction
    time: int
    replaced_at: int | None
    replaces: tuple["ReplacementTree", ...]

    @property
    def full(self) -> bool:
        """Whether something was replaced that did not say it might be (full RBF)."""
        return any(not each.transaction.signals or each.full for each in self.replaces)

    @property
    def confirmed(self) -> bool:
        return self.transaction.confirmed or any(each.confirmed for each in self.replaces)

    @property
    def interval(self) -> int | None:
        """Seconds until it was replaced."""
        return None if self.replaced_at is None else max(0, self.replaced_at - self.time)


def replacement_tree(
    connection: Connection, txid: bytes, network: Network
) -> ReplacementTree | None:
    """The tree that a transaction is in; None if it neither replaced another nor was replaced, or
    if the last version is known no more."""
    root = last_version(connection, txid)
    if root == txid and not _replaced_by(connection, [txid]):
        return None
    return _tree(connection, root, network)


def replaced_directly(connection: Connection, txid: bytes) -> tuple[bytes, ...]:
    """The txids that this transaction pushed out."""
    return tuple(bytes(row.txid) for row in _replaced_by(connection, [txid]))


def newest_trees(
    connection: Connection, network: Network, count: int, *, only_full: bool = False
) -> tuple[ReplacementTree, ...]:
    """The trees of the latest replacements, the latest first."""
    rows = connection.scalars(
        select(replacement.c.txid)
        .order_by(replacement.c.replaced_at.desc(), replacement.c.txid)
        .limit(NEWEST_LOOKED_AT)
    )
    trees: dict[bytes, ReplacementTree] = {}
    for txid in rows:
        root = last_version(connection, bytes(txid))
        if root in trees:
            continue
        tree = _tree(connection, root, network)
        if tree is not None and (tree.full or not only_full):
            trees[root] = tree
        if len(trees) == count:
            break
    return tuple(trees.values())


def _tree(connection: Connection, root: bytes, network: Network) -> ReplacementTree | None:
    found = _last_transaction(connection, root)
    if found is None:
        return None
    by_replacer: dict[bytes, list[Row[tuple[object, ...]]]] = {}
    wanted, known = [root], {root}
    while wanted and len(known) <= LONGEST_TIMELINE:
        rows = [row for row in _replaced_by(connection, wanted) if bytes(row.txid) not in known]
        for row in rows:
            by_replacer.setdefault(bytes(row.replaced_by), []).append(row)
        wanted = [bytes(row.txid) for row in rows]
        known.update(wanted)

    def below(txid: bytes) -> tuple[ReplacementTree, ...]:
        return tuple(
            ReplacementTree(
                _replaced_transaction(row, network),
                row.first_seen,
                row.replaced_at,
                below(bytes(row.txid)),
            )
            for row in by_replacer.get(txid, [])
        )

    transaction, time = found
    return ReplacementTree(transaction, time, None, below(root))


def _replaced_by(connection: Connection, txids: list[bytes]) -> list[Row[tuple[object, ...]]]:
    return list(
        connection.execute(
            select(replacement)
            .where(replacement.c.replaced_by.in_(txids))
            .order_by(replacement.c.replaced_at, replacement.c.txid)
            .limit(LONGEST_TIMELINE)
        )
    )


def _last_transaction(connection: Connection, txid: bytes) -> tuple[TreeTransaction, int] | None:
    """The version that nothing replaced, and when it was seen or confirmed."""
    columns = mempool_tx.c
    row = connection.execute(
        select(
            columns.first_seen, columns.fee, columns.weight, columns.flags, columns.output_value
        ).where(columns.txid == txid)
    ).first()
    if row is not None:
        signals = bool(row.flags & TxFlag.REPLACEABLE)
        waiting = TreeTransaction(txid, row.fee, row.weight, row.output_value, signals, False)
        return waiting, row.first_seen
    summary = find_confirmed(connection, txid)
    if summary is None or summary.fee is None or summary.block_time is None:
        return None
    signals = TxFlag.REPLACEABLE in summary.flags
    mined = TreeTransaction(txid, summary.fee, summary.weight, summary.output_value, signals, True)
    return mined, summary.block_time


def _replaced_transaction(row: Row[tuple[object, ...]], network: Network) -> TreeTransaction:
    transaction = parse_transaction(bytes(row.raw), network)
    return TreeTransaction(
        txid=bytes(row.txid),
        fee=row.fee,
        weight=row.weight,
        output_value=sum(each.value for each in transaction.outputs),
        signals=bool(flags_of(transaction) & TxFlag.REPLACEABLE),
        confirmed=False,
    )
