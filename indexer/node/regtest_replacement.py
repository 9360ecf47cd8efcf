"""When a transaction may push others out of the mempool: BIP125's rules as Core 30 has them.

Signalling is not asked for: every transaction may be replaced ("full RBF").
"""

from indexer.chain.network import COIN
from indexer.chain.wire import hash_hex
from indexer.node.base import TransactionRejectedError
from indexer.node.mempool_graph import PoolEntry, ancestors, descendants, minimum_fee

_MAX_REPLACED = 100


def check_replacement(entry: PoolEntry, conflicts: set[PoolEntry]) -> set[PoolEntry]:
    """All that goes when `entry`, which spends what `conflicts` spend, comes in."""
    if not conflicts:
        return set()
    name = hash_hex(entry.txid)
    for shared in ancestors(entry.parents) & conflicts:
        raise TransactionRejectedError(
            f"bad-txns-spends-conflicting-tx, {name} spends conflicting transaction"
            f" {hash_hex(shared.txid)}"
        )
    replaced = descendants(conflicts)
    if len(replaced) > _MAX_REPLACED:
        raise TransactionRejectedError(
            f"too many potential replacements, rejecting replacement {name}; too many potential"
            f" replacements ({len(replaced)} > {_MAX_REPLACED})"
        )
    _check_no_new_unconfirmed(entry, conflicts)
    for conflict in conflicts:
        if entry.fee * conflict.vsize <= conflict.fee * entry.vsize:
            raise TransactionRejectedError(
                f"insufficient fee, rejecting replacement {name}; new feerate {_rate(entry)}"
                f" <= old feerate {_rate(conflict)}"
            )
    _check_pays_for_replaced(entry, replaced)
    return replaced


def _check_no_new_unconfirmed(entry: PoolEntry, conflicts: set[PoolEntry]) -> None:
    known = {parent.txid for conflict in conflicts for parent in conflict.parents}
    unconfirmed = {parent.txid for parent in entry.parents} - known
    for position, each in enumerate(entry.transaction.inputs):
        if each.prev_txid in unconfirmed:
            raise TransactionRejectedError(
                f"replacement-adds-unconfirmed, replacement {hash_hex(entry.txid)} adds"
                f" unconfirmed input, idx {position}"
            )


def _check_pays_for_replaced(entry: PoolEntry, replaced: set[PoolEntry]) -> None:
    start = f"insufficient fee, rejecting replacement {hash_hex(entry.txid)}, "
    old_fees = sum(each.fee for each in replaced)
    if entry.fee < old_fees:
        raise TransactionRejectedError(
            f"{start}less fees than conflicting txs; {_money(entry.fee)} < {_money(old_fees)}"
        )
    added, needed = entry.fee - old_fees, minimum_fee(entry.vsize)
    if added < needed:
        raise TransactionRejectedError(
            f"{start}not enough additional fees to relay; {_money(added)} < {_money(needed)}"
        )


def _money(amount: int) -> str:
    """As Core writes amounts: at least two decimals, further zeros left off."""
    whole, fraction = divmod(amount, COIN)
    return f"{whole}.{f'{fraction:08}'.rstrip('0').ljust(2, '0')}"


def _rate(entry: PoolEntry) -> str:
    return f"{entry.fee * 1000 // entry.vsize / COIN:.8f} BTC/kvB"
