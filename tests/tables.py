"""An index database as plain values, for comparing two of them row by row."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from sqlalchemy import Connection, Table, delete, select

from indexer import schema
from indexer.database import Database
from indexer.node.base import Node
from indexer.sync.indexer import Indexer

CHAIN = (schema.block, schema.tx, schema.output, schema.input_)
AGGREGATES = (schema.script, schema.script_coin, schema.script_spend)

Tables = dict[str, list[tuple[object, ...]]]


def read_tables(database: Database) -> Tables:
    """All that follows from the chain alone, and the tip."""
    with database.read() as connection:
        tables = {table.name: _rows(connection, table) for table in (*CHAIN, *AGGREGATES)}
        columns = (schema.state.c.phase, schema.state.c.tip_height, schema.state.c.tip_hash)
        tables["state"] = [tuple(row) for row in connection.execute(select(*columns))]
    return tables


def require_equal(found: Tables, expected: Tables) -> None:
    """Name the first row that differs: a whole dump would tell nobody anything."""
    for name, rows in expected.items():
        for row, wanted in zip(found[name], rows, strict=False):
            assert row == wanted, f"in {name}"
        assert len(found[name]) == len(rows), f"rows in {name}"


def clear(database: Database) -> None:
    with database.write() as connection:
        for table in schema.metadata.sorted_tables:
            connection.execute(delete(table))


def make_fresh(node: Node) -> Tables:
    """What a database holds that knows no other past than the node's chain."""
    with empty_database() as database:
        Indexer(
            database, node, keep_raw_blocks=False, mempool=False, stop=Event(), progress=False
        ).step()
        return read_tables(database)


@contextmanager
def empty_database() -> Iterator[Database]:
    with TemporaryDirectory() as directory:
        database = Database.open(f"sqlite:///{Path(directory) / 'index.db'}")
        database.upgrade()
        try:
            yield database
        finally:
            database.dispose()


def _rows(connection: Connection, table: Table) -> list[tuple[object, ...]]:
    key = list(table.primary_key.columns)
    return [tuple(row) for row in connection.execute(select(table).order_by(*key))]
