"""The end of bulk: secondary indexes by sort, then utxo and script from all rows at once.

Each step is one SQL transaction that also counts itself in state.progress, so that a killed
build goes on where it was. On SQLite the sums per script are taken beside the other steps.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Final, TypeAlias

import psycopg
from sqlalchemy import Connection, Index, func, select, text
from sqlalchemy.exc import OperationalError

from indexer import schema
from indexer.database import Database
from indexer.sync.aggregates import GENESIS_TX_ID
from indexer.sync.prevouts import newest_transactions, pieces
from indexer.sync.rows import MAX_SCRIPT_SIZE, OP_RETURN
from indexer.sync.state import BULK, FOLLOW, read_state, write_phase
from indexer.sync.totals import script_totals
from indexer.sync.writing import execute_many

Step: TypeAlias = Callable[[Connection], None]

STOP_INTERVAL = 0.2  # seconds

_tx, _output = schema.tx.c, schema.output.c
_INDEX_NAMES: Final = {"output_by_script", "input_by_output", "input_by_script"}
INDEXES: Final = [
    index
    for table in (schema.output, schema.input_)
    for index in sorted(table.indexes, key=lambda index: str(index.name))
    if index.name in _INDEX_NAMES
]

# The plus keeps SQLite from reading the outputs in the order of an index, each from elsewhere.
_FILL_UTXO = text(
    """
INSERT INTO utxo (script_key, output_id, value)
SELECT output.script_key, output.output_id, output.value FROM output
WHERE NOT EXISTS (SELECT 1 FROM input WHERE input.output_id = output.output_id)
    AND output.tx_id > :genesis AND length(output.script) <= :largest
    AND NOT (length(output.script) > 0 AND substr(output.script, 1, 1) = :op_return)
ORDER BY +output.script_key, +output.output_id
"""
)
# Of PostgreSQL only (SQLite: totals.py). Before 18 it has no min(bytea).
_FILL_SCRIPT = """
INSERT INTO script (script_key, tx_count, output_count, received, input_count, sent,
    unspent_count, unspent, first_tx_id, last_tx_id, ambiguous)
SELECT script_key, count(DISTINCT tx_id),
    count(received), coalesce(sum(received), 0), count(sent), coalesce(sum(sent), 0),
    count(unspent), coalesce(sum(unspent), 0), min(tx_id), max(tx_id),
    CASE WHEN min(comparable) <> max(comparable) THEN 1 ELSE 0 END
FROM (
    SELECT script_key, tx_id, value AS received, CAST(NULL AS bigint) AS sent,
        CAST(NULL AS bigint) AS unspent, encode(script, 'hex') AS comparable FROM output
    UNION ALL SELECT script_key, tx_id, NULL, value, NULL, NULL FROM input
    UNION ALL SELECT script_key, NULL, NULL, NULL, value, NULL FROM utxo
) AS move GROUP BY script_key
"""


def drop_indexes(database: Database) -> None:
    """What loading does not keep up to date."""
    with database.write() as connection:
        for index in INDEXES:
            index.drop(connection, checkfirst=True)


def build(database: Database, stop: threading.Event, progress: Callable[[float], None]) -> bool:
    """Make what bulk left out and turn to following; False if stopped before the end.

    `progress` is told the part done, 0 to 1.
    """
    steps: list[Step] = [*(_index_step(index) for index in INDEXES), _fill_utxo]
    count = len(steps) + 1
    try:
        with script_totals(database) if database.is_sqlite else nullcontext() as totals:
            for number, step in enumerate(steps, 1):
                with database.write() as connection:
                    _take_step(connection, step, number / count, stop)
                progress(number / count)
            if totals is None:
                with database.write() as connection:
                    _take_step(connection, _fill_script, 1.0, stop)
            else:
                while not totals.ready(STOP_INTERVAL):
                    if stop.is_set():
                        return False
                with totals.write() as connection:
                    _take_step(connection, totals.copy, 1.0, stop)
            progress(1.0)
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
            _prepare(connection)
            step(connection)
            write_phase(connection, FOLLOW if done == 1 else BULK, done)


def _index_step(index: Index) -> Step:
    def create(connection: Connection) -> None:
        index.create(connection, checkfirst=True)

    return create


def _fill_utxo(connection: Connection) -> None:
    connection.execute(
        _FILL_UTXO,
        {"genesis": GENESIS_TX_ID, "op_return": OP_RETURN, "largest": MAX_SCRIPT_SIZE},
    )
    for older in _repeated(connection):
        coins = connection.execute(
            select(_output.script_key, _output.output_id).where(_output.output_id.in_(older))
        )
        execute_many(
            connection,
            "DELETE FROM utxo WHERE script_key = ? AND output_id = ?",
            [(row.script_key, row.output_id) for row in coins],
        )


def _fill_script(connection: Connection) -> None:
    connection.exec_driver_sql(_FILL_SCRIPT)


def _repeated(connection: Connection) -> list[range]:
    """The outputs of transactions that a later one repeats."""
    keys = connection.execute(
        select(_tx.txid_key).group_by(_tx.txid_key).having(func.count() > 1)
    ).scalars()
    outputs = []
    for some in pieces(keys.all()):
        rows = connection.execute(select(schema.tx).where(_tx.txid_key.in_(some))).all()
        newest = newest_transactions(connection, {row.txid for row in rows})
        outputs += [
            range(row.first_output_id, row.first_output_id + row.output_count)
            for row in rows
            if newest[row.txid].tx_id != row.tx_id
        ]
    return outputs


def _prepare(connection: Connection) -> None:
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
