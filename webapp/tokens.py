"""API tokens: whoever shows one may ask for more. Only their hashes are kept, in the settings."""

import secrets
from hashlib import sha256

from flask import abort, request
from flask_babel import gettext as _

from webapp.context import settings

TOKEN_BYTES = 32


def new_token() -> str:
    """A token nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """What the setting api_tokens holds of it. No salt and no stretching: a token is random."""
    return sha256(token.encode()).hexdigest()


def client_token() -> str | None:
    """The hash of the token that the request shows, if it is one of ours."""
    scheme, _sep, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    found = token_hash(token.strip())
    # Hashes are compared, so the time taken tells nothing about the token.
    return found if found in settings().token_hashes else None


def refuse_unknown_token() -> None:
    """Before a request to the API: whoever mistyped a token must not take it for accepted."""
    if request.authorization is not None and client_token() is None:
        abort(401, _("This server does not know this API token."))
