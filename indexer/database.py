"""Opening a database of ours: SQLite or PostgreSQL, one writer, many readers."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, RootTransaction, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

UPGRADE_LOCK = 0x5A7C_4E1  # an arbitrary number that all programs upgrading a schema agree on

SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",  # in WAL mode a power cut may lose the last commits, never half of one
    "busy_timeout=30000",
)
SQLITE_WRITER_PRAGMAS = (
    "cache_size=-262144",  # KiB
    "wal_autocheckpoint=20000",  # pages
    "temp_store=FILE",  # the sorts of an index build are larger than memory
    "threads=2",  # helpers of a sort
)
SQLITE_READER_PRAGMAS = (
    "cache_size=-16384",
    "temp_store=MEMORY",
    f"mmap_size={1 << 30}",
    "query_only=ON",
)

# A connection that holds a lock ends, on both sides, within 11 seconds of losing the other one.
POSTGRES_ALERT_OPTIONS = (
    "-ctcp_keepalives_idle=5 -ctcp_keepalives_interval=2 -ctcp_keepalives_count=3"
)
POSTGRES_ALERT_ARGUMENTS = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "connect_timeout": 10,
}


class DatabaseError(Exception):
    """The database cannot be used as it is. The message is shown to people."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What a database holds: the folder of its migrations, and which commands apply them."""

    migrations: Path
    made_by: str
    foreign_keys: bool  # SQLite checks them only when told to


INDEX = Tables(
    Path(__file__).parent / "migrations",
    "`satchel db upgrade` or `satchel index`",
    foreign_keys=False,
)


class Database:
    """One set of tables. `read` never waits for the writer and sees one state of the database
    for as long as it lasts; `write` admits one writer at a time."""

    def __init__(
        self, url: URL, schema: str | None, tables: Tables, patience: int | None = None
    ) -> None:
        self.url = url
        self.schema = schema
        self.tables = tables
        # What may refuse to write any more: called at the beginning of each transaction of `write`.
        self.guard: Callable[[Connection], None] | None = None
        self._writer = _engine(url, schema, tables, patience, writes=True)
        self._reader = _engine(url, schema, tables, patience, writes=False)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        schema: str | None = None,
        tables: Tables = INDEX,
        patience: int | None = None,
    ) -> "Database":
        """`sqlite:///path` or `postgresql://user:password@host/name`; no connection is made yet.

        `schema` is the PostgreSQL schema that holds the tables, so that one server may hold
        several networks. `patience` is for how many seconds a PostgreSQL server that does not
        answer is waited for, by default as long as the system does. Raises DatabaseError.
        """
        parsed = _parse_url(url)
        if parsed.get_backend_name() == "sqlite":
            _require_directory(parsed)
            schema = None
        elif schema is not None and not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
            raise DatabaseError(
                f"{schema!r} cannot name a PostgreSQL schema: "
                "use lower-case letters, digits and underscores"
            )
        return cls(parsed, schema, tables, patience)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def shown_url(self) -> str:
        """For people: without the password."""
        return self.url.render_as_string(hide_password=True)

    @property
    def path(self) -> Path | None:
        """The file of a SQLite database."""
        return Path(str(self.url.database)) if self.is_sqlite else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only transaction. What was read stays read if the server is gone at its end."""
        with _connect(self._reader) as connection:
            transaction = _begin(connection)
            try:
                yield connection
            finally:
                with suppress(DBAPIError):
                    transaction.rollback()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end, or rolls back where an exception leaves it."""
        with _connect(self._writer) as connection, _begin(connection):
            if self.guard is not None:
                self.guard(connection)
            yield connection

    @contextmanager
    def autocommit(self) -> Iterator[Connection]:
        """A writing connection outside any transaction, for VACUUM, ANALYZE and pragmas."""
        with _connect(self._writer) as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def connect_apart(self, name: str) -> Connection:
        """A connection of its own to PostgreSQL, outside any transaction, to be closed by whoever
        asked. Others see it under `name`. Raises DatabaseError."""
        arguments = {**POSTGRES_ALERT_ARGUMENTS, "application_name": name}
        arguments["options"] = f"{_search_path(self.schema)} {POSTGRES_ALERT_OPTIONS}".strip()
        engine = create_engine(
            self.url, connect_args=arguments, isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        return _connect(engine)

    def revision(self) -> str | None:
        """The schema's version; None if the database has no tables of ours."""
        if self.path is not None and not self.path.exists():
            return None
        with self.read() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def require_schema(self) -> None:
        """Raise DatabaseError unless the tables are those that this program knows."""
        revision = self.revision()
        script = self._script()
        if revision == script.get_current_head():
            return
        _refuse_unknown(revision, script)
        found = "has no tables yet" if revision is None else f"has the older schema {revision}"
        raise DatabaseError(f"{self._name()} {found}: run {self.tables.made_by}")

    def upgrade(self) -> None:
        """Create the tables, or bring those of an older version up to date.

        Raises DatabaseError where a newer program wrote them.
        """
        with self.write() as connection:
            if not self.is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})")
                if self.schema is not None:
                    connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{self.schema}"')
            revision = MigrationContext.configure(connection).get_current_revision()
            config = _config(self.tables)
            script = ScriptDirectory.from_config(config)
            if revision == script.get_current_head():
                return
            _refuse_unknown(revision, script)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def size(self) -> int:
        """Bytes on disk, indexes and write-ahead log included."""
        if self.path is not None:
            parts = (self.path.with_name(self.path.name + end) for end in ("", "-wal"))
            return sum(part.stat().st_size for part in parts if part.exists())
        with self.read() as connection:
            total = connection.exec_driver_sql(
                "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class "
                "WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
            ).scalar_one()
        return int(total)

    def dispose(self) -> None:
        self._reader.dispose()
        self._writer.dispose()

    def _name(self) -> str:
        return f"The database {self.shown_url}"

    def _script(self) -> ScriptDirectory:
        return ScriptDirectory.from_config(_config(self.tables))


