"""Several transactions judged together on regtest: only asked about, or sent as a package.

What Bitcoin Core 30 says of them: fee rates of a package count where a parent pays too little.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from indexer.chain.encoding import Transaction
from indexer.chain.script import is_unspendable
from indexer.node.base import PackageResult, TransactionRejectedError, Verdict
from indexer.node.mempool_graph import PoolEntry, minimum_fee
from indexer.node.regtest_mempool import RegtestMempool

MAX_PACKAGE_COUNT: Final = 25
MAX_PACKAGE_WEIGHT: Final = 404_000
DEFAULT_MAX_FEE_RATE: Final = 10_000_000  # per 1000 vbytes: Core's own
_FEE_TOO_LOW: Final = "min relay fee not met"


def judge_package(
    mempool: RegtestMempool,
    transactions: Sequence[Transaction],
    time: int,
    max_fee_rate: int,
) -> tuple[Verdict, ...]:
    """What each would meet if they came one after the other. The mempool is left as it was."""
    check_package(transactions)
    verdicts: list[Verdict] = []
    with _undone(mempool) as admitted:
        for transaction in transactions:
            if verdicts and not verdicts[-1].allowed:
                verdicts.append(Verdict(transaction.txid, transaction.wtxid, allowed=None))
                continue
            try:
                if transaction.txid in mempool.entries:
                    raise TransactionRejectedError("txn-already-in-mempool")
                entry, replaced = mempool.judge(transaction, time)
                check_fee_rate(entry, max_fee_rate)
                if len(transactions) > 1:
                    if replaced:
                        raise TransactionRejectedError("bip125-replacement-disallowed")
                    mempool.admit(entry, set())
                    admitted.append(entry)
                verdicts.append(_accepted([entry])[0])
            except TransactionRejectedError as error:
                verdicts.append(_refused(transaction, error))
    return tuple(verdicts)


def submit_package(
    mempool: RegtestMempool,
    transactions: Sequence[Transaction],
    time: int,
    max_fee_rate: int,
    max_burn: int,
) -> PackageResult:
    """Take in what is good by itself, then the rest together where its fees suffice together."""
    check_package(transactions)
    _check_topology(transactions)
    for transaction in transactions:
        if any(
            each.value > max_burn for each in transaction.outputs if is_unspendable(each.script)
        ):
            raise TransactionRejectedError(
                "Unspendable output exceeds maximum configured by user (maxburnamount)", code=-25
            )
    verdicts: dict[bytes, Verdict] = {}
    replaced: set[bytes] = set()
    waiting: list[Transaction] = []
    for transaction in transactions:
        present = mempool.entries.get(transaction.txid)
        if present is not None:
            verdicts[transaction.wtxid] = _present(transaction, present)
            continue
        try:
            entry, out = mempool.judge(transaction, time)
            check_fee_rate(entry, max_fee_rate)
            mempool.admit(entry, out)
        except TransactionRejectedError as error:
            verdicts[transaction.wtxid] = _refused(transaction, error)
            if _may_be_mended(error):
                waiting.append(transaction)
        else:
            replaced |= {each.txid for each in out}
            verdicts[transaction.wtxid] = _accepted([entry])[0]
    if len(waiting) > 1 and waiting[-1] is transactions[-1]:
        verdicts |= {each.wtxid: each for each in _together(mempool, waiting, time, max_fee_rate)}
    good = all(each.allowed for each in verdicts.values())
    return PackageResult(
        message="success" if good else "transaction failed",
        verdicts=tuple(verdicts[each.wtxid] for each in transactions),
        replaced=tuple(sorted(replaced)),
    )


def check_package(transactions: Sequence[Transaction]) -> None:
    """The rules on packages that need no mempool."""
    if not 1 <= len(transactions) <= MAX_PACKAGE_COUNT:
        raise TransactionRejectedError(
            f"Array must contain between 1 and {MAX_PACKAGE_COUNT} transactions.", code=-8
        )
    if len(transactions) > 1 and sum(each.weight for each in transactions) > MAX_PACKAGE_WEIGHT:
        raise TransactionRejectedError("package-too-large")
    if len({each.txid for each in transactions}) < len(transactions):
        raise TransactionRejectedError("package-contains-duplicates")
    later = {each.txid for each in transactions}
    spent: set[tuple[bytes, int]] = set()
    for transaction in transactions:
        later.discard(transaction.txid)
        outpoints = {(each.prev_txid, each.prev_vout) for each in transaction.inputs}
        if any(txid in later for txid, _ in outpoints):
            raise TransactionRejectedError("package-not-sorted")
        if outpoints & spent:
            raise TransactionRejectedError("conflict-in-package")
        spent |= outpoints


def check_fee_rate(entry: PoolEntry, max_fee_rate: int) -> None:
    """`max_fee_rate` per 1000 vbytes, 0 for none: guards against a fee by mistake."""
    if max_fee_rate and entry.fee * 1000 > max_fee_rate * entry.vsize:
        raise TransactionRejectedError("max-fee-exceeded", code=-25)


def _check_topology(transactions: Sequence[Transaction]) -> None:
    """A child as the last one, all others its parents and not each other's."""
    *parents, child = transactions
    names = {each.txid for each in parents}
    spent_by_child = {each.prev_txid for each in child.inputs}
    chained = any(each.prev_txid in names for parent in parents for each in parent.inputs)
    if names - spent_by_child or chained:
        raise TransactionRejectedError(
            "package topology disallowed. not child-with-parents or parents depend on each other.",
            code=TransactionRejectedError.INPUTS_MISSING,
        )


