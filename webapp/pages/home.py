"""The home page: what the chain is doing now."""

from dataclasses import dataclass

from flask import Blueprint, Response, render_template

from indexer.queries.blocks import BlockSummary, TxLine, newest_blocks, newest_transactions
from indexer.queries.difficulty import Difficulty, difficulty
from indexer.queries.mempool import Mempool, PendingLine, newest_pending
from webapp.caching import cached
from webapp.context import connection, network, pulse
from webapp.live import watch
from webapp.mempool_cache import current_mempool

BLOCKS = 8
TRANSACTIONS = 10

blueprint = Blueprint("home", __name__)


@dataclass(frozen=True, slots=True)
class HomePage:
    blocks: tuple[BlockSummary, ...]
    pending: tuple[PendingLine, ...]
    confirmed: tuple[TxLine, ...]
    mempool: Mempool
    difficulty: Difficulty | None


@blueprint.get("/")
def show() -> Response:
    watch("tip", "mempool", "reorg")
    page = HomePage(
        blocks=newest_blocks(connection(), BLOCKS),
        pending=newest_pending(connection(), TRANSACTIONS),
        confirmed=newest_transactions(connection(), TRANSACTIONS),
        mempool=current_mempool(),
        difficulty=difficulty(connection(), network()),
    )
    return cached(render_template("home/home.html", page=page), "home", pulse())
