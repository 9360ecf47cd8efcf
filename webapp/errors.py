"""Pages for what goes wrong: each says what happened and what helps."""

import logging
from dataclasses import dataclass

from flask import Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable

from indexer.database import DatabaseError
from indexer.raw import RawUnavailableError
from webapp.context import start_over

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """What an error page shows."""

    status: int
    title: str
    text: str
    help: str


def describe(error: HTTPException) -> ErrorPage:
    """The error in the reader's words; a view's own description takes the place of the text."""
    status = error.code or 500
    title, text, advice = _words(status)
    own = error.description if error.description != type(error).description else None
    return ErrorPage(status, title, own or text, advice)


def _words(status: int) -> tuple[str, str, str]:
    search = _("Search for a block, transaction or address above, or start at the home page.")
    words = {
        400: (
            _("That request cannot be understood"),
            _("Part of the address or of the form is not what this page expects."),
            _("Check the address for missing or mistyped characters."),
        ),
        403: (
            _("That is not allowed"),
            _("The request was refused."),
            _("Go back, reload the page and try again from there."),
        ),
        404: (
            _("Nothing is here"),
            _("No page has this address, and nothing in the chain goes by this name."),
            search,
        ),
        405: (
            _("That is not how this page works"),
            _("The page exists, but not for this kind of request."),
            search,
        ),
        413: (
            _("That is too much at once"),
            _("The request is larger than this server accepts."),
            _("Send less in one request."),
        ),
        429: (
            _("Too many requests"),
            _("You have asked for more than this server gives to one reader at a time."),
            _("Wait a minute, then reload the page."),
        ),
        503: (
            _("Not available right now"),
            _("The index cannot be read at the moment."),
            _("This usually passes by itself. Reload the page in a few seconds."),
        ),
    }
    return words.get(
        status,
        (
            _("Something went wrong here"),
            _("This is our fault, not yours. The error has been written to the server's log."),
            _("Reload the page. If it stays, tell the person who runs this server."),
        ),
    )


def wants_text() -> bool:
    """True for the API, whose clients expect errors as plain text: Esplora's shape; and for files
    of figures, which are not read in a browser."""
    return request.path.startswith("/api/") or request.path.endswith(".csv")


def wants_json() -> bool:
    """True for clients that ask for JSON before HTML."""
    accepted = request.accept_mimetypes
    return accepted["application/json"] > accepted["text/html"]


def show_http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:  # a view aborted with a response of its own
        return error.response
    page = describe(error)
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    headers["Cache-Control"] = "no-store"
    if wants_text():
        return Response(page.text, page.status, headers, mimetype="text/plain")
    if wants_json():
        return jsonify(error=page.text, help=page.help), page.status, headers
    return render_template("error.html", page=page), page.status, headers


def show_unavailable(error: Exception) -> ResponseReturnValue:
    start_over()
    logger.warning("%s %s: %s", request.method, request.path, error)
    text = None if isinstance(error, OperationalError) else str(error)
    return show_http_error(ServiceUnavailable(text, retry_after=RETRY_SECONDS))


def show_unexpected(error: Exception) -> ResponseReturnValue:
    start_over()
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return show_http_error(InternalServerError())


def install(app: Flask) -> None:
    app.register_error_handler(HTTPException, show_http_error)
    app.register_error_handler(OperationalError, show_unavailable)
    app.register_error_handler(DatabaseError, show_unavailable)
    app.register_error_handler(RawUnavailableError, show_unavailable)
    app.register_error_handler(Exception, show_unexpected)
