"""How often one client may ask: for what is costly, and for the API, which says so in headers."""

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from webapp.context import settings
from webapp.tokens import client_token, refuse_unknown_token

API = "/api/"


def _client() -> str:
    """Who is counted: a token, or else an address."""
    token = client_token() if request.path.startswith(API) else None
    return get_remote_address() if token is None else f"token:{token}"


def _api_allowance() -> str:
    known = client_token() is not None
    limit = settings().api_token_rate_limit if known else settings().api_rate_limit
    return f"{limit} per minute"


# Counted in each web process by itself: no store to run beside the database.
limiter = Limiter(_client, storage_uri="memory://", headers_enabled=True)

# Decorates costly views. All of them draw on one allowance: settings.rate_limit.
costly = limiter.shared_limit(lambda: f"{settings().rate_limit} per minute", scope="costly")

# Applied to the API's blueprints.
api_limit = limiter.shared_limit(_api_allowance, scope="api")


def _check_token() -> None:
    if request.path.startswith(API):
        refuse_unknown_token()


def install(app: Flask) -> None:
    limiter.init_app(app)
    app.before_request(_check_token)
