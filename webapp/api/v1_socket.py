"""The door to mempool.space's WebSocket."""

from flask import Blueprint, Flask, Response, abort, current_app, request

from webapp.cors import foreign_origin_allowed, own_origin
from webapp.websocket.hub import SocketHub
from webapp.websocket.takeover import TakenOver, client_connection

EXTENSION = "satchel-websockets"
RETRY_SECONDS = "60"

blueprint = Blueprint("v1_socket", __name__, url_prefix="/api/v1")


@blueprint.get("/ws")
def explain() -> Response:
    """For who comes without asking for a WebSocket."""
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    return Response(
        "This address speaks the WebSocket protocol.", 426, headers, mimetype="text/plain"
    )


@blueprint.get("/ws", websocket=True)
def open_socket() -> Response:
    """Switch to the WebSocket protocol."""
    if not own_origin() and not foreign_origin_allowed():
        abort(403, "Pages of this origin may not use the API here")
    connection = client_connection()
    if connection is None:
        abort(501, "This server cannot hand over its connections")
    hub: SocketHub = current_app.extensions[EXTENSION]
    client = request.remote_addr or ""
    if not hub.reserve(client):
        abort(Response("Too many connections", 503, {"Retry-After": RETRY_SECONDS}))
    return TakenOver(connection, lambda taken, handshake: hub.adopt(taken, handshake, client))


def install(app: Flask) -> None:
    app.extensions[EXTENSION] = SocketHub(app)
