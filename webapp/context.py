"""What a view may ask for during a request: settings, the network, a read connection."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import Flask, abort, current_app, g, has_request_context, request
from flask_babel import gettext as _
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from indexer.chain.network import Network
from indexer.database import Database, DatabaseError
from indexer.node.base import Broadcaster
from indexer.queries.pulse import Pulse, read_pulse
from indexer.raw import RawSource
from indexer.replica import ReadDatabase
from webapp.config import Settings

if TYPE_CHECKING:
    from webapp.watcher import LiveHub

EXTENSION = "satchel"


@dataclass(frozen=True, slots=True)
class Services:
    """What one web process keeps for all requests."""

    settings: Settings
    network: Network
    database: Database  # the primary
    reads: ReadDatabase
    raw: RawSource
    broadcaster: Broadcaster | None  # None: nothing can be sent
    live: "LiveHub"
    accounts: Database
    demo: bool  # this is the demo: a visitor is a guest at once, and coins come from a faucet


def services() -> Services:
    return cast(Services, current_app.extensions[EXTENSION])


def settings() -> Settings:
    return services().settings


def network() -> Network:
    return services().network


def raw() -> RawSource:
    """Raw blocks and transactions."""
    return services().raw


def connection() -> Connection:
    """The request's read-only transaction: everything on one page is of one moment."""
    if "connection" not in g:
        g.resources = ExitStack()
        source = services().database if _needs_primary() else services().reads
        g.connection = g.resources.enter_context(source.read())
    return cast(Connection, g.connection)


def _needs_primary() -> bool:
    """True for people's own pages and for whatever changes something: what somebody has just done
    is not in a replica yet."""
    if "private" in g or "from_primary" in g:
        return True
    return has_request_context() and request.method not in {"GET", "HEAD", "OPTIONS"}


def reads_replica() -> bool:
    """Whether this request has read from the replica so far."""
    return "connection" in g and services().reads.is_replica(g.connection)


def read_primary() -> None:
    """Begin the request's reading again, on the primary."""
    close_connection(None)
    g.pop("pulse", None)
    g.from_primary = True


def replica_behind() -> int:
    """Blocks by which this page is older than the index, since it comes from a replica."""
    return services().reads.behind(connection(), pulse()) if reads_replica() else 0


def pulse() -> Pulse | None:
    """Where the index stands, read once per request; None before the first indexing."""
    if "pulse" not in g:
        g.pulse = read_pulse(connection())
    return cast("Pulse | None", g.pulse)


def required_pulse() -> Pulse:
    """The same for pages that have nothing to show without it: 503 before the first indexing."""
    found = pulse()
    if found is None:
        abort(503, _("Nothing is indexed yet."))
    return found


def start_over() -> None:
    """After an error: read the frame's data afresh, or do without where the database fails."""
    close_connection(None)
    g.pop("pulse", None)
    try:
        pulse()
    except (DBAPIError, DatabaseError):
        g.pulse = None
        g.index_unreadable = True


def close_connection(_error: BaseException | None) -> None:
    g.pop("connection", None)
    resources: ExitStack | None = g.pop("resources", None)
    if resources is not None:
        resources.close()


def install(app: Flask, shared: Services) -> None:
    app.extensions[EXTENSION] = shared
    app.teardown_appcontext(close_connection)
