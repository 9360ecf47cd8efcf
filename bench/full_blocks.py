"""Full blocks that a validating node accepts: signed, with proof of work, on a regtest chain."""

import random
from collections.abc import Iterator, Sequence

from coincurve import PrivateKey

from bench.chain import DATA_OUTPUTS, NEW_SCRIPTS, REUSE_SKEW
from indexer.chain.encoding import Block, Transaction, TxOutput
from indexer.chain.network import get_network
from indexer.node.mining import build_block
from wallet.builder import Coin, sign
from wallet.spending import ScriptSpend, p2wpkh

NETWORK = get_network("bitcoin-regtest")
# 2.4 and 2.6 on average, as bench.chain's, but without its few of a hundred and more.
INPUT_COUNTS, INPUT_SHARES = (1, 2, 3, 5, 9), (50, 21, 12, 9, 8)
OUTPUT_COUNTS, OUTPUT_SHARES = (1, 2, 3, 6, 15), (13, 67, 10, 7, 3)
MATURITY = 100
START_TIME = 1_600_000_000
FANNED_OUT = 900  # coins from each coinbase
FEE_PER_OUTPUT, FEE_PER_INPUT = 40, 80


class FullBlocks:
    """A chain without its genesis block: coinbases, then coins, then full blocks, endlessly."""

    def __init__(self, transactions: int, *, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._transactions = transactions
        self._spends: list[ScriptSpend] = []
        self._miner = self._new_spend()
        self._coins: list[Coin] = []
        self._tip, self._height = NETWORK.genesis_hash, 0
        self.fanning_blocks = 1 + transactions * 4 // FANNED_OUT

    def __iter__(self) -> Iterator[Block]:
        coinbases = []
        for _ in range(MATURITY + self.fanning_blocks):
            block = self._mine([])
            coinbases.append(block.transactions[0])
            yield block
        for coinbase in coinbases[: self.fanning_blocks]:
            yield self._mine([self._fan_out(coinbase)])
        while True:
            yield self._mine([self._pay() for _ in range(self._transactions)])

    @property
    def first_full(self) -> int:
        """The height of the first full block."""
        return MATURITY + 2 * self.fanning_blocks + 1

    def _new_spend(self) -> ScriptSpend:
        number = len(self._spends) + 1
        self._spends.append(p2wpkh(PrivateKey(number.to_bytes(32, "big"))))
        return self._spends[-1]

    def _payee(self) -> ScriptSpend:
        """New, or used before: with the habits of bench.chain."""
        if self._random.random() < NEW_SCRIPTS + DATA_OUTPUTS:
            return self._new_spend()
        return self._spends[int(len(self._spends) * self._random.random() ** REUSE_SKEW)]

    def _fan_out(self, coinbase: Transaction) -> Transaction:
        reward = coinbase.outputs[0].value
        coin = Coin(coinbase.txid, 0, reward, self._miner)
        return self._send([coin], [reward // FANNED_OUT - FEE_PER_OUTPUT] * FANNED_OUT)

    def _pay(self) -> Transaction:
        inputs = self._random.choices(INPUT_COUNTS, INPUT_SHARES)[0]
        outputs = self._random.choices(OUTPUT_COUNTS, OUTPUT_SHARES)[0]
        coins = [self._coins.pop(self._random.randrange(len(self._coins))) for _ in range(inputs)]
        total = sum(coin.value for coin in coins) - FEE_PER_INPUT * inputs
        return self._send(coins, [total // outputs - FEE_PER_OUTPUT] * outputs)

    def _send(self, coins: Sequence[Coin], values: Sequence[int]) -> Transaction:
        spends = [self._payee() for _ in values]
        outputs = [
            TxOutput(value, spend.script) for value, spend in zip(values, spends, strict=True)
        ]
        made = sign(coins, outputs)
        txid = made.txid
        self._coins += [
            Coin(txid, vout, value, spend)
            for vout, (value, spend) in enumerate(zip(values, spends, strict=True))
        ]
        return made

    def _mine(self, transactions: Sequence[Transaction]) -> Block:
        self._height += 1
        block = build_block(
            self._tip,
            self._height,
            START_TIME + 600 * self._height,
            transactions,
            value=NETWORK.subsidy(self._height),
            script=self._miner.script,
            text=b"",
            extra_nonce=0,
        )
        self._tip = block.hash
        return block
