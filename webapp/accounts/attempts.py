"""How often somebody may try: passwords of one account, from one address; and new accounts."""

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import ParamSpec

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_limiter.util import get_remote_address
from flask_login import current_user as session_user

from webapp.accounts.users import name_key
from webapp.limits import limiter

P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]

OF_ACCOUNT = "10 per minute; 50 per hour"
OF_ADDRESS = "20 per minute; 200 per hour"
NEW_ACCOUNTS = "10 per hour"  # of one address
SITE_BITS = 64  # of an IPv6 address: whoever has one has all with the same beginning


def remote_site() -> str:
    """The address that asks; of IPv6 the network, within which each may choose their own."""
    address = get_remote_address()
    if isinstance(ip_address(address), IPv6Address):
        return str(ip_network(f"{address}/{SITE_BITS}", strict=False))
    return address


def few_attempts(view: View[P]) -> View[P]:
    """Of a view that compares a password."""
    return _limited(OF_ACCOUNT, _account, "passwords")(
        _limited(OF_ADDRESS, remote_site, "passwords-from")(view)
    )


def few_accounts(view: View[P]) -> View[P]:
    """Of a view that makes an account."""
    return _limited(NEW_ACCOUNTS, remote_site, "accounts")(view)


def _account() -> str:
    """By name also where nobody has it: the answer must not tell."""
    name = session_user.name if session_user.is_authenticated else request.form.get("name", "")
    return name_key(name)[:100]


def _limited(limit: str, key: Callable[[], str], scope: str) -> Callable[[View[P]], View[P]]:
    shared = limiter.shared_limit(
        limit,
        scope=scope,
        key_func=key,
        error_message=lambda: _("That were too many attempts. Nothing has been changed."),
    )
    decorated: Callable[[View[P]], View[P]] = shared
    return decorated
