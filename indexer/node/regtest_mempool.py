"""The embedded node's mempool, on regtest only: Bitcoin Core 30's rules as far as they show.

Every refusal is a TransactionRejectedError with Core's own reason.
"""

from indexer.chain.encoding import Transaction, parse_transaction
from indexer.chain.wire import hash_hex
from indexer.node.base import SpentOutput, TransactionRejectedError
from indexer.node.embedded_store import Coin
from indexer.node.engine import failing_input
from indexer.node.mempool_graph import PoolEntry, ancestors, descendants, minimum_fee
from indexer.node.regtest_chain import REGTEST, ChainChange, RegtestChain
from indexer.node.regtest_policy import (
    check_consensus,
    check_inputs_standard,
    check_sigop_cost,
    check_standard,
    sigop_cost,
)
from indexer.node.regtest_replacement import check_replacement

_MAX_PACKAGE_COUNT, _MAX_PACKAGE_VSIZE = 25, 101_000  # of relations on one side, with itself
_LOCKTIME_THRESHOLD = 500_000_000
_SEQUENCE_FINAL = 0xFFFFFFFF
_SEQUENCE_DISABLED, _SEQUENCE_TIME, _SEQUENCE_MASK = 1 << 31, 1 << 22, 0xFFFF
_WEIGHT_PER_SIGOP = 20


