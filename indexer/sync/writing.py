"""Many rows at once, by the fastest way each database has."""

from collections.abc import Sequence

import psycopg
from sqlalchemy import Connection, Table

from indexer.database import DatabaseError

_COPY_TYPES = {"BIGINT": "int8", "INTEGER": "int4", "SMALLINT": "int2", "BYTEA": "bytea"}


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert rows, tuples in the order of the table's columns."""
    if not rows:
        return
    names = ", ".join(column.name for column in table.columns)
    if isinstance(connection.connection.driver_connection, psycopg.Connection):
        _copy(connection, table, names, rows)
    else:
        marks = ", ".join("?" * len(table.columns))
        into = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 (names of ours)
        execute_many(connection, into, rows)


def execute_many(connection: Connection, sql: str, rows: Sequence[tuple[object, ...]]) -> int:
    """Run a statement with `?` marks for each row; how many rows of the table it touched."""
    if not rows:
        return 0
    if connection.dialect.paramstyle != "qmark":
        sql = sql.replace("?", "%s")
    return connection.exec_driver_sql(sql, list(rows)).rowcount


def _copy(
    connection: Connection, table: Table, names: str, rows: Sequence[tuple[object, ...]]
) -> None:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    types = [_COPY_TYPES[column.type.compile(connection.dialect)] for column in table.columns]
    into = f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)"
    try:
        with driver.cursor() as cursor, cursor.copy(into) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:  # which SQLAlchemy does not see
        if driver.closed:
            connection.invalidate()
        raise DatabaseError(f"PostgreSQL failed at {table.name}: {error}") from error
