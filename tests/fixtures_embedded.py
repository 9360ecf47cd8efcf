"""A regtest chain in this process, and somebody who has coins on it."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from coincurve import PrivateKey

from indexer.chain.encoding import Transaction, TxOutput, parse_block
from indexer.node.base import BlockRef
from indexer.node.embedded import EmbeddedNode
from wallet.builder import REPLACEABLE, Coin, sign
from wallet.spending import Spend, p2wpkh

MATURITY = 100


class Miner:
    """Mines to one key and spends from it. `coins` are its mature coinbases, oldest first."""

    def __init__(self, node: EmbeddedNode) -> None:
        self.node = node
        self.spend: Spend = p2wpkh(PrivateKey(sha256(b"miner").digest()))
        self.coins: list[Coin] = []
        self._immature: list[Coin] = []

    def mine(self, count: int = 1) -> BlockRef:
        """Mine what the mempool holds; returns the last block."""
        for _ in range(count):
            tip = self.node.mine(self.spend.script)
            coinbase = parse_block(self.node.block(tip.hash), self.node.network).transactions[0]
            self._immature.append(self.coin_of(coinbase, 0))
            while len(self._immature) > MATURITY - 1:
                self.coins.append(self._immature.pop(0))
        return tip

    def coin_of(self, transaction: Transaction, vout: int) -> Coin:
        return Coin(transaction.txid, vout, transaction.outputs[vout].value, self.spend)

    def build(
        self,
        coins: Sequence[Coin],
        fee: int,
        *,
        parts: int = 1,
        locktime: int = 0,
        sequence: int = REPLACEABLE,
    ) -> Transaction:
        """All the coins in equal parts to the miner again; the first part takes the remainder."""
        value = sum(coin.value for coin in coins) - fee
        values = [value // parts + value % parts] + [value // parts] * (parts - 1)
        outputs = [TxOutput(part, self.spend.script) for part in values]
        return sign(coins, outputs, locktime=locktime, sequence=sequence)

    def send(self, coins: Sequence[Coin], fee: int, *, parts: int = 1) -> Transaction:
        """Build and submit."""
        transaction = self.build(coins, fee, parts=parts)
        self.node.submit(transaction.serialize())
        return transaction


@pytest.fixture
def embedded_node(tmp_path: Path) -> Iterator[EmbeddedNode]:
    """A new regtest chain with nothing but its genesis block."""
    node = EmbeddedNode(tmp_path / "node")
    yield node
    node.close()


@pytest.fixture
def miner(embedded_node: EmbeddedNode) -> Miner:
    """A miner with ten mature coins, at height 109."""
    miner = Miner(embedded_node)
    miner.mine(109)
    return miner