class RegtestMempool:
    """Follows a RegtestChain, in whose store it is kept. Not thread-safe.

    What writes belongs into a transaction of that store.
    """

    def __init__(self, chain: RegtestChain) -> None:
        self._chain = chain
        self.entries: dict[bytes, PoolEntry] = {}  # parents before children
        self._spenders: dict[tuple[bytes, int], PoolEntry] = {}
        with chain.store.transaction():
            self._refill(
                [(parse_transaction(raw, REGTEST), time) for raw, time in chain.store.mempool()]
            )

    def accept(self, transaction: Transaction, time: int) -> None:
        """Take in a transaction that is not in the mempool yet, and drop what it replaces."""
        entry, replaced = self.judge(transaction, time)
        self.admit(entry, replaced)

    def judge(
        self, transaction: Transaction, time: int, *, least_fee: bool = True
    ) -> tuple[PoolEntry, set[PoolEntry]]:
        """The entry that a transaction would be, and what it would replace.

        `least_fee`: it has to pay by itself what is relayed, not only with those around it.
        """
        check_consensus(transaction)
        check_standard(transaction)
        entry, spent = self._evaluate(transaction, time)
        check_inputs_standard(transaction, spent)
        check_sigop_cost(entry.sigop_cost)
        if least_fee and entry.fee < (minimum := minimum_fee(entry.vsize)):
            raise TransactionRejectedError(f"min relay fee not met, {entry.fee} < {minimum}")
        _check_package_limits(entry)
        replaced = check_replacement(entry, self._conflicts(transaction))
        _check_scripts(transaction, spent)
        return entry, replaced

    def admit(self, entry: PoolEntry, replaced: set[PoolEntry]) -> None:
        """Take in what `judge` found good, as long as nothing else came in between."""
        self._chain.store.add_to_mempool(entry.txid, entry.transaction.serialize(), entry.time)
        self.remove(replaced)
        self._add(entry)

    def apply(self, change: ChainChange, time: int) -> None:
        """Follow the chain: drop what was mined or double-spent, take back what came loose."""
        if change.disconnected:
            waiting = [
                (transaction, time)
                for block in reversed(change.disconnected)
                for transaction in block.transactions[1:]
            ]
            waiting += [(entry.transaction, entry.time) for entry in self.entries.values()]
            self._refill(waiting)
            return
        mined = [
            transaction for block in change.connected for transaction in block.transactions[1:]
        ]
        self.remove({entry for each in mined if (entry := self.entries.get(each.txid))})
        conflicts = {entry for each in mined for entry in self._conflicts(each)}
        self.remove(descendants(conflicts))

    def _refill(self, waiting: list[tuple[Transaction, int]]) -> None:
        """Start anew with transactions that were valid once; what no longer fits is left out.

        Their scripts need no second look: what a script sees of the chain is in the transaction.
        """
        store = self._chain.store
        store.clear_mempool()
        self.entries.clear()
        self._spenders.clear()
        for transaction, time in waiting:
            if transaction.txid in self.entries or self._conflicts(transaction):
                continue
            try:
                entry, _ = self._evaluate(transaction, time)
            except TransactionRejectedError:
                continue
            self._add(entry)
            store.add_to_mempool(entry.txid, transaction.serialize(), time)

    def _add(self, entry: PoolEntry) -> None:
        self.entries[entry.txid] = entry
        for each in entry.transaction.inputs:
            self._spenders[each.prev_txid, each.prev_vout] = entry
        for parent in entry.parents:
            parent.children.add(entry)

    def remove(self, entries: set[PoolEntry]) -> None:
        """Drop entries, and nothing that builds on them."""
        self._chain.store.remove_from_mempool(entry.txid for entry in entries)
        for entry in entries:
            del self.entries[entry.txid]
            for each in entry.transaction.inputs:
                del self._spenders[each.prev_txid, each.prev_vout]
            for parent in entry.parents:
                parent.children.discard(entry)
            for child in entry.children:
                child.parents.discard(entry)

    def _conflicts(self, transaction: Transaction) -> set[PoolEntry]:
        """Whatever here spends an output that this transaction spends."""
        outpoints = [(each.prev_txid, each.prev_vout) for each in transaction.inputs]
        return {self._spenders[each] for each in outpoints if each in self._spenders}

    def _evaluate(self, transaction: Transaction, time: int) -> tuple[PoolEntry, list[SpentOutput]]:
        """Look up what a transaction spends, and whether the next block could contain it."""
        chain = self._chain
        if not _is_final(transaction, chain.tip.height + 1, chain.median_time):
            raise TransactionRejectedError("non-final")
        coins = self._coins(transaction)
        if not self._is_sequence_final(transaction, coins):
            raise TransactionRejectedError("non-BIP68-final")
        fee = self._fee(transaction, coins)
        spent = [SpentOutput(coin.value, coin.script) for coin in coins]
        cost = sigop_cost(transaction, spent)
        weight = max(transaction.weight, cost * _WEIGHT_PER_SIGOP)
        prev_txids = {each.prev_txid for each in transaction.inputs}
        parents = {self.entries[each] for each in prev_txids if each in self.entries}
        return PoolEntry(transaction, fee, (weight + 3) // 4, cost, time, parents), spent

    def _coins(self, transaction: Transaction) -> list[Coin]:
        coins = [self._coin(each.prev_txid, each.prev_vout) for each in transaction.inputs]
        found = [coin for coin in coins if coin is not None]
        if len(found) < len(coins):
            if self._chain.store.has_coins_of(transaction.txid):
                raise TransactionRejectedError(
                    "txn-already-known", code=TransactionRejectedError.IN_A_BLOCK_ALREADY
                )
            raise TransactionRejectedError(
                "bad-txns-inputs-missingorspent", code=TransactionRejectedError.INPUTS_MISSING
            )
        return found

    def _coin(self, txid: bytes, vout: int) -> Coin | None:
        parent = self.entries.get(txid)
        if parent is None:
            return self._chain.coin(txid, vout)
        if vout >= len(parent.transaction.outputs):
            return None
        value, script = parent.transaction.outputs[vout]
        return Coin(value, script, self._chain.tip.height + 1, coinbase=False)

    def _fee(self, transaction: Transaction, coins: list[Coin]) -> int:
        next_height = self._chain.tip.height + 1
        for coin in coins:
            depth = next_height - coin.height
            if coin.coinbase and depth < REGTEST.coinbase_maturity:
                raise TransactionRejectedError(
                    "bad-txns-premature-spend-of-coinbase,"
                    f" tried to spend coinbase at depth {depth}"
                )
        value_in = sum(coin.value for coin in coins)
        value_out = sum(output.value for output in transaction.outputs)
        if value_in < value_out:
            raise TransactionRejectedError(
                f"bad-txns-in-belowout, value in ({value_in}) < value out ({value_out})"
            )
        return value_in - value_out

    def _is_sequence_final(self, transaction: Transaction, coins: list[Coin]) -> bool:
        """BIP68, for a transaction in the next block."""
        if transaction.version < 2:
            return True
        chain = self._chain
        for each, coin in zip(transaction.inputs, coins, strict=True):
            span = each.sequence & _SEQUENCE_MASK
            if each.sequence & _SEQUENCE_DISABLED:
                continue
            if each.sequence & _SEQUENCE_TIME:
                start = chain.median_time_past(chain.hash_at(max(coin.height - 1, 0)))
                if start + (span << 9) > chain.median_time:
                    return False
            elif coin.height + span > chain.tip.height + 1:
                return False
        return True


def _is_final(transaction: Transaction, height: int, median_time: int) -> bool:
    """nLockTime, for a transaction in a block of this height whose parent has this median time."""
    locktime = transaction.locktime
    reached = height if locktime < _LOCKTIME_THRESHOLD else median_time
    return locktime < reached or all(
        each.sequence == _SEQUENCE_FINAL for each in transaction.inputs
    )


def _check_package_limits(entry: PoolEntry) -> None:
    before = ancestors([entry])
    if len(before) > _MAX_PACKAGE_COUNT:
        raise TransactionRejectedError(
            f"too-long-mempool-chain, too many unconfirmed ancestors [limit: {_MAX_PACKAGE_COUNT}]"
        )
    if sum(each.vsize for each in before) > _MAX_PACKAGE_VSIZE:
        raise TransactionRejectedError(
            f"too-long-mempool-chain, exceeds ancestor size limit [limit: {_MAX_PACKAGE_VSIZE}]"
        )
    for ancestor in before - {entry}:
        after = descendants([ancestor])
        name = hash_hex(ancestor.txid)
        if len(after) >= _MAX_PACKAGE_COUNT:
            raise TransactionRejectedError(
                f"too-long-mempool-chain, too many descendants for tx {name}"
                f" [limit: {_MAX_PACKAGE_COUNT}]"
            )
        if sum(each.vsize for each in after) + entry.vsize > _MAX_PACKAGE_VSIZE:
            raise TransactionRejectedError(
                f"too-long-mempool-chain, exceeds descendant size limit for tx {name}"
                f" [limit: {_MAX_PACKAGE_VSIZE}]"
            )


def _check_scripts(transaction: Transaction, spent: list[SpentOutput]) -> None:
    position = failing_input(transaction.serialize(), spent)
    if position is not None:
        each = transaction.inputs[position]
        raise TransactionRejectedError(
            "mempool-script-verify-flag-failed,"
            f" input {position} of {hash_hex(transaction.txid)}"
            f" (wtxid {hash_hex(transaction.wtxid)}),"
            f" spending {hash_hex(each.prev_txid)}:{each.prev_vout}"
        )
