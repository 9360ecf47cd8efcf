"""What `satchel user ...` does: accounts, by the hand of whoever runs this server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import Connection

from webapp.accounts import users
from webapp.accounts.database import open_accounts
from webapp.accounts.users import AccountError, User
from webapp.config import Settings

MAX_PASSWORD_BYTES = 1024


def add_user(settings: Settings, name: str, password_fd: int | None) -> None:
    with _people(settings) as connection:
        name = users.checked_name(name)
        if users.find_user_by_name(connection, name) is not None:
            raise AccountError("name", f"somebody has the name {name} already")
    stored = _hashed(_read_password(password_fd))
    with _people(settings) as connection:
        users.add_user(connection, name, stored)
    click.echo(f"added: {name}")


def list_users(settings: Settings) -> None:
    with _people(settings) as connection:
        for each in users.all_users(connection):
            click.echo(f"{each.name}  (guest)" if each.is_guest else each.name)


def set_password(settings: Settings, name: str, password_fd: int | None) -> None:
    with _people(settings) as connection:
        found = _required(connection, name)
    stored = _hashed(_read_password(password_fd))
    with _people(settings) as connection:
        users.set_password(connection, found.id, stored)
    click.echo(f"new password, and every session ended: {found.name}")


def remove_user(settings: Settings, name: str, *, confirmed: bool) -> None:
    with _people(settings) as connection:
        found = _required(connection, name)
    if not confirmed:
        click.confirm(
            f"Remove {found.name} with all wallets, labels, contacts and drafts?", abort=True
        )
    with _people(settings) as connection:
        users.remove_user(connection, found.id)
    click.echo(f"removed: {found.name}")


@contextmanager
def _people(settings: Settings) -> Iterator[Connection]:
    """The account database; what is not acceptable in it ends the command in words."""
    database = open_accounts(settings)
    try:
        with database.write() as connection:
            yield connection
    except AccountError as error:
        raise click.ClickException(str(error)) from error
    finally:
        database.dispose()


def _required(connection: Connection, name: str) -> User:
    found = users.find_user_by_name(connection, name)
    if found is None:
        raise AccountError("name", f"there is no user {name}; `satchel user list` shows all")
    return found


def _hashed(password: str) -> str:
    try:
        return users.hashed(password)
    except AccountError as error:
        raise click.ClickException(str(error)) from error


def _read_password(descriptor: int | None) -> str:
    """One line, from the descriptor or from the person at the terminal."""
    if descriptor is None:
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    try:
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.readline(MAX_PASSWORD_BYTES).rstrip(b"\r\n").decode()
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(
            f"--password-fd: found {descriptor}, from which no password can be read ({error})"
        ) from error
