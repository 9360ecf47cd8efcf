"""Run by test_embedded_kill.py: transacts, mines and reorganises until it is killed.

Writes a line for each thing that must not be lost from then on.
"""

import sys
from pathlib import Path
from random import Random

from indexer.chain.encoding import parse_block
from indexer.node.base import TransactionRejectedError
from indexer.node.embedded import EmbeddedNode
from tests.fixtures_embedded import MATURITY, Miner


def tell(what: str, hash_: bytes) -> None:
    print(what, hash_.hex(), flush=True)


def work(directory: Path, seed: int) -> None:
    random = Random(seed)
    node = EmbeddedNode(directory)
    miner = Miner(node)
    tell("block", node.tip().hash)
    while True:
        height = node.tip().height
        for _ in range(4 if height > MATURITY else 0):
            chosen = node.block_hash(random.randrange(1, height - MATURITY + 2))
            coinbase = parse_block(node.block(chosen), node.network).transactions[0]
            fee = random.randrange(1_000, 100_000)
            try:
                miner.send([miner.coin_of(coinbase, 0)], fee)
            except TransactionRejectedError:
                continue  # spent already, and not for less
            tell("spent", coinbase.txid)
        if random.random() < 0.1 and height > 20:
            for block in node.reorganise(random.randrange(1, 6), miner.spend.script):
                tell("block", block.hash)
        else:
            tell("block", node.mine(miner.spend.script).hash)


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]))
