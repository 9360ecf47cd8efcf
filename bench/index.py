"""How fast a chain is loaded, beside the fastest that bare SQL could be.

    python -m bench.index [--database sqlite|postgresql] [--blocks 200] [--transactions 500]
                          [--runs 3] [--seed 1]

The ceiling, measured in the same run: the very rows that the index ends with, as tuples, put by
bare sqlite3.executemany, or binary COPY, into empty tables of the same definition, with the same
settings and as many rows per SQL transaction, then the same indexes, then the rows of the other
tables in the order of their keys. It fetches nothing, parses nothing, hashes nothing, looks
nothing up and sums nothing up. Only that is timed: not the reading of the rows, a batch at a time.
"""

import argparse
import multiprocessing
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from statistics import median

import psycopg
from sqlalchemy import Connection, Table, select

from bench.measure import (
    MEGABYTE,
    Cost,
    PeakMemory,
    cost_of,
    databases,
    machine,
    spread,
    table,
    version_of,
)
from bench.synthetic_node import SyntheticChain
from indexer import schema
from indexer.database import Database
from indexer.sync.build import drop_indexes, grant_memory, late_indexes
from indexer.sync.drafting import BATCH_ROWS
from indexer.sync.indexer import Indexer

APPENDED = (schema.block, schema.tx, schema.output, schema.input_)
KEPT = (schema.script, schema.script_coin, schema.script_spend)
COPY_TYPES = {"BIGINT": "int8", "INTEGER": "int4", "SMALLINT": "int2", "BYTEA": "bytea"}

Rows = Sequence[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Run:
    """One load and the ceiling measured behind it."""

    load: Cost
    ceiling: Cost
    rows: int
    size: int
    peak_memory: int  # of the indexer's processes while loading

    @property
    def ratio(self) -> float:
        return self.ceiling.wall / self.load.wall


def load(chain: SyntheticChain, url: str) -> Cost:
    """From an empty database to one that follows."""
    database = Database.open(url)
    database.upgrade()
    indexer = Indexer(
        database, chain, keep_raw_blocks=False, stop=threading.Event(), progress=False
    )
    with cost_of() as cost:
        while indexer.step():
            pass
        database.dispose()  # SQLite's last connection moves the rest of the log into the file
    return cost[0]


class Stopwatch:
    """Adds up what the timed parts cost."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        with cost_of() as cost:
            yield
        self.wall += cost[0].wall
        self.cpu += cost[0].cpu


def ceiling(index_url: str, url: str) -> tuple[Cost, int]:
    """The same rows by bare SQL, and their number."""
    source, target = Database.open(index_url), Database.open(url)
    target.upgrade()
    drop_indexes(target)
    watch = Stopwatch()
    count = sum(fill(source, target, each, watch) for each in APPENDED)
    for index in late_indexes(target):
        with watch.running(), target.write() as connection:
            grant_memory(connection)
            index.create(connection)
    count += sum(fill(source, target, each, watch) for each in KEPT)
    source.dispose()
    with watch.running():
        target.dispose()
    return Cost(watch.wall, watch.cpu, 0), count


def fill(source: Database, target: Database, of: Table, watch: Stopwatch) -> int:
    count = 0
    for rows in batches(source, of):
        with watch.running(), target.write() as connection:
            insert(connection, of, rows)
        count += len(rows)
    return count


def batches(source: Database, of: Table) -> Iterator[Rows]:
    with source.read() as connection:
        found = connection.execution_options(yield_per=BATCH_ROWS).execute(
            select(of).order_by(*of.primary_key)
        )
        for rows in found.partitions():
            yield [tuple(row) for row in rows]


def insert(connection: Connection, into: Table, rows: Rows) -> None:
    driver = connection.connection.driver_connection
    if isinstance(driver, psycopg.Connection):
        types = [COPY_TYPES[each.type.compile(connection.dialect)] for each in into.columns]
        with (
            driver.cursor() as cursor,
            cursor.copy(f"COPY {into.name} FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(into.columns))
    assert driver is not None
    driver.executemany(f"INSERT INTO {into.name} VALUES ({marks})", rows)  # noqa: S608


def run(kind: str, size: tuple[int, int, int], answer: Pipe) -> None:
    """One load and one ceiling, in a process of their own."""
    blocks, transactions, seed = size
    chain = SyntheticChain(blocks, transactions, seed=seed)
    with databases(kind, ("measured", "bare")) as (index_url, bare_url):
        with PeakMemory() as peak:
            cost = load(chain, index_url)
        index = Database.open(index_url)
        index_size = index.size()
        index.dispose()
        bare, rows = ceiling(index_url, bare_url)
    answer.send(Run(cost, bare, rows, index_size, peak.bytes))


def measure(kind: str, size: tuple[int, int, int]) -> Run:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=run, args=(kind, size, theirs))
    process.start()
    theirs.close()
    try:
        result: Run = ours.recv()
    except EOFError:
        raise SystemExit("The measured process failed; its words are above") from None
    process.join()
    return result


def report(chain: SyntheticChain, runs: Sequence[Run]) -> str:
    seconds = median(each.load.wall for each in runs)
    transactions, rows = chain.transactions, runs[0].rows
    bare = median(each.ceiling.wall for each in runs)
    lines = [
        ("seconds", spread([each.load.wall for each in runs], 1)),
        ("CPU seconds of the writing process", spread([each.load.cpu for each in runs], 1)),
        ("CPU seconds of the drafting process", spread([r.load.children_cpu for r in runs], 1)),
        ("blocks/s", f"{(chain.height + 1) / seconds:,.1f}"),
        ("transactions/s", f"{transactions / seconds:,.0f}"),
        ("rows/s", f"{rows / seconds:,.0f}"),
        ("rows per transaction", f"{rows / transactions:.2f}"),
        (
            "bytes per transaction on disk",
            f"{median(each.size for each in runs) / transactions:.0f}",
        ),
        ("peak memory", f"{median(each.peak_memory for each in runs) / MEGABYTE:,.0f} MB"),
        ("ceiling, seconds", spread([each.ceiling.wall for each in runs], 1)),
        ("ceiling, CPU seconds", spread([each.ceiling.cpu for each in runs], 1)),
        ("ceiling, rows/s", f"{rows / bare:,.0f}"),
        ("ratio to the ceiling", spread([each.ratio for each in runs])),
    ]
    return table(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--blocks", type=int, default=200)
    parser.add_argument("--transactions", type=int, default=500, help="per block")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    size = (arguments.blocks, arguments.transactions, arguments.seed)
    chain = SyntheticChain(arguments.blocks, arguments.transactions, seed=arguments.seed)
    with databases(arguments.database, ("asked",)) as (url,):
        version = version_of(url)
    print(f"{machine()}, {version}")
    print(
        f"Loading {chain.height + 1} blocks with {chain.transactions:,} transactions, "
        f"{chain.size / MEGABYTE:,.0f} MB, seed {arguments.seed}; "
        f"{arguments.runs} runs, each in a new process and a new database\n"
    )
    runs = [measure(arguments.database, size) for _ in range(arguments.runs)]
    print(report(chain, runs), end="\n\n")


if __name__ == "__main__":
    main()
