"""What an address costs by the length of its history.

    python -m bench.address [--database sqlite|postgresql] [--long 1000000] [--short 100]

Two scripts are written into an index, one with a short history and one with a long one, each paid
by every transaction of its own, which spends what the one before paid; half is left unspent.
All that the page of an address asks of SQL, the JSON of its newest transactions and the list of
its coins are asked for. SQLite tells the instructions it took, which no other work disturbs.
"""

import argparse
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median

from sqlalchemy import Connection

from bench.measure import databases, machine, table, version_of
from indexer import schema
from indexer.chain.network import get_network
from indexer.chain.script import p2wpkh
from indexer.database import Database
from indexer.keys import script_key
from indexer.queries.coins import coins
from indexer.queries.pulse import Pulse, read_pulse
from indexer.queries.script_moves import totals
from indexer.queries.script_page import script_page
from indexer.queries.scripts import history
from indexer.sync.state import FOLLOW, ensure_state, write_phase
from indexer.sync.writing import insert_rows

NETWORK = get_network("bitcoin-regtest")
PAGE = 25
STEP = 10  # instructions between two counts
PER_BLOCK = 2_000
UNSPENT = 2  # one in so many
GRAIN = 100_000  # rows at a time

Question = Callable[[Connection, bytes], object]


def write(database: Database, histories: dict[bytes, int]) -> None:
    """An index with the histories of these scripts, one behind the other."""
    with database.write() as connection:
        ensure_state(connection, NETWORK)
        write_phase(connection, FOLLOW, 1)
    first = 1
    for script, count in histories.items():
        for start in range(first, first + count, GRAIN):
            ids = range(start, min(start + GRAIN, first + count))
            with database.write() as connection:
                _write_part(connection, script, first, ids)
        _write_sums(database, script, first, count)
        first += count
    with database.write() as connection:
        insert_rows(
            connection, schema.block, [_block(each) for each in range(first // PER_BLOCK + 1)]
        )
        if not database.is_sqlite:
            connection.exec_driver_sql("ANALYZE")


def _write_part(connection: Connection, script: bytes, first: int, ids: range) -> None:
    key = script_key(script)
    transactions = [
        (each, each.to_bytes(8, "big") * 4, *divmod(each, PER_BLOCK), 1, 1, 9, 200, 600, 2)
        for each in ids
    ]
    insert_rows(connection, schema.tx, transactions)
    insert_rows(connection, schema.output, [(each, 1_000, key, script) for each in ids])
    spent = [(each, each - 1) for each in ids if each > first and each % UNSPENT]
    insert_rows(connection, schema.input_, spent)
    insert_rows(connection, schema.script_spend, [(first, each) for each, _ in spent])
    kept = [(first, each - 1) for each in ids if each > first and not each % UNSPENT]
    insert_rows(connection, schema.script_coin, kept)


def _write_sums(database: Database, script: bytes, first: int, count: int) -> None:
    spent = sum(1 for each in range(first + 1, first + count) if each % UNSPENT)
    unspent = count - spent
    sums = (count, count, 1_000 * count, spent, 1_000 * spent, unspent, 1_000 * unspent)
    with database.write() as connection:
        row = (first, script_key(script), *sums, first + count - 1)
        insert_rows(connection, schema.script, [row])
        insert_rows(connection, schema.script_coin, [(first, first + count - 1)])


def _block(height: int) -> tuple[object, ...]:
    first = height * PER_BLOCK
    counts = (first, first + PER_BLOCK, first, first, first)
    return (
        height, height.to_bytes(32, "big"), bytes(80), height, height, PER_BLOCK, 1, 4, *counts,
        0, 0, 0, b"",
    )  # fmt: skip


@contextmanager
def instructions(connection: Connection) -> Iterator[list[int]]:
    """How many SQLite took; nothing elsewhere."""
    count = [0]
    driver = connection.connection.driver_connection

    def step() -> int:
        count[0] += STEP
        return 0

    if isinstance(driver, sqlite3.Connection):
        driver.set_progress_handler(step, STEP)
    yield count
    if isinstance(driver, sqlite3.Connection):
        driver.set_progress_handler(None, 0)


def ask(database: Database, question: Question, script: bytes, runs: int) -> tuple[int, float]:
    """Instructions, and the median of milliseconds."""
    with database.read() as connection:
        question(connection, script)
        with instructions(connection) as count:
            question(connection, script)
        times = []
        for _ in range(runs):
            start = time.perf_counter()
            question(connection, script)
            times.append(time.perf_counter() - start)
    return count[0], 1_000 * median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--long", type=int, default=1_000_000, help="transactions")
    parser.add_argument("--short", type=int, default=100, help="transactions")
    parser.add_argument("--runs", type=int, default=51)
    arguments = parser.parse_args()
    short, long = p2wpkh(bytes([1]) * 20), p2wpkh(bytes([2]) * 20)
    with databases(arguments.database, ("addresses",)) as (url,):
        version = version_of(url)
        database = Database.open(url)
        database.upgrade()
        write(database, {short: arguments.short, long: arguments.long})
        with database.read() as connection:
            pulse = read_pulse(connection)
        assert pulse is not None
        lines = []
        for name, question in questions(pulse).items():
            found = [ask(database, question, each, arguments.runs) for each in (short, long)]
            lines.append((name, _figures(found)))
        database.dispose()
    print(f"{machine()}, {version}")
    print(
        f"{arguments.long:,} transactions beside {arguments.short:,}; "
        f"medians of {arguments.runs} runs\n"
    )
    print(table(lines), end="\n\n")


def questions(pulse: Pulse) -> dict[str, Question]:
    return {
        "page": lambda connection, script: script_page(connection, NETWORK, pulse, script),
        "sums": totals,
        "newest 25 transactions": partial(history, limit=PAGE),
        "newest 25 coins": partial(coins, limit=PAGE),
    }


def _figures(found: list[tuple[int, float]]) -> str:
    (few, quick), (many, slow) = found
    taken = f"{few:,} and {many:,} instructions: {many / few:.2f}; " if few else ""
    return f"{taken}{quick:.2f} and {slow:.2f} ms: {slow / quick:.2f}"


if __name__ == "__main__":
    main()
