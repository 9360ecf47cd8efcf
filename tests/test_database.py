"""Opening, migrating and sharing an index database."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateSchema

from indexer.database import Database, DatabaseError
from indexer.schema import metadata, raw_block

ROW = {"hash": b"h" * 32, "height": 1, "raw": b"\x00\xff"}


def test_sqlite_migration_makes_exactly_the_declared_schema(
    sqlite_database: Database, tmp_path: Path
) -> None:
    declared = create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    metadata.create_all(declared)
    query = text(
        "SELECT type, name, tbl_name, sql FROM sqlite_master "
        "WHERE tbl_name != 'alembic_version' ORDER BY type, name"
    )
    with declared.connect() as one, sqlite_database.read() as other:
        assert one.execute(query).all() == other.execute(query).all()
    declared.dispose()


def test_postgres_migration_makes_exactly_the_declared_schema(postgres_database: Database) -> None:
    schema = "declared"
    columns = text(
        "SELECT table_name, ordinal_position, column_name, data_type, is_nullable, column_default "
        "FROM information_schema.columns WHERE table_schema = :schema "
        "AND table_name != 'alembic_version' ORDER BY table_name, ordinal_position"
    )
    indexes = text(
        "SELECT indexname, replace(indexdef, schemaname || '.', '') FROM pg_indexes "
        "WHERE schemaname = :schema AND tablename != 'alembic_version' ORDER BY indexname"
    )
    with postgres_database.write() as connection:
        connection.execute(CreateSchema(schema))
        connection.execution_options(schema_translate_map={None: schema})
        metadata.create_all(connection, checkfirst=False)
        for query in (columns, indexes):
            expected = connection.execute(query, {"schema": schema}).all()
            migrated = connection.execute(query, {"schema": postgres_database.schema}).all()
            assert len(expected) > 10
            assert migrated == expected
        connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")


def test_upgrade_twice_keeps_what_is_there(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(raw_block), [ROW])
    database.upgrade()
    database.require_schema()
    with database.read() as connection:
        assert [dict(row) for row in connection.execute(select(raw_block)).mappings()] == [ROW]


def test_an_exception_rolls_back(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.execute(insert(raw_block), [ROW])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as connection:
        assert connection.execute(select(raw_block)).all() == []


def test_a_reader_sees_one_state_and_never_waits_for_the_writer(database: Database) -> None:
    with database.read() as reader:
        assert reader.execute(select(raw_block)).all() == []
        with database.write() as writer:
            writer.execute(insert(raw_block), [ROW])
            with database.read() as second:
                assert second.execute(select(raw_block)).all() == []
        assert reader.execute(select(raw_block)).all() == []
    with database.read() as reader:
        assert len(reader.execute(select(raw_block)).all()) == 1


def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError), database.read() as connection:
        connection.execute(insert(raw_block), [ROW])


def test_sqlite_writers_take_turns(sqlite_database: Database) -> None:
    """BEGIN IMMEDIATE: a transaction that reads and then writes never fails half way."""

    def add_ten(first: int) -> None:
        for number in range(first, first + 10):
            with sqlite_database.write() as connection:
                count = connection.execute(select(raw_block)).all()
                row = {"hash": number.to_bytes(32, "big"), "height": len(count), "raw": b""}
                connection.execute(insert(raw_block), [row])

    threads = [threading.Thread(target=add_ten, args=(first,)) for first in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sqlite_database.read() as connection:
        heights = sorted(connection.execute(select(raw_block.c.height)).scalars())
    assert heights == list(range(30))


def test_sqlite_pragmas(sqlite_database: Database) -> None:
    with sqlite_database.write() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout", "wal_autocheckpoint")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 1,
        "busy_timeout": 30000,
        "wal_autocheckpoint": 20000,
    }


def test_autocommit_admits_maintenance(database: Database) -> None:
    with database.autocommit() as connection:
        connection.exec_driver_sql("VACUUM")
    with database.write() as connection:
        connection.execute(insert(raw_block), [ROW])


def test_size_grows(database: Database) -> None:
    before = database.size()
    with database.write() as connection:
        connection.execute(insert(raw_block), [{**ROW, "raw": bytes(range(256)) * 4000}])
    assert database.size() > before


def test_two_networks_on_one_server_do_not_meet(postgres_url: str) -> None:
    one = Database.open(postgres_url, schema="net_one")
    two = Database.open(postgres_url, schema="net_two")
    for each in (one, two):
        each.upgrade()
    with one.write() as connection:
        connection.execute(insert(raw_block), [ROW])
    with two.read() as connection:
        assert connection.execute(select(raw_block)).all() == []
    for each in (one, two):
        each.dispose()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("index.db", "expected sqlite:///"),
        ("mysql://localhost/x", "mysql://: expected sqlite:///"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////no/such/directory/index.db", "/no/such/directory of the database does not"),
    ],
)
def test_a_wrong_url_is_explained(url: str, words: str) -> None:
    with pytest.raises(DatabaseError, match=words):
        Database.open(url)


def test_a_directory_is_not_a_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="is a directory"):
        Database.open(f"sqlite:///{tmp_path}")


def test_a_schema_name_is_checked(postgres_url: str) -> None:
    with pytest.raises(DatabaseError, match="cannot name a PostgreSQL schema"):
        Database.open(postgres_url, schema="x; drop table block")


def test_a_server_that_is_down_is_explained_without_the_password() -> None:
    database = Database.open("postgresql://someone:secret@127.0.0.1:1/none")
    with pytest.raises(DatabaseError, match="cannot be opened") as caught, database.read():
        pass
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    path.write_text("these are notes, not a database, and they are longer than a header" * 20)
    database = Database.open(f"sqlite:///{path}")
    with pytest.raises(DatabaseError, match="not a database"):
        database.upgrade()


def test_a_database_not_migrated_is_explained(tmp_path: Path, postgres_url: str) -> None:
    missing = Database.open(f"sqlite:///{tmp_path / 'index.db'}")
    empty = Database.open(postgres_url, schema="never_made")
    for each in (missing, empty):
        with pytest.raises(DatabaseError, match=r"has no tables yet: run `satchel db upgrade`"):
            each.require_schema()
    assert not (tmp_path / "index.db").exists()


def test_a_newer_schema_is_refused(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for action in (database.require_schema, database.upgrade):
        with pytest.raises(DatabaseError, match=r"schema 9999.*a newer version wrote it"):
            action()


def test_a_page_reads_with_a_snapshot_on_postgres(postgres_database: Database) -> None:
    with postgres_database.read() as connection:
        level = connection.exec_driver_sql("SHOW transaction_isolation").scalar_one()
        read_only = connection.exec_driver_sql("SHOW transaction_read_only").scalar_one()
    assert (level, read_only) == ("repeatable read", "on")
