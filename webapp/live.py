"""Live updates for the browser: server-sent events, and polling where a stream cannot be had."""

import json
from collections.abc import Callable, Iterable, Iterator
from socket import MSG_DONTWAIT, MSG_PEEK, socket

from flask import Blueprint, Flask, Response, abort, g, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup

from webapp.context import pulse, services
from webapp.security import hx
from webapp.topics import Moment, TopicError, due_topics, parse_topics, watched_wallets
from webapp.wallets.watching import owns
from webapp.watcher import Subscription, TooManyReadersError

KEEPALIVE_SECONDS = 15
RECONNECT_MILLISECONDS = 2000
POLL_MILLISECONDS = 5000
TOGETHER = "delay:80ms"  # events of one moment make one request
STATUS_TOPICS = ("status", "tip")  # every page shows where the index stands

blueprint = Blueprint("live", __name__)


def watch(*topics: str) -> None:
    """Have the page's main part refresh itself, in place, whenever one of these topics moves.

    Topics: "tip", "mempool", "reorg", "tx:<txid>", "address:<scripthash>" (hex as displayed),
    and "wallet:<id>" for its owner (webapp.topics.wallet_topic).
    A view calls this before it aborts with 404 to have the page appear once there is something.
    """
    g.setdefault("topics", []).extend(topics)


def main_attributes() -> Markup:
    """Of the page's main element, so that it follows what the view watches."""
    topics = g.get("topics", [])
    if not topics:
        return Markup()
    kinds = sorted({topic.partition(":")[0] for topic in topics})
    return hx(
        get=request.full_path.rstrip("?"),
        select="#main",
        swap="outerMorph",
        trigger=", ".join(f"live:{kind} from:body {TOGETHER}" for kind in kinds),
    )


def stream_attributes() -> Markup:
    """Of the one element on the page that holds the stream open."""
    topics = ",".join(sorted({*g.get("topics", []), *STATUS_TOPICS}))
    since = Moment.of(pulse())
    path = f"{request.script_root}/live?topics={topics}&since={since}"
    return hx(sse_connect=path, swap="none")


@blueprint.get("/live")
def stream() -> ResponseReturnValue:
    """Server-sent events named live:<kind> for the topics asked for."""
    topics = _topics()
    since = request.headers.get("Last-Event-ID") or request.args.get("since", "")
    try:
        subscription = services().live.subscribe(
            topics, request.remote_addr or "", since, _hung_up(_connection())
        )
    except TooManyReadersError:
        return Response("", 503, {"Retry-After": "60"}, mimetype="text/plain")
    response = Response(_events(subscription), mimetype="text/event-stream")
    response.call_on_close(subscription.close)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would hold the events back
    return response


@blueprint.get("/live/poll")
def poll() -> ResponseReturnValue:
    """The topics that moved since the moment `since`, for browsers without a stream."""
    topics = _topics()
    moment = services().live.look()
    due = due_topics(topics, moment.changes_since(request.args.get("since", "")))
    response = jsonify(id=str(moment), moved=sorted(due), again_in=POLL_MILLISECONDS)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/live/status")
def status() -> ResponseReturnValue:
    """The parts of the frame that tell where the index stands."""
    return render_template("live/status.html"), {"Cache-Control": "no-store"}


def _connection() -> object:
    """The client's socket, from gunicorn or from Werkzeug's server."""
    return request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")


def _hung_up(connection: object) -> Callable[[], bool]:
    """Tells whether the client has closed its connection, where the server gives us the socket."""
    if not isinstance(connection, socket):
        return lambda: False

    def look() -> bool:
        try:
            return connection.recv(1, MSG_PEEK | MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    return look


def _topics() -> frozenset[str]:
    try:
        topics = parse_topics(request.args.get("topics", ""))
    except TopicError as error:
        abort(400, _("The live stream was asked for wrongly: %(error)s", error=str(error)))
    if not owns(watched_wallets(topics)):
        abort(404, _("You have no such wallet."))
    return topics


def _events(subscription: Subscription) -> Iterator[str]:
    yield _event("hello", {}, retry=RECONNECT_MILLISECONDS)
    while (news := subscription.wait(KEEPALIVE_SECONDS)) is not None:
        topics, moment = news
        if not topics:
            yield ": still here\n\n"
        else:
            yield _batch(sorted(topics), moment)


def _batch(topics: Iterable[str], moment: Moment) -> str:
    """One event per topic. Only the last carries the id, so that a cut loses none of them."""
    events = [_event(topic.partition(":")[0], {"topic": topic}) for topic in topics]
    return "".join(events[:-1]) + f"id: {moment}\n" + events[-1]


def _event(kind: str, data: dict[str, str], retry: int | None = None) -> str:
    pace = f"retry: {retry}\n" if retry is not None else ""
    return f"{pace}event: live:{kind}\ndata: {json.dumps(data)}\n\n"


def install(app: Flask) -> None:
    app.register_blueprint(blueprint)
    app.jinja_env.globals.update(
        main_attributes=main_attributes, stream_attributes=stream_attributes
    )
