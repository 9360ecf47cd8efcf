"""The node and the index: versions, sync, sizes, what went wrong last."""

from dataclasses import dataclass
from importlib.metadata import version

from flask import Blueprint, Response, make_response, render_template

from indexer.queries.node import NodeStatus, node_status
from indexer.replica import Replica
from webapp.context import connection, services
from webapp.live import watch

blueprint = Blueprint("node", __name__)


@dataclass(frozen=True, slots=True)
class NodePage:
    status: NodeStatus
    database_kind: str
    database_size: int
    version: str
    replica: Replica | None


@blueprint.get("/node")
def show() -> Response:
    watch("status", "tip")
    database = services().database
    page = NodePage(
        status=node_status(connection()),
        database_kind="SQLite" if database.is_sqlite else "PostgreSQL",
        database_size=database.size(),
        version=version("satchel"),
        replica=services().reads.replica(),
    )
    response = make_response(render_template("node/node.html", page=page))
    response.cache_control.no_store = True
    return response
