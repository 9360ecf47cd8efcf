"""What each script holds and did, kept from a node's blocks and mempool without any index."""

from collections import defaultdict
from dataclasses import dataclass, field

from indexer.chain.encoding import Transaction, parse_block, parse_transaction
from indexer.chain.wire import hash_hex
from indexer.node.base import Node

OP_RETURN = 0x6A

Outpoint = tuple[bytes, int]


@dataclass
class Account:
    """Of one script. Heights of waiting transactions: -1 where they spend another such one."""

    history: list[tuple[str, int]] = field(default_factory=list)  # txid, height
    pending: list[tuple[str, int, int]] = field(default_factory=list)  # txid, height, fee
    coins: dict[Outpoint, tuple[int, int]] = field(default_factory=dict)  # value, height
    pending_coins: dict[Outpoint, int] = field(default_factory=dict)
    confirmed: int = 0
    unconfirmed: int = 0


class Books:
    """`blocks` by height; `accounts` by script; `pool` is the mempool by txid."""

    def __init__(self, node: Node) -> None:
        self.blocks = [
            parse_block(node.block(node.block_hash(height)), node.network)
            for height in range(node.tip().height + 1)
        ]
        self.accounts: dict[bytes, Account] = defaultdict(Account)
        self._outputs: dict[Outpoint, tuple[int, bytes]] = {}
        for height, block in enumerate(self.blocks[1:], 1):
            for transaction in block.transactions:
                self._confirm(transaction, height)
        entries = node.mempool(frozenset()).added
        self.pool = {
            txid: parse_transaction(entry.raw, node.network) for txid, entry in entries.items()
        }
        for transaction in self.pool.values():
            for vout, (value, script) in enumerate(transaction.outputs):
                self._outputs[transaction.txid, vout] = value, script
                self.accounts[script].pending_coins[transaction.txid, vout] = value
                self.accounts[script].unconfirmed += value
        for txid, transaction in self.pool.items():
            self._queue(transaction, entries[txid].fee)
        for account in self.accounts.values():
            account.pending.sort(key=lambda each: (-each[1], each[0]))

    def _confirm(self, transaction: Transaction, height: int) -> None:
        touched = set()
        for each in () if transaction.is_coinbase else transaction.inputs:
            value, script = self._outputs[each.prev_txid, each.prev_vout]
            touched.add(script)
            self.accounts[script].confirmed -= value
            del self.accounts[script].coins[each.prev_txid, each.prev_vout]
        for vout, (value, script) in enumerate(transaction.outputs):
            self._outputs[transaction.txid, vout] = value, script
            touched.add(script)
            if not script or script[0] != OP_RETURN:
                self.accounts[script].confirmed += value
                self.accounts[script].coins[transaction.txid, vout] = value, height
        for script in touched:
            self.accounts[script].history.append((hash_hex(transaction.txid), height))

    def _queue(self, transaction: Transaction, fee: int) -> None:
        touched = {script for _, script in transaction.outputs}
        for each in transaction.inputs:
            outpoint = each.prev_txid, each.prev_vout
            value, script = self._outputs[outpoint]
            touched.add(script)
            self.accounts[script].unconfirmed -= value
            self.accounts[script].coins.pop(outpoint, None)
            self.accounts[script].pending_coins.pop(outpoint, None)
        chained = any(each.prev_txid in self.pool for each in transaction.inputs)
        for script in touched:
            entry = hash_hex(transaction.txid), -1 if chained else 0, fee
            self.accounts[script].pending.append(entry)
