"""One indexer at a time: whoever holds the database's lock writes, the others wait for it.

SQLite: a lock on a file beside the database, which the system releases when its process ends.
PostgreSQL: an advisory lock of a connection of its own, which the server releases when that
connection ends. Such a connection may be lost while its process lives, so that every writing
transaction asks the server whether the lock is still ours, and takes a second lock until its
end: who wins next waits for that one, and nobody can have passed the question too late.
"""

import fcntl
import logging
import os
import socket
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from indexer.database import Database, DatabaseError

logger = logging.getLogger(__name__)

ELECTION, WRITING = 0x5A7C_4E2, 0x5A7C_4E3  # arbitrary; each with the schema's name as second key
RETRY_SECONDS = 1.0

_HOLDERS = (
    "FROM pg_locks LEFT JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND classid = %s AND objid = %s AND granted"
)


class LostElectionError(DatabaseError):
    """The lock is lost: another process may be writing by now."""


class Lock(Protocol):
    """What is to be had once per database."""

    def take(self) -> str | None:
        """None once it is ours, else what it waits for. Raises DBAPIError."""

    def require(self, connection: Connection) -> None:
        """At the beginning of a writing transaction. Raises LostElectionError."""

    def close(self) -> None:
        """Give it back."""


def run_elected(database: Database, stop: threading.Event, work: Callable[[], None]) -> None:
    """Do the work while nobody else does it on this database, as often as the lock is lost.

    Waits for its turn. Returns when the work does, or `stop` is set.
    """
    while (lock := _win(database, stop)) is not None:
        database.guard = lock.require
        try:
            work()
            return
        except LostElectionError as error:
            logger.error("%s", error)
        finally:
            database.guard = None
            lock.close()


def open_lock(database: Database) -> Lock:
    """The database's lock, not taken yet. Raises DatabaseError."""
    path = database.path
    return AdvisoryLock(database) if path is None else FileLock(path.resolve())


def _win(database: Database, stop: threading.Event) -> Lock | None:
    """The lock once it is ours; None if `stop` comes first."""
    lock: Lock | None = None
    told = None
    while not stop.is_set():
        try:
            lock = lock or open_lock(database)
            obstacle = lock.take()
        except (DatabaseError, DBAPIError) as error:
            obstacle = f"the database: {getattr(error, 'orig', error)}"
            if lock is not None:
                lock.close()
            lock = None
        if obstacle is None:
            if told is not None:
                logger.warning("This process is now the indexer")
            return lock
        if obstacle != told:
            logger.warning("Waiting for %s", obstacle)
            told = obstacle
        stop.wait(RETRY_SECONDS)
    if lock is not None:
        lock.close()
    return None


def _own_name() -> str:
    return f"satchel index, process {os.getpid()} on {socket.gethostname()}"


class FileLock:
    """The lock of a SQLite file."""

    def __init__(self, database: Path) -> None:
        path = database.with_name(database.name + ".lock")
        try:
            self._file = path.open("a+")
        except OSError as error:
            raise DatabaseError(f"The file {path} cannot be opened: {error.strerror}") from error

    def take(self) -> str | None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            return f"{self._file.read() or 'another process'}, which indexes this database"
        self._file.truncate(0)
        self._file.write(_own_name())
        self._file.flush()
        return None

    def require(self, connection: Connection) -> None:
        """It cannot be lost."""

    def close(self) -> None:
        self._file.close()


class AdvisoryLock:
    """The lock of a PostgreSQL schema."""

    def __init__(self, database: Database) -> None:
        self._connection = database.connect_apart(_own_name())
        schema = self._one("SELECT current_schema()")
        self._key = zlib.crc32(str(schema).encode()) >> 1  # both keys are signed in SQL
        self._process = self._one("SELECT pg_backend_pid()")
        self._is_ours = False

    def take(self) -> str | None:
        if not self._is_ours:
            self._is_ours = bool(self._one("SELECT pg_try_advisory_lock(%s, %s)", ELECTION))
        if not self._is_ours:
            return f"{self._holder()}, which indexes this database"
        if not self._one("SELECT pg_try_advisory_lock(%s, %s)", WRITING):
            return "the last transaction of the indexer before"
        self._one("SELECT pg_advisory_unlock(%s, %s)", WRITING)
        return None

    def require(self, connection: Connection) -> None:
        writing = connection.exec_driver_sql(
            "SELECT pg_try_advisory_xact_lock(%s, %s)", (WRITING, self._key)
        ).scalar_one()
        elected = connection.exec_driver_sql(  # asked after the other lock is had
            f"SELECT count(*) {_HOLDERS} AND pid = %s", (ELECTION, self._key, self._process)
        ).scalar_one()
        if not (writing and elected):
            raise LostElectionError(
                "The lock that makes this process the indexer is lost: it stops writing"
            )
        # A server asked to build an index would otherwise go on for hours after our end.
        connection.exec_driver_sql(
            "SELECT set_config(name, '2000', true) FROM pg_settings "
            "WHERE name = 'client_connection_check_interval'"
        )

    def close(self) -> None:
        with suppress(DBAPIError):
            self._connection.close()

    def _one(self, sql: str, lock: int | None = None) -> object:
        parameters = () if lock is None else (lock, self._key)
        return self._connection.exec_driver_sql(sql, parameters).scalar_one_or_none()

    def _holder(self) -> str:
        """As its own connection calls itself."""
        name = self._connection.exec_driver_sql(
            f"SELECT application_name {_HOLDERS}", (ELECTION, self._key)
        ).scalar_one_or_none()
        return str(name or "another process")
