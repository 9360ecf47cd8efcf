"""The demo's visitors: each has an account at once, without a name to choose or a password."""

import secrets

from flask import request
from flask_babel import gettext as _
from flask_limiter.util import get_remote_address

from webapp.accounts.sessions import asked_by_script, sign_in
from webapp.accounts.users import add_user
from webapp.context import services
from webapp.limits import limiter

GUESTS = "30 per hour"  # of one address


def welcome_guest() -> bool:
    """Make the visitor of a page a guest, in the demo; False where there are none."""
    if not services().demo or request.method != "GET" or asked_by_script():
        return False
    with limiter.limit(GUESTS, key_func=get_remote_address, scope="guests"):
        name = _("Guest %(number)s", number=secrets.token_hex(3))
    with services().accounts.write() as connection:
        guest = add_user(connection, name, None)
    sign_in(guest)
    return True
