"""What a full block costs an index that follows, beside what it costs to validate the block.

    python -m bench.follow [--database sqlite|postgresql] [--transactions 3500] [--blocks 5]

Every block is signed for real and given to the embedded engine first, whose time is the ceiling:
no index can be ahead of its node. Then it is connected, each block in one SQL transaction, and
at the end all are disconnected.
"""

import argparse
import logging
import tempfile
import threading
from itertools import islice
from pathlib import Path

from bench.full_blocks import FullBlocks
from bench.measure import Cost, cost_of, databases, machine, spread, table, version_of
from bench.synthetic_node import MemoryChain
from indexer.chain.encoding import Block
from indexer.database import Database
from indexer.node.engine import Engine
from indexer.sync.indexer import Indexer


def validate(blocks: list[Block], first: int) -> tuple[bytes, list[Cost]]:
    """The genesis block, and what it costs the engine to accept those from a height on."""
    costs = []
    with tempfile.TemporaryDirectory(prefix="satchel-bench-") as directory:
        engine = Engine(Path(directory) / "engine")
        genesis = engine.genesis()
        for height, block in enumerate(blocks, 1):
            raw = block.serialize()
            with cost_of() as cost:
                engine.submit(raw, block.hash)
            if height >= first:
                costs += cost
        engine.close()
    return genesis, costs


def follow(node: MemoryChain, first: int, url: str) -> tuple[list[Cost], list[Cost]]:
    """What it costs to connect the blocks from a height on, and to disconnect them."""
    database = Database.open(url)
    database.upgrade()
    indexer = Indexer(
        database, node, keep_raw_blocks=False, mempool=False, stop=threading.Event(), progress=False
    )
    last, connected, disconnected = node.height, [], []
    node.height = first - 1
    while indexer.step():
        pass
    for height in range(first, last + 1):
        node.height = height
        with cost_of() as cost:
            indexer.step()
        connected += cost
    for height in range(last - 1, first - 2, -1):
        node.height = height
        with cost_of() as cost:
            indexer.step()
        disconnected += cost
    database.dispose()
    return connected, disconnected


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--transactions", type=int, default=3500, help="per block")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # that blocks are taken off again
    made = FullBlocks(arguments.transactions, seed=arguments.seed)
    first = made.first_full
    blocks = list(islice(made, first + arguments.blocks - 1))
    genesis, validated = validate(blocks, first)
    node = MemoryChain([genesis, *(block.serialize() for block in blocks)])
    with databases(arguments.database, ("followed",)) as (url,):
        version = version_of(url)
        connected, disconnected = follow(node, first, url)
    full = blocks[first - 1 :]
    transactions = [each for block in full for each in block.transactions[1:]]
    inputs, outputs = (
        sum(len(each.inputs) for each in transactions) / len(transactions),
        sum(len(each.outputs) for each in transactions) / len(transactions),
    )
    print(f"{machine()}, {version}")
    print(
        f"{len(full)} blocks of {arguments.transactions:,} transactions with {inputs:.1f} inputs "
        f"and {outputs:.1f} outputs each, seed {arguments.seed}\n"
    )
    ratios = [theirs.wall / ours.wall for theirs, ours in zip(validated, connected, strict=True)]
    print(
        table(
            [
                ("validate, seconds (ceiling)", spread([each.wall for each in validated])),
                ("validate, CPU seconds", spread([each.cpu for each in validated])),
                ("connect, seconds", spread([each.wall for each in connected])),
                ("connect, CPU seconds of the indexer", spread([each.cpu for each in connected])),
                ("disconnect, seconds", spread([each.wall for each in disconnected])),
                ("disconnect, CPU seconds", spread([each.cpu for each in disconnected])),
                ("ratio: validating to connecting", spread(ratios)),
            ]
        ),
        end="\n\n",
    )


if __name__ == "__main__":
    main()
