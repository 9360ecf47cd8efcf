"""What a view of somebody's own pages may ask for: who they are, and what is theirs."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, cast

from flask import abort, g
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user as session_user
from sqlalchemy import Connection, Row, select

from indexer.database import Database
from webapp.accounts.guests import welcome_guest
from webapp.accounts.schema import wallet
from webapp.accounts.sessions import answer_unknown
from webapp.accounts.users import User
from webapp.context import network, services

P = ParamSpec("P")


def accounts() -> Database:
    """The account database: `with accounts().read() as connection`, or `.write()`."""
    return services().accounts


def current_user() -> User:
    """Who is signed in, in a view that is `login_required`."""
    return cast(User, g.user)


def private(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """The answer is kept by no cache."""

    @wraps(view)
    def unkept(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        g.private = True
        return view(*args, **kwargs)

    return unkept


def login_required(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Only for who is signed in; the answer is kept by no cache."""

    @private
    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if not session_user.is_authenticated and not welcome_guest():
            return answer_unknown()
        g.user = session_user._get_current_object()
        return view(*args, **kwargs)

    return guarded


def owned_wallet(connection: Connection, wallet_id: int) -> Row[tuple[object, ...]]:
    """The row of a wallet of the current user on this network. 404 where there is none, be it
    another person's."""
    row = connection.execute(
        select(wallet).where(
            wallet.c.id == wallet_id,
            wallet.c.user_id == current_user().id,
            wallet.c.network == network().name,
        )
    ).one_or_none()
    if row is None:
        abort(404, _("You have no such wallet."))
    return row
