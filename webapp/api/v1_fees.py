"""mempool.space's fees: what to pay now, and the blocks that the mempool would make."""

from flask import Blueprint, Response
from typing_extensions import TypedDict

from indexer.queries.fee_advice import FeeAdvice, advise
from indexer.queries.mempool import MIN_RATE, Mempool, ProjectedBlock
from indexer.queries.node import node_info
from webapp.api.describe import WholeNumber, describe
from webapp.api.responses import json_answer
from webapp.api.shapes import Amount, FeeRate
from webapp.context import connection, network
from webapp.mempool_cache import current_mempool

blueprint = Blueprint("v1_fees", __name__, url_prefix="/api/v1")


class RecommendedShape(TypedDict):
    """Whole fee rates, in the smallest unit per virtual byte."""

    fastestFee: WholeNumber
    halfHourFee: WholeNumber
    hourFee: WholeNumber
    economyFee: WholeNumber
    minimumFee: WholeNumber


class ProjectedShape(TypedDict):
    """A block that miners would make now; the last one holds all that remains."""

    blockSize: WholeNumber
    blockVSize: float
    nTx: WholeNumber
    totalFees: Amount
    medianFee: FeeRate
    feeRange: list[FeeRate]


@blueprint.get("/fees/recommended")
@describe(RecommendedShape, errors=())
def show_recommended() -> Response:
    """What to pay now to be confirmed in the next block, in half an hour, in an hour.

    `economyFee` is for who can wait long, below `minimumFee` nodes do not relay."""
    return json_answer(recommended_shape(current_advice(current_mempool())))


@blueprint.get("/fees/mempool-blocks")
@describe(list[ProjectedShape], errors=())
def show_projected() -> Response:
    """The blocks that the mempool would make, best paying first.

    `feeRange` goes from the lowest to the highest rate by a tenth, a quarter, half, three quarters
    and nine tenths of the block's weight."""
    return json_answer([projected_shape(each) for each in current_mempool().projected])


def current_advice(mempool: Mempool) -> FeeAdvice:
    """With what the node relays at least."""
    node = node_info(connection())
    minimum = MIN_RATE if node is None else node.relay_fee
    return advise(mempool, minimum, network().max_block_weight)


def recommended_shape(advice: FeeAdvice) -> RecommendedShape:
    return {
        "fastestFee": _whole(advice.fastest),
        "halfHourFee": _whole(advice.half_hour),
        "hourFee": _whole(advice.hour),
        "economyFee": _whole(advice.economy),
        "minimumFee": _whole(advice.minimum),
    }


def projected_shape(block: ProjectedBlock) -> ProjectedShape:
    rates = block.rates
    return {
        "blockSize": block.size,
        "blockVSize": block.weight / 4,
        "nTx": block.tx_count,
        "totalFees": block.fees,
        "medianFee": rates.median / 1000,
        "feeRange": [rate / 1000 for rate in (rates.minimum, *rates.quantiles, rates.maximum)],
    }


def _whole(rate: int) -> int:
    """Per virtual byte, rounded up: a bit less would not do."""
    return -(-rate // 1000)
