"""Users: their rows, and what makes a name and a password acceptable."""

import secrets
import time
import unicodedata
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from webapp.accounts.passwords import (
    MAX_LENGTH,
    MIN_LENGTH,
    hash_password,
    verify_password,
)
from webapp.accounts.schema import user

MAX_NAME_LENGTH = 50
SESSION_TOKEN_BYTES = 24


class AccountError(Exception):
    """A name or password cannot be accepted; the message says why, `field` where it stands."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class User:
    """Who asks. The properties and get_id are what Flask-Login wants to know."""

    id: int
    name: str
    is_guest: bool  # of the demo: has no password yet
    session_token: str

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """What the session holds: it ends when the token changes."""
        return f"{self.id}:{self.session_token}"


def name_key(name: str) -> str:
    """What two names must not share: they would look the same, or nearly so."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()


def checked_name(name: str) -> str:
    """The name without spaces around it. Raises AccountError."""
    name = unicodedata.normalize("NFC", name.strip())
    if not name:
        raise AccountError("name", _("Choose a name."))
    if len(name) > MAX_NAME_LENGTH:
        raise AccountError(
            "name", _("The name is longer than %(count)s characters.", count=MAX_NAME_LENGTH)
        )
    if not name.isprintable():
        raise AccountError("name", _("The name holds a character that cannot be seen."))
    return name


def checked_password(password: str, *, field: str = "password") -> str:
    """The password as it is. Raises AccountError."""
    if len(password) < MIN_LENGTH:
        raise AccountError(
            field, _("The password must have at least %(count)s characters.", count=MIN_LENGTH)
        )
    if len(password) > MAX_LENGTH:
        raise AccountError(
            field, _("The password is longer than %(count)s characters.", count=MAX_LENGTH)
        )
    return password


def hashed(password: str) -> str:
    """The hash to store. Slow on purpose: not to be called while a transaction waits.

    Raises AccountError.
    """
    return hash_password(checked_password(password))


def add_user(connection: Connection, name: str, stored: str | None) -> User:
    """A new user by name and `hashed` password; a guest without. Raises AccountError."""
    name = checked_name(name)
    statement = insert(user).values(
        name=name,
        name_key=name_key(name),
        password_hash=stored,
        session_token=_new_token(),
        created_at=int(time.time()),
    )
    try:
        with connection.begin_nested():
            row = connection.execute(statement.returning(*user.c)).one()
    except IntegrityError:
        raise AccountError("name", _("Somebody has this name already.")) from None
    return _user(row)


def find_user(connection: Connection, user_id: int) -> User | None:
    row = connection.execute(select(user).where(user.c.id == user_id)).one_or_none()
    return None if row is None else _user(row)


def find_user_by_name(connection: Connection, name: str) -> User | None:
    key = name_key(name)
    if not key.isprintable():  # PostgreSQL refuses even to compare some of them
        return None
    row = connection.execute(select(user).where(user.c.name_key == key)).one_or_none()
    return None if row is None else _user(row)


def all_users(connection: Connection) -> list[User]:
    return [_user(row) for row in connection.execute(select(user).order_by(user.c.name_key))]


def password_hash(connection: Connection, user_id: int | None) -> str | None:
    """None for a guest and for nobody."""
    return connection.execute(
        select(user.c.password_hash).where(user.c.id == user_id)
    ).scalar_one_or_none()


def is_password(stored: str | None, password: str) -> bool:
    """Whether `password` opens what `password_hash` found; as slow where it found nothing."""
    return verify_password(stored, password[: MAX_LENGTH + 1])


def set_password(connection: Connection, user_id: int, stored: str) -> User:
    """Ends every session of theirs, this one too: sign in again with what is returned."""
    return _changed(connection, user_id, password_hash=stored, session_token=_new_token())


def end_sessions(connection: Connection, user_id: int) -> None:
    """Wherever they are signed in, they no longer are."""
    _changed(connection, user_id, session_token=_new_token())


def renew_hash(connection: Connection, user_id: int, stored: str) -> None:
    """The same password, hashed with today's parameters: sessions go on."""
    _changed(connection, user_id, password_hash=stored)


def rename_user(connection: Connection, user_id: int, name: str) -> User:
    """Raises AccountError where the name is taken."""
    name = checked_name(name)
    try:
        with connection.begin_nested():
            return _changed(connection, user_id, name=name, name_key=name_key(name))
    except IntegrityError:
        raise AccountError("name", _("Somebody has this name already.")) from None


def remove_user(connection: Connection, user_id: int) -> None:
    """And with them every row that is theirs."""
    connection.execute(delete(user).where(user.c.id == user_id))


def _new_token() -> str:
    return secrets.token_urlsafe(SESSION_TOKEN_BYTES)


def _changed(connection: Connection, user_id: int, **values: str) -> User:
    statement = update(user).where(user.c.id == user_id).values(values).returning(*user.c)
    return _user(connection.execute(statement).one())


def _user(row: Row[tuple[object, ...]]) -> User:
    return User(row.id, row.name, row.password_hash is None, row.session_token)
