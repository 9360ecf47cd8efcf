"""Small made-up chains that bend every rule an index rests on, and a node that serves them.

Blocks are well encoded and spend only what exists; there are no signatures and no work. Few
scripts are paid again and again; some outputs cannot be spent; coins are spent in the block that
makes them; and coinbases repeat older ones, with all that was spent from them, as could happen
before BIP30.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from indexer.chain.encoding import Block, BlockHeader, Transaction, TxInput, TxOutput
from indexer.chain.merkle import merkle_root
from indexer.chain.network import get_network
from tests.nodes import BlockNode

SUBSIDY = 50_00_000_000
SCRIPTS = [bytes([0x76, 0xA9, 0x14]) + bytes([n]) * 20 + bytes([0x88, 0xAC]) for n in range(12)]
ODD_SCRIPTS = [b"", b"\x51", b"\x6a", b"\x6a\x04text", b"\x51" * 10_000, b"\x51" * 10_001]
START_TIME = 1_600_000_000
NULL_INPUT = (bytes(32), 0xFFFFFFFF)

Outpoint: TypeAlias = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class SyntheticBlock:
    hash: bytes
    height: int
    raw: bytes
    block: Block
    parent: "SyntheticBlock | None"
    coins: dict[Outpoint, int]  # what is unspent behind it, with its value

    def chain(self) -> list["SyntheticBlock"]:
        """From the genesis block to this one."""
        blocks = []
        each: SyntheticBlock | None = self
        while each is not None:
            blocks.append(each)
            each = each.parent
        return blocks[::-1]


class SyntheticNode(BlockNode):
    """A node whose chain is made to order."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        genesis = _genesis()
        network = replace(get_network("bitcoin-regtest"), genesis_hash=genesis.hash)
        super().__init__(network, [])
        self.blocks: dict[bytes, SyntheticBlock] = {}
        self.add(genesis)

    @property
    def tip_block(self) -> SyntheticBlock:
        return self.blocks[self.path[-1]]

    def at(self, tip: SyntheticBlock) -> BlockNode:
        """Another node whose chain ends at this block."""
        return BlockNode(self.network, [block.raw for block in tip.chain()])

    def add(self, block: SyntheticBlock) -> None:
        self.blocks[block.hash] = block
        self.raw[block.hash] = block.raw
        self.path.append(block.hash)

    def mine(self, count: int = 1, transactions: int = 4) -> None:
        """Blocks of up to so many transactions on the tip."""
        for _ in range(count):
            self.add(_next_block(self.tip_block, self._random, transactions))

    def reorganise(self, depth: int, count: int, transactions: int = 4) -> None:
        """Leave `depth` blocks, never the genesis block, for `count` others."""
        del self.path[max(1, len(self.path) - depth) :]
        self.mine(count, transactions)


def make_block(
    parent: SyntheticBlock | None, transactions: Sequence[Transaction], time: int
) -> SyntheticBlock:
    """A block of these transactions, the first a coinbase."""
    header = BlockHeader(
        version=4,
        prev_hash=parent.hash if parent else bytes(32),
        merkle_root=merkle_root([each.txid for each in transactions]),
        time=time,
        bits=0x207FFFFF,
        nonce=0,
    )
    block = Block(header, transactions)
    coins = dict(parent.coins) if parent else {}
    for transaction in transactions:
        for each in transaction.inputs:
            coins.pop((each.prev_txid, each.prev_vout), None)
        for vout, output in enumerate(transaction.outputs):
            if parent and not _is_unspendable(output.script):
                coins[transaction.txid, vout] = output.value
    height = parent.height + 1 if parent else 0
    return SyntheticBlock(block.hash, height, block.serialize(), block, parent, coins)


def make_coinbase(script_sig: bytes, outputs: Sequence[TxOutput]) -> Transaction:
    return Transaction(1, [TxInput(*NULL_INPUT, script_sig, 0xFFFFFFFF)], outputs)


def _genesis() -> SyntheticBlock:
    outputs = [TxOutput(SUBSIDY, SCRIPTS[0])]
    return make_block(None, [make_coinbase(b"genesis", outputs)], START_TIME)


def _next_block(parent: SyntheticBlock, rng: random.Random, count: int) -> SyntheticBlock:
    coins = dict(parent.coins)
    transactions = [_coinbase(parent, rng)]
    _take(coins, transactions[0])
    touched = {transactions[0].txid}
    for _ in range(rng.randint(0, count)):
        made = _repeated(parent, coins, rng) or _transaction(coins, rng)
        # Under no rules ever in force could a block both spend a transaction and repeat it.
        if made is not None and made.txid not in touched:
            _take(coins, made)
            transactions.append(made)
            touched |= {made.txid, *(each.prev_txid for each in made.inputs)}
    time = parent.block.header.time + rng.randint(-1000, 1800)
    return make_block(parent, transactions, time)


def _coinbase(parent: SyntheticBlock, rng: random.Random) -> Transaction:
    if parent.height > 0 and rng.random() < 0.15:
        return rng.choice(parent.chain()[1:]).block.transactions[0]
    nonce = rng.getrandbits(64).to_bytes(8, "little")
    return make_coinbase(nonce, _outputs(SUBSIDY, rng))


def _repeated(
    parent: SyntheticBlock, coins: dict[Outpoint, int], rng: random.Random
) -> Transaction | None:
    """An older transaction whose inputs are there once more."""
    if rng.random() < 0.5:
        return None
    for block in parent.chain():
        for transaction in block.block.transactions[1:]:
            if all((each.prev_txid, each.prev_vout) in coins for each in transaction.inputs):
                return transaction
    return None


def _transaction(coins: dict[Outpoint, int], rng: random.Random) -> Transaction | None:
    if not coins:
        return None
    spent = rng.sample(sorted(coins), min(len(coins), rng.choice([1, 1, 1, 2, 3])))
    total = sum(coins[each] for each in spent)
    sequence = rng.choice([0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0])
    witness = rng.choice([(), (b"\x30" * 71, b"\x02" * 33)])
    inputs = [TxInput(*each, b"", sequence, witness) for each in spent]
    return Transaction(2, inputs, _outputs(total - rng.randint(0, min(total, 1000)), rng))


def _outputs(total: int, rng: random.Random) -> list[TxOutput]:
    outputs = []
    for _ in range(rng.choice([0, 0, 1, 2])):
        script = rng.choice(ODD_SCRIPTS) if rng.random() < 0.2 else rng.choice(SCRIPTS)
        value = rng.randint(0, total)
        outputs.append(TxOutput(value, script))
        total -= value
    return [*outputs, TxOutput(total, rng.choice(SCRIPTS))]


def _take(coins: dict[Outpoint, int], transaction: Transaction) -> None:
    for each in transaction.inputs:
        coins.pop((each.prev_txid, each.prev_vout), None)
    for vout, output in enumerate(transaction.outputs):
        if not _is_unspendable(output.script):
            coins[transaction.txid, vout] = output.value


def _is_unspendable(script: bytes) -> bool:
    return script[:1] == b"\x6a" or len(script) > 10_000
