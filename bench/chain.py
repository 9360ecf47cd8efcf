"""A made-up chain that looks like Bitcoin's to an indexer, the same for the same seed.

What an indexer feels is alike: inputs and outputs per transaction, kinds and sizes of scripts
and witnesses, few addresses used often and many used once, coins spent young more than old,
consolidations, batches of a thousand payments, one script that is paid by a fifth of the
transactions. Signatures are noise and there is no work.

The chain is written to a file, block by block, by a process of its own, before anything is
measured; the file is kept, so that a chain of ten million transactions is made once. What the
process holds are the unspent coins; scripts follow from their number.
"""

import hashlib
import multiprocessing
import os
import random
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from struct import Struct
from typing import Final, TypeAlias

from indexer.chain.encoding import (
    Block,
    BlockHeader,
    Transaction,
    TxInput,
    TxOutput,
)
from indexer.chain.merkle import merkle_root

# Of new scripts. Measured in the blocks 702861 (2021) and 951658 (2026) that the tests hold, share
# of outputs: P2WPKH 40 and 50 %, P2TR 0 and 15, P2PKH 28 and 1, P2SH 30 and 2, P2WSH 2 and 2,
# OP_RETURN 0.4 and 30. This is about the mean of both.
KINDS: Final = ("p2wpkh", "p2tr", "p2pkh", "p2sh", "p2wsh")
KIND_SHARES: Final = (135, 24, 42, 48, 7)  # of 256
DATA_OUTPUTS = 0.1  # OP_RETURN
# Numbers of inputs and of outputs, and their shares: 2.4 and 2.6 on average. (Measured in those
# blocks: 2.6 and 2.4; 1.1 and 1.9. The long tail is made of few.)
INPUT_COUNTS = (1, 2, 3, 5, 9, 25, 100)
INPUT_SHARES = (640, 195, 70, 52, 27, 9, 4)
OUTPUT_COUNTS = (1, 2, 3, 6, 15, 100, 1000)
OUTPUT_SHARES = (1690, 7030, 800, 320, 130, 26, 4)

# "Around 50% of transaction outputs are sent to previously used addresses": BitMEX Research,
# Bitcoin Address Re-use Statistics.
NEW_SCRIPTS = 0.42  # of the outputs pay a script never used before
REUSE_SKEW = 3.0  # how much the others prefer the first scripts: power law
FAVOURITE = 0.2  # of the transactions pay one and the same script; in block 951658: 0.22, 0.54
AGE_SKEW = 4.0  # how much spending prefers young coins: power law
SEED_COINS = 5_000
SEED_VALUE = 200_00_000_000
SUBSIDY = 3_12_500_000
DUST = 300
START_TIME = 1_600_000_000
BITS = 0x207FFFFF

NOISE_SIZE = 1 << 20

Coin: TypeAlias = tuple[bytes, int, int, str]  # txid, vout, value, kind of script

# What the file of places holds for each block: hash, first byte, size.
PLACE = Struct("<32sQI")
TOTALS = Struct("<Q")  # at its end: transactions


class ChainFile:
    """Where a chain is, or will be."""

    def __init__(
        self, blocks: int, transactions_per_block: int, *, seed: int, directory: Path
    ) -> None:
        """`blocks` full ones behind an empty one and one that hands out the first coins."""
        rules = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
        name = f"chain-{seed}-{blocks}x{transactions_per_block}-{rules}"
        self.blocks, self.transactions_per_block, self.seed = blocks, transactions_per_block, seed
        self.raw = directory / f"{name}.blocks"
        self.places = directory / f"{name}.places"

    def make(self) -> None:
        """Write it in a process of its own, unless an earlier run did."""
        if not self.places.exists():
            process = multiprocessing.get_context("spawn").Process(target=self.write)
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit("The chain could not be made; the reason is above")

    def write(self) -> None:
        writer = _Writer(self.seed)
        self.raw.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.places.with_suffix(f".{os.getpid()}")
        with self.raw.open("wb") as raw_file, unfinished.open("wb") as places_file:
            for height in range(self.blocks + 2):
                raw = writer.next_block(height, self.transactions_per_block)
                places_file.write(PLACE.pack(writer.tip, raw_file.tell(), len(raw)))
                raw_file.write(raw)
            places_file.write(TOTALS.pack(writer.transactions))
        unfinished.rename(self.places)


class _Writer:
    """Writes one block after another; holds the coins that may be spent next."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._noise = self._random.randbytes(NOISE_SIZE)
        self._seed = seed.to_bytes(8, "little")
        self._coins: list[Coin] = []
        self._script_count = 0
        self._height = 0
        self._fees = 0
        self._input_shares = list(accumulate(INPUT_SHARES))
        self._output_shares = list(accumulate(OUTPUT_SHARES))
        self._kinds = [
            kind for kind, share in zip(KINDS, KIND_SHARES, strict=True) for _ in range(share)
        ]
        self.tip = bytes(32)
        self.transactions = 0

    def next_block(self, height: int, transactions: int) -> bytes:
        if height == 0:
            return self.block([])
        if height == 1:
            return self.block([], [SEED_VALUE] * SEED_COINS)
        return self.block([self.transaction() for _ in range(transactions - 1)])

    def transaction(self) -> Transaction:
        chosen = self._choose_coins()
        total = sum(coin[2] for coin in chosen)
        count = self._random.choices(OUTPUT_COUNTS, cum_weights=self._output_shares)[0]
        count = min(count, total // (2 * DUST)) or 1
        fee = min(200 * len(chosen) + 150 * count, total // 4)
        self._fees += fee
        inputs = [self._input(coin) for coin in chosen]
        favourite = self._random.random() < FAVOURITE
        return self._make(inputs, self._split(total - fee, count), favourite=favourite)

    def block(self, transactions: list[Transaction], reward: Sequence[int] = ()) -> bytes:
        """The next block, with a coinbase of its own, as raw bytes."""
        coinbase = self._coinbase(reward or (SUBSIDY + self._fees,))
        transactions = [coinbase, *transactions]
        header = BlockHeader(
            version=0x20000000,
            prev_hash=self.tip,
            merkle_root=merkle_root([each.txid for each in transactions]),
            time=START_TIME + 600 * self._height,
            bits=BITS,
            nonce=0,
        )
        raw = Block(header, transactions).serialize()
        self.tip = header.hash
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

    def _make(
        self, inputs: list[TxInput], values: Sequence[int], *, favourite: bool = False
    ) -> Transaction:
        outputs, kinds = [], []
        for vout, value in enumerate(values):
            script, kind = self._script(0) if favourite and vout == 0 else self._payee()
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
        chance = self._random.random()
        if chance < DATA_OUTPUTS:
            return b"\x6a\x20" + self._bytes(32), "op_return"
        if self._script_count == 0 or chance < DATA_OUTPUTS + NEW_SCRIPTS:
            self._script_count += 1
            return self._script(self._script_count - 1)
        return self._script(int(self._script_count * self._random.random() ** REUSE_SKEW))

    def _script(self, number: int) -> tuple[bytes, str]:
        payload = hashlib.sha256(self._seed + number.to_bytes(8, "little")).digest()
        kind = self._kinds[payload[31]]
        return _script(kind, payload), kind

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
    return b"\x00\x20" + payload
