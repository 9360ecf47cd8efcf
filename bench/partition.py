"""Whether PostgreSQL's outputs should be partitioned by height.

    python -m bench.partition [--rows 3000000] [--parts 16] [--runs 3]

The same rows, made by the server beforehand, are put into the table as it is and into one
partitioned by ranges of its key, which rises with the height; then the index by script is built,
blocks are connected and disconnected, and rows are looked up as pages do.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

import psycopg

from bench.measure import databases, machine, spread, version_of

BLOCK = 9_000  # outputs
BLOCKS = 5
LOOKUPS = 1_000
PAGE = 25
COLUMNS = "output_id bigint PRIMARY KEY, value bigint NOT NULL, script_key bigint NOT NULL, "
ROWS = (  # every third output pays a script that was paid before
    "SELECT g, g * 37, hashint8extended(CASE WHEN g % 3 = 0 THEN g / 1000 ELSE g END, 0), "
    "decode('0014' || md5(g::text) || '01020304', 'hex') FROM generate_series(1::bigint, {}) g"
)

Figures = dict[str, float]


@contextmanager
def timed(figures: Figures, name: str, per: float = 1) -> Iterator[None]:
    start = time.perf_counter()
    yield
    figures[name] = (time.perf_counter() - start) / per


def measure(connection: psycopg.Connection, rows: int, parts: int, seed: int) -> Figures:
    """One table, with `parts` partitions or, for 0, none."""
    figures: Figures = {}
    ask = connection.execute
    ask("DROP TABLE IF EXISTS output")
    kind = " PARTITION BY RANGE (output_id)" if parts else ""
    ask(f"CREATE TABLE output ({COLUMNS} script bytea NOT NULL){kind}".encode())
    width = rows // parts if parts else 0
    for part in range(parts):
        first = part * width if part else 0
        last = "MAXVALUE" if part == parts - 1 else str((part + 1) * width)
        bounds = f"FROM ({first}) TO ({last})"
        ask(f"CREATE TABLE output_{part} PARTITION OF output FOR VALUES {bounds}".encode())
    with timed(figures, "load, seconds"):
        ask(b"INSERT INTO output SELECT * FROM source WHERE output_id <= %s", (rows,))
    with timed(figures, "index by script, seconds"):
        ask(b"CREATE INDEX output_by_script ON output (script_key, output_id)")
    ask(b"ANALYZE output")
    with timed(figures, "connect a block, milliseconds", BLOCKS / 1000):
        for number in range(BLOCKS):
            first = rows + number * BLOCK
            ask(
                b"INSERT INTO output SELECT * FROM source WHERE output_id > %s AND output_id <= %s",
                (first, first + BLOCK),
            )
    with timed(figures, "disconnect a block, milliseconds", BLOCKS / 1000):
        for number in range(BLOCKS, 0, -1):
            ask(b"DELETE FROM output WHERE output_id > %s", (rows + (number - 1) * BLOCK,))
    rng = random.Random(seed)
    ids = [rng.randrange(1, rows) for _ in range(LOOKUPS)]
    keys = [
        row[0] for row in ask(b"SELECT script_key FROM source WHERE output_id = ANY(%s)", (ids,))
    ]
    by_script = (
        b"SELECT output_id, value FROM output WHERE script_key = %s "
        b"ORDER BY output_id DESC LIMIT " + str(PAGE).encode()
    )
    lookups: dict[str, Callable[[int], object]] = {
        "find by id, microseconds": lambda number: ask(
            b"SELECT value FROM output WHERE output_id = %s", (ids[number],)
        ).fetchall(),
        "page of a script, microseconds": lambda number: ask(
            by_script, (keys[number % len(keys)],)
        ).fetchall(),
    }
    for name, look in lookups.items():
        with timed(figures, name, LOOKUPS / 1_000_000):
            for number in range(LOOKUPS):
                look(number)
    size = ask(
        b"SELECT sum(pg_table_size(c.oid)), sum(pg_indexes_size(c.oid)) FROM pg_class c "
        b"WHERE relname ~ '^output(_[0-9]+)?$' AND relkind = 'r'"
    ).fetchone()
    assert size is not None
    figures["table, bytes per row"] = float(size[0]) / rows
    figures["indexes, bytes per row"] = float(size[1]) / rows
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--parts", type=int, default=16)
    parser.add_argument("--runs", type=int, default=3)
    wanted = parser.parse_args()
    shapes = {"one table": 0, f"{wanted.parts} partitions": wanted.parts}
    found: dict[str, list[Figures]] = {name: [] for name in shapes}
    with databases("postgresql", ["partition"]) as (url,):
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            last = wanted.rows + BLOCK * BLOCKS
            connection.execute(f"CREATE UNLOGGED TABLE source AS {ROWS.format(last)}".encode())
            connection.execute(b"ALTER TABLE source RENAME COLUMN g TO output_id")
            connection.execute(b"ALTER TABLE source RENAME hashint8extended TO script_key")
            connection.execute(b"CREATE INDEX ON source (output_id)")
            connection.execute(b"ANALYZE source")
            for run in range(wanted.runs):
                for name, parts in shapes.items():
                    found[name].append(measure(connection, wanted.rows, parts, run))
        print(f"{wanted.rows:,} outputs; {version_of(url)}; {machine()}")
    for figure in found["one table"][0]:
        values = {name: [each[figure] for each in runs] for name, runs in found.items()}
        one, many = (median(each) for each in values.values())
        print(f"  {figure}: {many / one:.2f} times")
        for name, each in values.items():
            print(f"    {name:<16} {spread(each, 1)}")


if __name__ == "__main__":
    main()
