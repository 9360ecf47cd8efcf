"""The account database: its tables, and that rows go with whom they belong to."""

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, Row, create_engine, func, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from indexer.database import Database
from webapp.accounts import schema
from webapp.accounts.database import ACCOUNTS, open_accounts
from webapp.accounts.users import add_user, find_user, remove_user
from webapp.config import ConfigError, Settings, load_settings
from webapp.demo.run import demo_settings

HASH = bytes(range(32))


def fill(database: Database, name: str) -> int:
    """A user with a row in every table; the user's number."""
    with database.write() as connection:
        owner = add_user(connection, name, None).id
        wallet = connection.execute(
            insert(schema.wallet)
            .values(
                user_id=owner, network="bitcoin-regtest", name="Savings", kind="watch",
                birthday_height=0, gap_limit=20, created_at=1,
            )
            .returning(schema.wallet.c.id)
        ).scalar_one()  # fmt: skip
        account = connection.execute(
            insert(schema.account)
            .values(
                wallet_id=wallet, name="First", descriptor="wpkh(...)", next_receive=0,
                created_at=1,
            )
            .returning(schema.account.c.id)
        ).scalar_one()  # fmt: skip
        for table, values in (
            (schema.account_script, {"account_id": account, "branch": 0, "position": 0,
                                     "script_key": -5, "script": b"\0\x14"}),
            (schema.label, {"wallet_id": wallet, "type": "tx", "ref": "ab", "label": "rent"}),
            (schema.frozen_coin, {"wallet_id": wallet, "txid": HASH, "vout": 1}),
            (schema.contact, {"user_id": owner, "network": "bitcoin-regtest", "name": "Ann",
                              "address": "x"}),
            (schema.draft, {"wallet_id": wallet, "state": "open", "form": {"fee": "1.5"},
                            "created_at": 1, "updated_at": 1}),
        ):  # fmt: skip
            connection.execute(insert(table).values(values))
    return owner


def counts(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in schema.metadata.sorted_tables
        }


def _parts(rows: Sequence[Row[Any]]) -> list[tuple[str, list[str]]]:
    """The clauses of each statement: Alembic writes foreign keys before other constraints."""
    return [(name, sorted(re.split(r", ?\n\t|\n", sql or ""))) for name, sql in rows]


def test_the_migration_makes_exactly_the_declared_tables(
    accounts_database: Database, tmp_path: Path
) -> None:
    declared = MetaData(schema="declared" if accounts_database.schema else None)
    for table in schema.metadata.tables.values():
        table.to_metadata(declared)
    if accounts_database.is_sqlite:
        engine = create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
        declared.create_all(engine)
        query = text("SELECT name, sql FROM sqlite_master WHERE name != 'alembic_version' "
                     "AND tbl_name != 'alembic_version' ORDER BY name")  # fmt: skip
        with engine.connect() as one, accounts_database.read() as other:
            found = [_parts(connection.execute(query).all()) for connection in (one, other)]
        engine.dispose()
        assert found[0] == found[1]
        return
    with accounts_database.write() as connection:
        connection.exec_driver_sql("CREATE SCHEMA declared")
        declared.create_all(connection)
        found = inspect(connection)
        for name in schema.metadata.tables:
            for look in (
                found.get_columns, found.get_indexes, found.get_unique_constraints,
                found.get_pk_constraint,
            ):  # fmt: skip
                one, other = (
                    re.sub("['\"\\\\]", "", str(look(name, schema=where))).replace(f"{where}.", "")
                    for where in ("declared", accounts_database.schema)
                )
                assert one == other
            keys = [
                [(key["constrained_columns"], key["referred_table"], key["options"])
                 for key in found.get_foreign_keys(name, schema=where)]
                for where in ("declared", accounts_database.schema)
            ]  # fmt: skip
            assert keys[0] == keys[1]
        connection.exec_driver_sql("DROP SCHEMA declared CASCADE")


def test_removing_a_user_removes_every_row_of_theirs_and_no_other(
    accounts_database: Database,
) -> None:
    first = fill(accounts_database, "Ann")
    assert set(counts(accounts_database).values()) == {1}
    second = fill(accounts_database, "Bob")
    assert set(counts(accounts_database).values()) == {2}
    with accounts_database.write() as connection:
        remove_user(connection, first)
    assert set(counts(accounts_database).values()) == {1}
    with accounts_database.write() as connection:
        assert find_user(connection, second) is not None
        remove_user(connection, second)
    assert set(counts(accounts_database).values()) == {0}


def test_numbers_of_removed_rows_are_not_given_again(accounts_database: Database) -> None:
    first = fill(accounts_database, "Ann")
    with accounts_database.write() as connection:
        remove_user(connection, first)
    assert fill(accounts_database, "Bob") > first


def test_a_row_without_an_owner_is_refused(accounts_database: Database) -> None:
    with pytest.raises(IntegrityError), accounts_database.write() as connection:
        connection.execute(insert(schema.frozen_coin).values(wallet_id=404, txid=HASH, vout=0))


def test_many_may_upgrade_at_once(tmp_path: Path, postgres_url: str) -> None:
    for url, name in ((f"sqlite:///{tmp_path / 'a.sqlite'}", None), (postgres_url, "at_once")):
        opened = [Database.open(url, schema=name, tables=ACCOUNTS) for _each in range(6)]
        threads = [threading.Thread(target=each.upgrade) for each in opened]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for each in opened:
            each.require_schema()
            each.dispose()


def test_accounts_and_index_share_a_server(postgres_url: str, tmp_path: Path) -> None:
    settings = Settings(
        network="bitcoin-regtest", data_directory=tmp_path,
        database_url=postgres_url, accounts_database_url=postgres_url,
    )  # fmt: skip
    index = Database.open(settings.database, schema="beside")
    index.upgrade()
    accounts = open_accounts(settings)
    fill(accounts, "Ann")
    index.require_schema()
    for each in (accounts, index):
        with each.write() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {each.schema} CASCADE")
        each.dispose()


def test_the_file_is_readable_by_us_alone(tmp_path: Path) -> None:
    directory = tmp_path / "made" / "for us"
    database = open_accounts(Settings(network="bitcoin-regtest", data_directory=directory))
    fill(database, "Ann")
    modes = {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}
    assert modes.pop("accounts.sqlite") == 0o600
    assert set(modes.values()) <= {0o600}
    database.dispose()


def test_one_file_cannot_hold_both(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'one.sqlite'}"
    with pytest.raises(ConfigError, match="accounts_database_url: expected another file"):
        load_settings(database_url=url, accounts_database_url=url)


def test_the_demos_guests_are_kept_apart_from_everybody(tmp_path: Path) -> None:
    settings = Settings(
        network="bitcoin-main",
        data_directory=tmp_path,
        accounts_database_url="postgresql://people@localhost/real",
    )
    inside = tmp_path / "demo" / "accounts.sqlite"
    assert demo_settings(settings).accounts_database == f"sqlite:///{inside}"
