"""A made-up chain that looks like Bitcoin's to an indexer, the same for the same seed.

What an indexer feels is alike: inputs and outputs per transaction, kinds and sizes of scripts
and witnesses, few addresses used often and many used once, coins spent young more than old,
consolidations, batches of a thousand payments. Signatures are noise and there is no work.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from indexer.chain.encoding import (
    Block,
    BlockHeader,
    Transaction,
    TxInput,
    TxOutput,
    hash256,
)
from indexer.chain.merkle import merkle_root
from indexer.chain.network import Network, get_network
from indexer.node.base import (
    BlockRef,
    BlockUnavailableError,
    MempoolChange,
    NodeInfo,
    PackageResult,
    SpentOutput,
    TransactionRejectedError,
    Verdict,
)

# Kinds of outputs, near Bitcoin's of 2023 to 2025.
KINDS = ("p2wpkh", "p2tr", "p2pkh", "p2sh", "p2wsh", "op_return")
KIND_SHARES = (41, 20, 13, 12, 5, 9)  # of new scripts; each OP_RETURN is new
# Numbers of inputs and of outputs, and their shares: 2.4 and 2.6 on average.
INPUT_COUNTS = (1, 2, 3, 5, 9, 25, 100)
INPUT_SHARES = (640, 195, 70, 52, 27, 9, 4)
OUTPUT_COUNTS = (1, 2, 3, 6, 15, 100, 1000)
OUTPUT_SHARES = (1690, 7030, 800, 320, 130, 26, 4)

NEW_SCRIPTS = 0.45  # of the outputs pay a script never used before
REUSE_SKEW = 3.0  # how much the others prefer the first scripts: power law
AGE_SKEW = 4.0  # how much spending prefers young coins: power law
SEED_COINS = 5_000
SEED_VALUE = 200_00_000_000
SUBSIDY = 3_12_500_000
DUST = 300
START_TIME = 1_600_000_000
BITS = 0x207FFFFF

NOISE_SIZE = 1 << 20

Coin = tuple[bytes, int, int, str]  # txid, vout, value, kind of script


class SyntheticChain:
    """A node that holds such a chain in memory and whose tip is `height`; it stands still."""

    def __init__(self, blocks: int, transactions_per_block: int, *, seed: int = 1) -> None:
        """`blocks` full ones behind an empty one and one that hands out the first coins."""
        writer = _Writer(seed)
        raw_blocks = [writer.block([]), writer.block([], [SEED_VALUE] * SEED_COINS)]
        raw_blocks += [
            writer.block([writer.transaction() for _ in range(transactions_per_block - 1)])
            for _ in range(blocks)
        ]
        self._raw = raw_blocks
        self._hashes = [hash256(raw[:80]) for raw in raw_blocks]
        self._heights = {block_hash: height for height, block_hash in enumerate(self._hashes)}
        self.network: Network = replace(
            get_network("bitcoin-regtest"), genesis_hash=self._hashes[0]
        )
        self.transactions = writer.transactions
        self.size = sum(map(len, raw_blocks))  # bytes

    @property
    def height(self) -> int:
        return len(self._raw) - 1

    def info(self) -> NodeInfo:
        return NodeInfo(
            version="synthetic chain",
            network=self.network.name,
            height=self.height,
            headers=self.height,
            initial_download=False,
            progress=1.0,
            pruned_height=None,
            size_on_disk=self.size,
            relay_fee=1000,
            interfaces=("memory",),
        )

    def tip(self) -> BlockRef:
        return BlockRef(self.height, self._hashes[-1])

    def block_hash(self, height: int) -> bytes:
        if not 0 <= height <= self.height:
            raise BlockUnavailableError(f"There is no block at height {height}")
        return self._hashes[height]

    def block(self, block_hash: bytes) -> bytes:
        if block_hash not in self._heights:
            raise BlockUnavailableError("The block is unknown")
        return self._raw[self._heights[block_hash]]

    def spent_outputs(self, block_hash: bytes) -> Sequence[Sequence[SpentOutput]] | None:
        return None  # as most nodes: the index has to know its own outputs

    def transaction(self, txid: bytes, block_hash: bytes) -> bytes:
        raise BlockUnavailableError("A synthetic chain gives whole blocks only")

    def mempool(self, known: frozenset[bytes]) -> MempoolChange:
        return MempoolChange(removed=known)

    def fee_estimates(self) -> dict[int, int]:
        return {}

    def submit(self, raw: bytes) -> bytes:
        raise TransactionRejectedError("A synthetic chain takes no transactions")

    def test_accept(
        self, raws: Sequence[bytes], *, max_fee_rate: int | None = None
    ) -> tuple[Verdict, ...]:
        raise TransactionRejectedError("A synthetic chain takes no transactions")

    def submit_package(
        self,
        raws: Sequence[bytes],
        *,
        max_fee_rate: int | None = None,
        max_burn: int | None = None,
    ) -> PackageResult:
        raise TransactionRejectedError("A synthetic chain takes no transactions")

    def wait(self, timeout: float) -> None:
        """Nothing ever happens here."""

    def close(self) -> None:
        """There is nothing to close."""


class _Writer:
    """Writes one block after another; holds the coins that may be spent next."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._noise = self._random.randbytes(NOISE_SIZE)
        self._coins: list[Coin] = []
        self._scripts: list[tuple[bytes, str]] = []
        self._height = 0
        self._tip = bytes(32)
        self._fees = 0
        self._input_shares = list(accumulate(INPUT_SHARES))
        self._output_shares = list(accumulate(OUTPUT_SHARES))
        self._kind_shares = list(accumulate(KIND_SHARES))
        self.transactions = 0

    def transaction(self) -> Transaction:
        chosen = self._choose_coins()
        total = sum(coin[2] for coin in chosen)
        count = self._random.choices(OUTPUT_COUNTS, cum_weights=self._output_shares)[0]
        count = min(count, total // (2 * DUST)) or 1
        fee = min(200 * len(chosen) + 150 * count, total // 4)
        self._fees += fee
        inputs = [self._input(coin) for coin in chosen]
        return self._make(inputs, self._split(total - fee, count))

    def block(self, transactions: list[Transaction], reward: Sequence[int] = ()) -> bytes:
        """The next block, with a coinbase of its own, as raw bytes."""
        coinbase = self._coinbase(reward or (SUBSIDY + self._fees,))
        transactions = [coinbase, *transactions]
        header = BlockHeader(
            version=0x20000000,
            prev_hash=self._tip,
            merkle_root=merkle_root([each.txid for each in transactions]),
            time=START_TIME + 600 * self._height,
            bits=BITS,
            nonce=0,
        )
        raw = Block(header, transactions).serialize()
        self._tip = header.hash
        self._height += 1
        self._fees = 0
        self.transactions += len(transactions)
        return raw

    def _coinbase(self, values: Sequence[int]) -> Transaction:
        height = self._height.to_bytes(4, "little")
        script = bytes([4]) + height + self._bytes(40)
        tx_input = TxInput(bytes(32), 0xFFFFFFFF, script, 0xFFFFFFFF, (bytes(32),))
        return self._make([tx_input], values)

    def _choose_coins(self) -> list[Coin]:
        count = self._random.choices(INPUT_COUNTS, cum_weights=self._input_shares)[0]
        coins = self._coins
        chosen = []
        for _ in range(min(count, 1 + len(coins) // 100)):
            age = int(len(coins) * self._random.random() ** AGE_SKEW)
            chosen.append(coins.pop(len(coins) - 1 - age))
        return chosen

    def _split(self, total: int, count: int) -> list[int]:
        """Payments of various sizes, and what is left as change."""
        values = [
            DUST + int((total - count * DUST) / count * self._random.random() ** 2)
            for _ in range(count - 1)
        ]
        values.append(total - sum(values))
        return values

    def _make(self, inputs: list[TxInput], values: Sequence[int]) -> Transaction:
        outputs, kinds = [], []
        for value in values:
            script, kind = self._payee()
            outputs.append(TxOutput(0 if kind == "op_return" else value, script))
            kinds.append(kind)
        made = Transaction(2, inputs, outputs, self._height)
        txid = made.txid
        for vout, (output, kind) in enumerate(zip(outputs, kinds, strict=True)):
            if kind != "op_return":
                self._coins.append((txid, vout, output.value, kind))
        return made

    def _payee(self) -> tuple[bytes, str]:
        """A script, new or used before, and its kind."""
        if self._scripts and self._random.random() > NEW_SCRIPTS:
            rank = int(len(self._scripts) * self._random.random() ** REUSE_SKEW)
            return self._scripts[rank]
        kind = self._random.choices(KINDS, cum_weights=self._kind_shares)[0]
        script = _script(kind, self._bytes(32))
        if kind != "op_return":
            self._scripts.append((script, kind))
        return script, kind

    def _input(self, coin: Coin) -> TxInput:
        txid, vout, _, kind = coin
        script_sig = b""
        witness: tuple[bytes, ...] = ()
        signature = self._bytes(72)
        if kind == "p2wpkh":
            witness = (signature, self._bytes(33))
        elif kind == "p2tr":
            witness = (signature[:64],)
        elif kind == "p2pkh":
            script_sig = b"\x48" + signature + b"\x21" + self._bytes(33)
        elif kind == "p2sh":
            script_sig = b"\x16\x00\x14" + self._bytes(20)
            witness = (signature, self._bytes(33))
        else:
            witness = (b"", signature, self._bytes(72), self._bytes(105))
        return TxInput(txid, vout, script_sig, 0xFFFFFFFD, witness)

    def _bytes(self, count: int) -> bytes:
        start = int(self._random.random() * (NOISE_SIZE - count))
        return self._noise[start : start + count]


def _script(kind: str, payload: bytes) -> bytes:
    if kind == "p2wpkh":
        return b"\x00\x14" + payload[:20]
    if kind == "p2tr":
        return b"\x51\x20" + payload
    if kind == "p2pkh":
        return b"\x76\xa9\x14" + payload[:20] + b"\x88\xac"
    if kind == "p2sh":
        return b"\xa9\x14" + payload[:20] + b"\x87"
    if kind == "p2wsh":
        return b"\x00\x20" + payload
    return b"\x6a\x20" + payload
