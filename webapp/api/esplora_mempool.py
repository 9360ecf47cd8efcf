"""Esplora's mempool and fee estimates."""

from typing import Final

from flask import Blueprint, Response

from indexer.chain.encoding import hash_hex
from indexer.queries.mempool import fee_histogram, newest_pending, pending_txids
from webapp.api.describe import Hash, describe
from webapp.api.json_shapes import recent_json
from webapp.api.responses import json_answer
from webapp.api.shapes import FeeRate, MempoolShape, RecentShape
from webapp.context import connection
from webapp.limits import costly
from webapp.mempool_cache import current_mempool

RECENT: Final = 10
FEE_TARGETS: Final = (*range(1, 26), 144, 504, 1008)  # blocks

blueprint = Blueprint("esplora_mempool", __name__, url_prefix="/api")


@blueprint.get("/mempool")
@describe(MempoolShape, errors=())
def show() -> Response:
    """How much waits, and what it pays.

    The histogram's pairs: a fee rate per vbyte, and how much pays that and less than the pair
    before."""
    figures = current_mempool()
    histogram = fee_histogram(connection())
    return json_answer(
        {
            "count": figures.tx_count,
            "vsize": sum(vsize for _, vsize in histogram),
            "total_fee": figures.fees,
            "fee_histogram": histogram,
        }
    )


@blueprint.get("/mempool/txids")
@costly
@describe(list[Hash], errors=())
def show_txids() -> Response:
    """The txids of all that waits."""
    return json_answer([hash_hex(txid) for txid in pending_txids(connection())])


@blueprint.get("/mempool/recent")
@describe(list[RecentShape], errors=())
def show_recent() -> Response:
    """The latest ten to arrive."""
    return json_answer([recent_json(each) for each in newest_pending(connection(), RECENT)])


@blueprint.get("/fee-estimates")
@describe(dict[str, FeeRate], errors=())
def show_fee_estimates() -> Response:
    """Fee rates per vbyte by the number of blocks to wait, empty where nobody has an idea."""
    return json_answer({str(target): rate for target, rate in estimates_by_target().items()})


def estimates_by_target() -> dict[int, float]:
    """Per vbyte, for each of FEE_TARGETS: the estimate of the longest wait that fits into it."""
    known = {each.blocks: each.rate / 1000 for each in current_mempool().estimates}
    if not known:
        return {}
    shortest = min(known)
    return {
        target: known[max((blocks for blocks in known if blocks <= target), default=shortest)]
        for target in FEE_TARGETS
    }
