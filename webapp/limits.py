"""How often one client may ask: for what is costly, and for the API, which says so in headers."""

from flask import Flask, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from webapp.context import settings
from webapp.tokens import client_token, refuse_unknown_token

API = "/api/"


def _client() -> str:
    """Who is counted: a token, or else an address."""
    token = client_token()
    return get_remote_address() if token is None else f"token:{token}"


def _allowance(limit: int) -> str:
    """Per client, or per token, which allows for more."""
    return f"{settings().api_token_rate_limit if client_token() else limit} per minute"


# Counted in each web process by itself: no store to run beside the database.
limiter = Limiter(_client, storage_uri="memory://", headers_enabled=True)

# Decorates costly views. All of them draw on one allowance: settings.rate_limit.
costly = limiter.shared_limit(lambda: _allowance(settings().rate_limit), scope="costly")

# Applied to the API's blueprints, for all of their views that are not costly.
api_limit = limiter.shared_limit(lambda: _allowance(settings().api_rate_limit), scope="api")


def _check_token() -> None:
    if request.path.startswith(API):
        refuse_unknown_token()


def _only_where_it_applies(response: Response) -> Response:
    """The limiter says Retry-After with every answer, and clients would wait for nothing."""
    if response.status_code not in {429, 503}:
        response.headers.remove("Retry-After")
    return response


def install(app: Flask) -> None:
    app.after_request(_only_where_it_applies)  # before the limiter's own, so as to run after it
    limiter.init_app(app)
    app.before_request(_check_token)
