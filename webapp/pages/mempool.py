"""The mempool: what waits, what it pays, what was replaced."""

from dataclasses import dataclass

from flask import Blueprint, Response, render_template

from indexer.queries.mempool import (
    Mempool,
    PendingLine,
    ReplacedLine,
    largest_pending,
    newest_pending,
    newest_replaced,
)
from webapp.caching import cached
from webapp.charts import Drawing
from webapp.context import connection, pulse
from webapp.fee_bands import fee_chart
from webapp.live import watch
from webapp.mempool_cache import current_mempool

LINES = 20

blueprint = Blueprint("mempool", __name__)


@dataclass(frozen=True, slots=True)
class MempoolPage:
    mempool: Mempool
    recent: tuple[PendingLine, ...]
    largest: tuple[PendingLine, ...]
    replaced: tuple[ReplacedLine, ...]
    fee_chart: Drawing | None


@blueprint.get("/mempool")
def show() -> Response:
    watch("tip", "mempool")
    waiting = current_mempool()
    page = MempoolPage(
        mempool=waiting,
        recent=newest_pending(connection(), LINES),
        largest=largest_pending(connection(), LINES),
        replaced=newest_replaced(connection(), LINES),
        fee_chart=fee_chart(waiting.rates),
    )
    state = pulse()
    return cached(
        render_template("mempool/mempool.html", page=page),
        "mempool",
        state.chain_generation if state else None,
        state.mempool_generation if state else None,
    )
