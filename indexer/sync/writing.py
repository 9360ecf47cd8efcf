"""Many rows at once, by the fastest way each database has."""

from collections.abc import Sequence

import psycopg
from sqlalchemy import Connection, Table, insert

_COPY_TYPES = {"BIGINT": "int8", "INTEGER": "int4", "SMALLINT": "int2", "BYTEA": "bytea"}


def insert_rows(connection: Connection, table: Table, rows: Sequence[Sequence[object]]) -> None:
    """Insert rows, tuples in the order of the table's columns."""
    if not rows:
        return
    if isinstance(connection.connection.driver_connection, psycopg.Connection):
        _copy(connection, table, rows)
    else:
        execute_many(connection, str(insert(table).compile(dialect=connection.dialect)), rows)


def execute_many(connection: Connection, sql: str, rows: Sequence[Sequence[object]]) -> int:
    """Run a statement with `?` marks for each row; how many rows of the table it touched."""
    if not rows:
        return 0
    if connection.dialect.paramstyle != "qmark":
        sql = sql.replace("?", "%s")
    # SQLAlchemy takes a list of tuples, and nothing else, for many rows.
    return connection.exec_driver_sql(sql, [tuple(row) for row in rows]).rowcount


def _copy(connection: Connection, table: Table, rows: Sequence[Sequence[object]]) -> None:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    names = ", ".join(column.name for column in table.columns)
    types = [_COPY_TYPES[column.type.compile(connection.dialect)] for column in table.columns]
    into = f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)"
    with driver.cursor() as cursor, cursor.copy(into) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