def _together(
    mempool: RegtestMempool, transactions: Sequence[Transaction], time: int, max_fee_rate: int
) -> list[Verdict]:
    """All of them or none, as one purchase."""
    entries: list[PoolEntry] = []
    transaction = transactions[0]
    try:
        for transaction in transactions:
            entry, replaced = mempool.judge(transaction, time, least_fee=False)
            if replaced:
                raise TransactionRejectedError(
                    "package RBF failed: package must be 1-parent-1-child"
                )
            mempool.admit(entry, set())
            entries.append(entry)
        fee, vsize = sum(each.fee for each in entries), sum(each.vsize for each in entries)
        if fee < (minimum := minimum_fee(vsize)):
            raise TransactionRejectedError(f"{_FEE_TOO_LOW}, {fee} < {minimum}")
        check_fee_rate(entries[-1], max_fee_rate)
    except TransactionRejectedError as error:
        mempool.remove(set(entries))
        return [
            _refused(each, error)
            if each is transaction
            else Verdict(each.txid, each.wtxid, allowed=False, reason=_FEE_TOO_LOW)
            for each in transactions
        ]
    return _accepted(entries)


@contextmanager
def _undone(mempool: RegtestMempool) -> Iterator[list[PoolEntry]]:
    """What is put into the list leaves the mempool again."""
    admitted: list[PoolEntry] = []
    try:
        yield admitted
    finally:
        mempool.remove(set(admitted))


def _may_be_mended(error: TransactionRejectedError) -> bool:
    """Fees may be paid by a child, and a child's inputs be made by a parent that waits for it."""
    missing = error.code == TransactionRejectedError.INPUTS_MISSING
    return missing or error.reason.startswith(_FEE_TOO_LOW)


def _accepted(entries: Sequence[PoolEntry]) -> list[Verdict]:
    fee, vsize = sum(each.fee for each in entries), sum(each.vsize for each in entries)
    includes = tuple(each.transaction.wtxid for each in entries)
    return [
        Verdict(
            each.txid,
            each.transaction.wtxid,
            allowed=True,
            vsize=each.vsize,
            fee=each.fee,
            effective_rate=fee * 1000 // vsize,
            effective_includes=includes,
        )
        for each in entries
    ]


def _present(transaction: Transaction, present: PoolEntry) -> Verdict:
    other = present.transaction.wtxid
    if other != transaction.wtxid:
        return Verdict(transaction.txid, transaction.wtxid, allowed=True, other_wtxid=other)
    return Verdict(
        transaction.txid, transaction.wtxid, allowed=True, vsize=present.vsize, fee=present.fee
    )


def _refused(transaction: Transaction, error: TransactionRejectedError) -> Verdict:
    return Verdict(transaction.txid, transaction.wtxid, allowed=False, reason=error.reason)
