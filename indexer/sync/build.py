"""The end of bulk: secondary indexes by sort, then what is kept of busy scripts, from all rows.

Each step is one SQL transaction that also counts itself in state.progress, so that a killed
build goes on where it was.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import psycopg
from sqlalchemy import Connection, Index
from sqlalchemy.exc import OperationalError

from indexer import schema
from indexer.database import Database
from indexer.sync.busy import fill_busy
from indexer.sync.state import BULK, FOLLOW, read_state, write_phase

Step: TypeAlias = Callable[[Connection], None]

STOP_INTERVAL = 0.2  # seconds


def late_indexes(database: Database) -> list[Index]:
    """Those that loading does not keep up to date."""
    unused = "output_by_script_and_id" if database.is_sqlite else "output_by_script"
    indexes = [*schema.output.indexes, *schema.input_.indexes]
    return sorted(
        (index for index in indexes if index.name != unused), key=lambda index: str(index.name)
    )


def drop_indexes(database: Database) -> None:
    with database.write() as connection:
        for index in late_indexes(database):
            index.drop(connection, checkfirst=True)


def build(database: Database, stop: threading.Event, progress: Callable[[float], None]) -> bool:
    """Make what bulk left out and turn to following; False if stopped before the end.

    `progress` is told the part done, 0 to 1.
    """
    steps: list[Step] = [*(_index_step(index) for index in late_indexes(database)), fill_busy]
    try:
        for number, step in enumerate(steps, 1):
            with database.write() as connection:
                _take_step(connection, step, number / len(steps), stop)
            progress(number / len(steps))
    except OperationalError:
        if stop.is_set():
            return False
        raise
    _tidy(database)
    return True


def _take_step(connection: Connection, step: Step, done: float, stop: threading.Event) -> None:
    """Unless it was taken before."""
    if read_state(connection).progress < done:
        with _interruptible(connection, stop):
            grant_memory(connection)
            step(connection)
            write_phase(connection, FOLLOW if done == 1 else BULK, done)


def _index_step(index: Index) -> Step:
    def create(connection: Connection) -> None:
        index.create(connection, checkfirst=True)

    return create


def grant_memory(connection: Connection) -> None:
    """Memory for sorting; SQLite takes it from its cache and spills to temporary files."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
        connection.exec_driver_sql("SET LOCAL work_mem = '256MB'")


def _tidy(database: Database) -> None:
    """Give the log's disk space back, or tell the planner what the tables hold now."""
    with database.autocommit() as connection:
        if database.is_sqlite:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            for table in schema.metadata.sorted_tables:
                connection.exec_driver_sql(f"ANALYZE {table.name}")


@contextmanager
def _interruptible(connection: Connection, stop: threading.Event) -> Iterator[None]:
    """Make the statement that is running fail when `stop` is set: it may take hours."""
    driver = connection.connection.driver_connection
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(STOP_INTERVAL):
            if stop.is_set():
                if isinstance(driver, sqlite3.Connection):
                    driver.interrupt()
                elif isinstance(driver, psycopg.Connection):
                    driver.cancel()

    watcher = threading.Thread(target=watch, name="build-stop")
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()
