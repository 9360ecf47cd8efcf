"""What everybody in the demo owns, followed block by block from the node; it keeps no file."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from indexer.chain.encoding import Block, Transaction, parse_block, parse_transaction
from indexer.node.base import Node
from wallet.builder import Coin
from webapp.demo.purse import HeldCoin, Outpoint, Owned

_UNDO_DEPTH = 100
_MEDIAN_TIME_SPAN = 11


@dataclass(frozen=True, slots=True)
class Pending:
    """A transaction in the node's mempool. `seen` counts blocks: the tip when it came."""

    tx: Transaction
    fee: int
    seen: int

    @property
    def fee_rate(self) -> int:
        """Per 1000 vbytes."""
        return self.fee * 1000 // self.tx.vsize


@dataclass(slots=True)
class _Undo:
    spent: list[HeldCoin] = field(default_factory=list)
    created: list[Outpoint] = field(default_factory=list)


class Ledger:
    """Coins by outpoint. `watched` tells whose a script is; purses add to it as they go."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.watched: dict[bytes, Owned] = {}
        self._forget()

    def _forget(self) -> None:
        for owned in self.watched.values():
            owned.purse.coins.clear()
        self.coins: dict[Outpoint, HeldCoin] = {}
        self.pending: dict[bytes, Pending] = {}
        self.spenders: dict[Outpoint, bytes] = {}  # what the mempool spends, by which txid
        self._hashes: list[bytes] = []
        self._times: list[int] = []
        self._undo: dict[int, _Undo] = {}

    @property
    def height(self) -> int:
        """Of the last block that was read, -1 before the first."""
        return len(self._hashes) - 1

    def median_time(self, height: int) -> int:
        """The median time past of a block: BIP113."""
        times = sorted(self._times[max(0, height - _MEDIAN_TIME_SPAN + 1) : height + 1])
        return times[len(times) // 2]

    def follow(self) -> None:
        """Catch up with the node's chain and mempool."""
        self._follow_chain()
        change = self._node.mempool(frozenset(self.pending))
        for txid in change.removed:
            self.drop(txid)
        for entry in change.added.values():
            self.add(parse_transaction(entry.raw, self._node.network), entry.fee)

    def _follow_chain(self) -> None:
        tip = self._node.tip()
        while self.height > tip.height or (
            self.height >= 0 and self._node.block_hash(self.height) != self._hashes[-1]
        ):
            if self.height in self._undo:
                self._disconnect()
            else:
                self._forget()
        while self.height < tip.height:
            block_hash = self._node.block_hash(self.height + 1)
            self.connect(parse_block(self._node.block(block_hash), self._node.network))

    def connect(self, block: Block) -> None:
        """Take in the block that follows the last one."""
        self._hashes.append(block.hash)
        self._times.append(block.header.time)
        undo = _Undo()
        for tx in block.transactions:
            self._confirm(tx, undo)
        self._undo[self.height] = undo
        self._undo.pop(self.height - _UNDO_DEPTH, None)

    def _confirm(self, tx: Transaction, undo: _Undo) -> None:
        txid = tx.txid
        if txid in self.pending:
            self.drop(txid)
        for tx_input in tx.inputs:
            outpoint = (tx_input.prev_txid, tx_input.prev_vout)
            if outpoint in self.spenders:
                self.drop_with_descendants(self.spenders[outpoint])
            held = self.coins.get(outpoint)
            if held is not None:
                self._remove(outpoint)
                undo.spent.append(held)
        undo.created += self._receive(tx, self.height)

    def _disconnect(self) -> None:
        undo = self._undo.pop(self.height)
        for outpoint in undo.created:
            if outpoint in self.coins:
                self._remove(outpoint)
        for held in undo.spent:
            if held.height != self.height:  # else this block made it and spent it
                self._put(held)
        self._hashes.pop()
        self._times.pop()

    def _receive(self, tx: Transaction, height: int | None) -> Iterable[Outpoint]:
        """Put the outputs that are somebody's into their purses."""
        received = []
        for vout, output in enumerate(tx.outputs):
            owned = self.watched.get(output.script)
            if owned is not None:
                coin = Coin(tx.txid, vout, output.value, owned.spend)
                self._put(HeldCoin(coin, owned, height, tx.is_coinbase))
                owned.series.used(owned.place)
                received.append(coin.outpoint)
        return received

    def _put(self, held: HeldCoin) -> None:
        outpoint = held.coin.outpoint
        self.coins[outpoint] = held
        held.owned.purse.coins[outpoint] = held

    def _remove(self, outpoint: Outpoint) -> None:
        held = self.coins.pop(outpoint)
        del held.owned.purse.coins[outpoint]

    def add(self, tx: Transaction, fee: int) -> None:
        """A transaction entered the mempool, perhaps in another's place."""
        outpoints = [(each.prev_txid, each.prev_vout) for each in tx.inputs]
        for outpoint in outpoints:
            if outpoint in self.spenders:
                self.drop_with_descendants(self.spenders[outpoint])
        self.pending[tx.txid] = Pending(tx, fee, self.height)
        self.spenders.update(dict.fromkeys(outpoints, tx.txid))
        self._receive(tx, None)

    def drop(self, txid: bytes) -> None:
        """A transaction left the mempool."""
        pending = self.pending.pop(txid, None)
        if pending is None:
            return
        for tx_input in pending.tx.inputs:
            outpoint = (tx_input.prev_txid, tx_input.prev_vout)
            if self.spenders.get(outpoint) == txid:
                del self.spenders[outpoint]
        for vout in range(len(pending.tx.outputs)):
            held = self.coins.get((txid, vout))
            if held is not None and held.height is None:
                self._remove((txid, vout))

    def drop_with_descendants(self, txid: bytes) -> None:
        for child in self.children(txid):
            self.drop_with_descendants(child)
        self.drop(txid)

    def children(self, txid: bytes) -> list[bytes]:
        """Pending transactions that spend outputs of this pending one."""
        pending = self.pending.get(txid)
        if pending is None:
            return []
        vouts = range(len(pending.tx.outputs))
        found = (self.spenders.get((txid, vout)) for vout in vouts)
        return list(dict.fromkeys(child for child in found if child is not None))

    def parents(self, txid: bytes) -> list[bytes]:
        """Pending transactions whose outputs this pending one spends."""
        spent = (tx_input.prev_txid for tx_input in self.pending[txid].tx.inputs)
        return list(dict.fromkeys(parent for parent in spent if parent in self.pending))