def _config(tables: Tables) -> Config:
    config = Config()
    config.set_main_option("script_location", str(tables.migrations).replace("%", "%%"))
    return config


def _refuse_unknown(revision: str | None, script: ScriptDirectory) -> None:
    known = {each.revision for each in script.walk_revisions()}
    if revision is not None and revision not in known:
        raise DatabaseError(
            f"The database has schema {revision}, which this version of Satchel does not know: "
            "a newer version wrote it. Upgrade Satchel, or point it at another database"
        )


def _parse_url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise DatabaseError(
            "The database URL is not one: expected sqlite:///path/to/file or "
            "postgresql://user:password@host/name"
        ) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise DatabaseError(
            f"The database URL starts with {url.drivername}://: "
            "expected sqlite:///... or postgresql://..."
        )
    if url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        raise DatabaseError(
            "The database URL names no file, and a database in memory cannot be shared: "
            "expected sqlite:///path/to/file (four slashes for an absolute path)"
        )
    return url


def _require_directory(url: URL) -> None:
    path = Path(str(url.database))
    if path.is_dir():
        raise DatabaseError(f"The database {path} is a directory: name a file in it")
    if not path.parent.is_dir():
        raise DatabaseError(
            f"The directory {path.parent.absolute()} of the database does not exist: "
            "create it, or change the database URL"
        )


def _engine(
    url: URL, schema: str | None, tables: Tables, patience: int | None, *, writes: bool
) -> Engine:
    """Hides parameters: errors are logged, and what people keep here is private."""
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"check_same_thread": False}, hide_parameters=True)
        _set_up_sqlite(engine, tables, writes=writes)
        return engine
    arguments: dict[str, object] = {"options": _search_path(schema)} if schema is not None else {}
    if patience is not None:
        arguments["connect_timeout"] = patience
    if writes:
        return create_engine(url, connect_args=arguments, hide_parameters=True)
    # One snapshot for a whole page, also on a replica; the server refuses any write.
    engine = create_engine(
        url,
        connect_args=arguments,
        isolation_level="REPEATABLE READ",
        hide_parameters=True,
        pool_pre_ping=True,  # the server may have been started again since
    )
    return engine.execution_options(postgresql_readonly=True)


def _search_path(schema: str | None) -> str:
    return "" if schema is None else f"-csearch_path={schema}"


def _set_up_sqlite(engine: Engine, tables: Tables, *, writes: bool) -> None:
    keys = f"foreign_keys={'ON' if tables.foreign_keys else 'OFF'}"
    own = SQLITE_WRITER_PRAGMAS if writes else SQLITE_READER_PRAGMAS
    pragmas = (*SQLITE_PRAGMAS, keys, *own)
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    directory = str(Path(str(engine.url.database)).parent.absolute()).replace("'", "''")

    @event.listens_for(engine, "connect")
    def connect(dbapi_connection: "sqlite3.Connection", _entry: ConnectionPoolEntry) -> None:
        dbapi_connection.isolation_level = None  # the driver begins nothing by itself
        for pragma in pragmas:
            dbapi_connection.execute(f"PRAGMA {pragma}")
        if writes:  # sorts take as much room as the tables: the disk that holds these has it
            dbapi_connection.execute(f"PRAGMA temp_store_directory='{directory}'")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql(begin)


def _begin(connection: Connection) -> RootTransaction:
    try:
        return connection.begin()
    except OperationalError as error:
        raise _explained(connection.engine, "does not answer", error) from error


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except DBAPIError as error:
        raise _explained(engine, "cannot be opened", error) from error


def _explained(engine: Engine, what: str, error: DBAPIError) -> DatabaseError:
    name = engine.url.render_as_string(hide_password=True)
    reason = " ".join(str(error.orig).split())  # the server's hints are on lines of their own
    return DatabaseError(f"The database {name} {what}: {reason}")
