"""What a reorganisation costs: blocks taken off and put on again.

    python -m bench.reorg [--database sqlite|postgresql] [--depth 6] [--transactions 2500]

The ceiling of a reorganisation is what the same blocks cost to be connected alone.
"""

import argparse
import logging
import threading

from bench.measure import Cost, cost_of, databases, machine, spread, table, version_of
from bench.synthetic_node import SyntheticChain
from indexer.database import Database
from indexer.sync.indexer import Indexer


def reorganise(
    chain: SyntheticChain, url: str, depth: int, runs: int
) -> tuple[list[Cost], list[Cost]]:
    """What each run costs to disconnect, and to connect, `depth` blocks."""
    database = Database.open(url)
    database.upgrade()
    indexer = Indexer(
        database, chain, keep_raw_blocks=False, stop=threading.Event(), progress=False
    )
    while indexer.step():
        pass
    tip = chain.height
    disconnected: list[Cost] = []
    connected: list[Cost] = []
    for _ in range(runs):
        for height, costs in ((tip - depth, disconnected), (tip, connected)):
            chain.height = height
            with cost_of() as cost:
                indexer.step()
            costs.extend(cost)
    database.dispose()
    return disconnected, connected


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--depth", type=int, default=6, help="blocks")
    parser.add_argument("--blocks", type=int, default=40)
    parser.add_argument("--transactions", type=int, default=2500, help="per block")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # that blocks are taken off again
    depth = arguments.depth
    chain = SyntheticChain(arguments.blocks, arguments.transactions, seed=arguments.seed)
    with databases(arguments.database, ("reorganised",)) as (url,):
        version = version_of(url)
        disconnected, connected = reorganise(chain, url, depth, arguments.runs)
    both = [off.wall + on.wall for off, on in zip(disconnected, connected, strict=True)]
    alone = [on.wall / total for on, total in zip(connected, both, strict=True)]
    print(f"{machine()}, {version}")
    print(
        f"{depth} blocks of {arguments.transactions:,} transactions off and on again, in an index "
        f"of {chain.transactions:,}, seed {arguments.seed}\n"
    )
    lines = [
        ("disconnect, seconds per block", [each.wall / depth for each in disconnected]),
        ("disconnect, CPU seconds per block", [each.cpu / depth for each in disconnected]),
        ("connect, seconds per block (ceiling)", [each.wall / depth for each in connected]),
        ("connect, CPU seconds per block", [each.cpu / depth for each in connected]),
        ("ratio: connecting alone to both", alone),
    ]
    print(table([(name, spread(values)) for name, values in lines]), end="\n\n")


if __name__ == "__main__":
    main()
