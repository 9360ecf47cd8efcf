"""Sums per script on SQLite, taken by a second core while the first builds the indexes.

SQLite has one writer, but reading and sorting are most of the work: a thread with a connection of
its own sums into a temporary table, which is copied when the steps before it are done.
"""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from sqlalchemy import Connection

from indexer.database import Database
from indexer.sync.state import TipMovedError, read_state

POLL = 0.05  # seconds

_TAKE = """
INSERT INTO temp.script_total
SELECT script_key, count(DISTINCT tx_id), count(script), sum(received),
    count(*) - count(script), sum(sent), min(tx_id), max(tx_id), min(script) <> max(script)
FROM (
    SELECT script_key, tx_id, value AS received, 0 AS sent, script FROM output
    UNION ALL SELECT script_key, tx_id, 0, value, NULL FROM input
) AS move GROUP BY script_key
"""
_COPY = """
INSERT INTO script (script_key, tx_count, output_count, received, input_count, sent,
    unspent_count, unspent, first_tx_id, last_tx_id, ambiguous)
SELECT total.script_key, tx_count, output_count, received, input_count, sent,
    count(utxo.output_id), coalesce(sum(utxo.value), 0), first_tx_id, last_tx_id, ambiguous
FROM temp.script_total AS total LEFT JOIN utxo ON utxo.script_key = total.script_key
GROUP BY total.script_key
"""


class ScriptTotals:
    """What the thread takes."""

    def __init__(self, connection: Connection, taken: "Future[bytes]") -> None:
        self.connection = connection
        self._taken = taken

    def ready(self, timeout: float) -> bool:
        """Wait for them so many seconds; whether they are there."""
        return bool(wait([self._taken], timeout).done)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A writing transaction on the connection that sees them."""
        self.connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield self.connection
        except BaseException:
            self.connection.exec_driver_sql("ROLLBACK")
            raise
        self.connection.exec_driver_sql("COMMIT")

    def copy(self, connection: Connection) -> None:
        """Fill the table script. TipMovedError if blocks came or went since they were taken."""
        if read_state(connection).tip_hash != self._taken.result():
            raise TipMovedError("Another indexer is writing to this database: stop one of the two")
        connection.exec_driver_sql(_COPY)


@contextmanager
def script_totals(database: Database) -> Iterator[ScriptTotals]:
    """Take them until the end of the block, which does not wait for what it has not used."""
    with database.autocommit() as connection, ThreadPoolExecutor(1, "totals") as executor:
        taken = executor.submit(_take, connection)
        try:
            yield ScriptTotals(connection, taken)
        finally:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            while not wait([taken], POLL).done:
                driver.interrupt()
            connection.exec_driver_sql("DROP TABLE IF EXISTS temp.script_total")


def _take(connection: Connection) -> bytes:
    """The tip that they are of."""
    # They begin before the indexes: until these are finished nobody changes rows.
    tip_hash = read_state(connection).tip_hash
    connection.exec_driver_sql("DROP TABLE IF EXISTS temp.script_total")
    connection.exec_driver_sql(
        "CREATE TEMP TABLE script_total (script_key INTEGER PRIMARY KEY, tx_count, output_count, "
        "received, input_count, sent, first_tx_id, last_tx_id, ambiguous)"
    )
    connection.exec_driver_sql(_TAKE)
    return tip_hash
