"""`satchel user ...` on the account database of each kind."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from indexer.database import Database
from tests.test_accounts_database import fill
from webapp.accounts import users
from webapp.accounts.database import SCHEMA, open_accounts
from webapp.cli import main
from webapp.config import Settings

PASSWORD = "correct horse battery"


@pytest.fixture(params=["sqlite", "postgresql"])
def people(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """What the commands find by the environment."""
    monkeypatch.setenv("SATCHEL_DATA_DIRECTORY", str(tmp_path))
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        monkeypatch.setenv("SATCHEL_ACCOUNTS_DATABASE_URL", url)
    database = open_accounts(
        Settings(network="bitcoin-regtest", data_directory=tmp_path, accounts_database_url=url)
    )
    yield database
    if not database.is_sqlite:
        with database.write() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {SCHEMA} CASCADE")
    database.dispose()


def run(*words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["user", *words], input=typed)


def test_add_list_password_remove(people: Database) -> None:
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    added = run("add", "Ann", typed=typed)
    assert (added.exit_code, added.output.splitlines()[-1]) == (0, "added: Ann")
    assert PASSWORD not in added.output
    fill(people, "Visitor")
    assert run("list").output.splitlines() == ["Ann", "Visitor  (guest)"]
    with people.read() as connection:
        before = users.find_user_by_name(connection, "ann")
        assert before is not None
        assert users.is_password(users.password_hash(connection, before.id), PASSWORD)
    assert run("password", "ann", typed="new" * 5 + "\n" + "new" * 5 + "\n").exit_code == 0
    with people.read() as connection:
        after = users.find_user_by_name(connection, "Ann")
        assert after is not None
        assert after.session_token != before.session_token
        assert users.is_password(users.password_hash(connection, after.id), "new" * 5)
    assert run("remove", "visitor", typed="n\n").exit_code == 1
    assert run("remove", "visitor", typed="y\n").exit_code == 0
    assert run("remove", "Ann", "--yes").exit_code == 0
    assert run("list").output == ""


def test_a_mistake_is_one_clear_line(people: Database) -> None:
    fill(people, "Ann")
    for words, typed, said in (
        (("add", "ANN"), None, "somebody has the name ANN already"),
        (("add", " "), None, "Choose a name."),
        (("add", "Bob"), "short\nshort\n", "The password must have at least 10 characters."),
        (("password", "Bob"), None, "there is no user Bob"),
        (("remove", "Bob", "--yes"), None, "there is no user Bob"),
        (("add", "Bob", "--password-fd", "99"), None, "--password-fd: found 99"),
    ):
        result = run(*words, typed=typed)
        assert result.exit_code != 0, words
        assert said in result.output.splitlines()[-1], words
        assert "Traceback" not in result.output
    assert run("list").output.splitlines() == ["Ann  (guest)"]


def test_a_password_by_file_descriptor(people: Database) -> None:
    reading, writing = os.pipe()
    os.write(writing, PASSWORD.encode() + b"\nnot this\n")
    os.close(writing)
    try:
        assert run("add", "Ann", "--password-fd", str(reading)).exit_code == 0
    finally:
        os.close(reading)
    with people.read() as connection:
        found = users.find_user_by_name(connection, "Ann")
        assert found is not None
        assert users.is_password(users.password_hash(connection, found.id), PASSWORD)


def test_a_password_cannot_be_an_argument() -> None:
    assert "--password " not in run("add", "--help").output
    assert run("add", "Ann", PASSWORD).exit_code == 2
