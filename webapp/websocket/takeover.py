"""Takes a connection away from the HTTP server, whose threads are too dear to hold one each.

A gunicorn thread that waits for a WebSocket's next word cannot serve pages meanwhile. So the view
hands the socket to the event loop and is done; the server is left with a dead one to close.
"""

import errno
import os
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NoReturn

from flask import Response, request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HANDSHAKE_HEADERS = (
    "Host",
    "Upgrade",
    "Connection",
    "Origin",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
)

Adopt = Callable[[socket.socket, bytes], None]


class TakenOver(Response):
    """In place of an answer: gives the connection and the handshake's bytes to `adopt`."""

    def __init__(self, connection: socket.socket, adopt: Adopt) -> None:
        super().__init__(status=101)
        self._connection = connection
        self._adopt = adopt
        self._handshake = _handshake()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        self._adopt(_take(self._connection), self._handshake)
        _end_without_answer()


def client_connection() -> socket.socket | None:
    """The request's socket, from gunicorn or from Werkzeug's server."""
    found = request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
    return found if isinstance(found, socket.socket) else None


def _handshake() -> bytes:
    """The request as the WebSocket protocol reads it; the server has parsed it already."""
    lines = [f"GET {request.path} HTTP/1.1"]
    lines += [
        f"{name}: {request.headers[name]}" for name in HANDSHAKE_HEADERS if name in request.headers
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _take(connection: socket.socket) -> socket.socket:
    """The connection under a descriptor of ours; the server's then names a closed one.

    The server shuts a connection down before it closes it, which a mere duplicate would feel.
    """
    taken = connection.dup()
    dead, other = socket.socketpair()
    with dead, other:
        os.dup2(dead.fileno(), connection.fileno(), inheritable=False)
    return taken


def _end_without_answer() -> NoReturn:
    """gunicorn and Werkzeug both take this for a client that hung up, and write nothing."""
    raise ConnectionResetError(errno.ECONNRESET, "taken over by the WebSocket loop")
