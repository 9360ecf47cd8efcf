"""How fast a chain is loaded into SQLite, beside the fastest that Python's sqlite3 could be.

    python -m bench.index [--blocks 200] [--transactions 500] [--runs 3]

The ceiling, measured in the same run: the very rows that the index ends with, already in memory
as tuples, put by bare sqlite3.executemany into empty tables of the same definition, with the same
pragmas and as many rows per SQL transaction, then the same CREATE INDEX statements, then the
rows of utxo and script in the order of their keys. It fetches nothing, parses nothing, hashes
nothing, looks nothing up and sums nothing up.
"""

import argparse
import multiprocessing
import os
import platform
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from statistics import median

import sqlalchemy

from bench.chain import SyntheticChain
from indexer.database import SQLITE_PRAGMAS, SQLITE_WRITER_PRAGMAS, Database
from indexer.sync.build import INDEXES
from indexer.sync.drafting import BATCH_ROWS
from indexer.sync.indexer import Indexer

APPENDED = ("block", "tx", "output", "input")
AGGREGATED = ("script", "script_coin", "script_spend")
TABLES = APPENDED + AGGREGATED
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds and bytes of one load and of the ceiling measured behind it."""

    seconds: float
    ceiling_seconds: float
    rows: int
    size: int
    peak_memory: int  # of both processes while loading, above what the chain takes

    @property
    def ratio(self) -> float:
        return self.ceiling_seconds / self.seconds


def load(chain: SyntheticChain, path: Path) -> float:
    """Seconds that the indexer takes from an empty database to one that follows."""
    database = Database.open(f"sqlite:///{path}")
    database.upgrade()
    indexer = Indexer(
        database, chain, keep_raw_blocks=False, stop=threading.Event(), progress=False
    )
    start = time.perf_counter()
    while indexer.step():
        pass
    database.dispose()  # the last connection moves the rest of the log into the file
    return time.perf_counter() - start


def ceiling(index: Path, path: Path) -> tuple[float, int]:
    """Seconds for the same rows by executemany, and their number."""
    source = sqlite3.connect(index)
    rows = {
        table: source.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608
        for table in TABLES
    }
    definitions = dict(
        source.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    )
    source.close()
    late = [str(index.name) for index in INDEXES]
    early = [sql for name, sql in definitions.items() if name not in late]
    target = sqlite3.connect(path, isolation_level=None)
    for pragma in SQLITE_PRAGMAS + SQLITE_WRITER_PRAGMAS:
        target.execute(f"PRAGMA {pragma}")
    for sql in early:
        target.execute(sql)
    start = time.perf_counter()
    for table in APPENDED:
        insert(target, table, rows[table])
    for name in late:
        target.execute(definitions[name])
    for table in AGGREGATED:
        insert(target, table, rows[table])
    target.close()
    return time.perf_counter() - start, sum(map(len, rows.values()))


def insert(target: sqlite3.Connection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    if not rows:
        return
    sql = f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})"  # noqa: S608
    for some in pieces(rows):
        target.execute("BEGIN IMMEDIATE")
        target.executemany(sql, some)
        target.execute("COMMIT")


def pieces(rows: Sequence[tuple[object, ...]]) -> Iterator[list[tuple[object, ...]]]:
    iterator = iter(rows)
    while some := list(islice(iterator, BATCH_ROWS)):
        yield some


class PeakMemory:
    """Samples what this process and its children hold; Linux only, elsewhere it stays 0."""

    def __init__(self) -> None:
        self.bytes = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "PeakMemory":
        self._before = self._resident()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.05):
            self.bytes = max(self.bytes, self._resident() - self._before)

    def _resident(self) -> int:
        pages = 0
        children = (task.read_text().split() for task in Path("/proc/self/task").glob("*/children"))
        for process in ("self", *(each for some in children for each in some)):
            with suppress(OSError):  # it just ended
                pages += int(Path(f"/proc/{process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def run(chain: SyntheticChain, directory: Path, answer: Pipe) -> None:
    """One load and one ceiling, in a process of their own."""
    index = directory / "index.db"
    with PeakMemory() as peak:
        seconds = load(chain, index)
    size = index.stat().st_size
    ceiling_seconds, rows = ceiling(index, directory / "ceiling.db")
    answer.send(Run(seconds, ceiling_seconds, rows, size, peak.bytes))


def measure(chain: SyntheticChain) -> Run:
    context = multiprocessing.get_context("fork")  # the chain is in memory already
    ours, theirs = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="satchel-bench-") as directory:
        process = context.Process(target=run, args=(chain, Path(directory), theirs))
        process.start()
        theirs.close()
        try:
            result: Run = ours.recv()
        except EOFError:
            raise SystemExit("The measured process failed; its words are above") from None
        process.join()
    return result


def machine() -> str:
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [
            line.partition(":")[2].strip()
            for line in information.read_text().splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    return (
        f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"{platform.system()} {platform.release()}; Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}, SQLAlchemy {sqlalchemy.__version__}"
    )


def report(chain: SyntheticChain, runs: Sequence[Run]) -> str:
    seconds = median(each.seconds for each in runs)
    ceiling_seconds = median(each.ceiling_seconds for each in runs)
    ratios = sorted(each.ratio for each in runs)
    transactions, blocks, rows = chain.transactions, chain.height + 1, runs[0].rows
    size = median(each.size for each in runs)
    lines = [
        ("blocks/s", f"{blocks / seconds:,.1f}"),
        ("transactions/s", f"{transactions / seconds:,.0f}"),
        ("rows/s", f"{rows / seconds:,.0f}"),
        ("rows per transaction", f"{rows / transactions:.2f}"),
        ("bytes per transaction on disk", f"{size / transactions:.0f}"),
        (
            "peak memory, above the chain's own",
            f"{median(each.peak_memory for each in runs) / MEGABYTE:,.0f} MB",
        ),
        ("ceiling, rows/s", f"{rows / ceiling_seconds:,.0f}"),
        (
            "ratio to the ceiling",
            f"{median(ratios):.2f}  (runs: {', '.join(f'{ratio:.2f}' for ratio in ratios)})",
        ),
    ]
    head = (
        f"{blocks} blocks, {transactions:,} transactions, {chain.size / MEGABYTE:.0f} MB; "
        f"median of {len(runs)} runs of {seconds:.1f} s"
    )
    table = "\n".join(f"  {name:<36}{value}" for name, value in lines)
    return f"{machine()}\n{head}\n\n{table}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--blocks", type=int, default=200)
    parser.add_argument("--transactions", type=int, default=500, help="per block")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    chain = SyntheticChain(arguments.blocks, arguments.transactions)
    runs = [measure(chain) for _ in range(arguments.runs)]
    print(report(chain, runs))


if __name__ == "__main__":
    main()
