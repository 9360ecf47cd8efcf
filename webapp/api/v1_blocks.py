"""mempool.space's blocks with their statistics, the block of a moment, the next adjustment."""

import time
from collections import OrderedDict
from datetime import UTC, datetime
from threading import Lock
from typing import Final, cast

from flask import Blueprint, Response, current_app
from sqlalchemy import Connection
from typing_extensions import TypedDict

from indexer.chain.address import address_of
from indexer.chain.encoding import hash_hex
from indexer.chain.network import Network
from indexer.queries.block_statistics import BlockStatistics, block_statistics
from indexer.queries.blocks import BlockHead, block_head, block_heads, hash_at, height_at
from indexer.queries.difficulty import difficulty
from webapp.api.asm import esplora_asm
from webapp.api.describe import Hash, Hex, WholeNumber, describe
from webapp.api.json_shapes import block_json
from webapp.api.responses import is_settled, json_answer, not_found, parse_hash, parse_number
from webapp.api.shapes import Amount, BlockShape, FeeRate, Time
from webapp.context import connection, network, required_pulse
from webapp.limits import costly

BLOCKS_PER_PAGE: Final = 15
REMEMBERED: Final = 500
EXTENSION: Final = "satchel-block-extras"

blueprint = Blueprint("v1_blocks", __name__, url_prefix="/api/v1")


class PoolShape(TypedDict):
    """Who mined a block is not guessed here: always unknown."""

    id: int
    name: str
    slug: str


class OrphanShape(TypedDict):
    height: WholeNumber
    hash: Hash
    status: str
    prevhash: Hash


class ExtrasShape(TypedDict):
    """Amounts in the smallest unit, fee rates per virtual byte. What cannot be told is null."""

    totalFees: Amount
    medianFee: FeeRate
    feeRange: list[FeeRate]
    reward: Amount
    pool: PoolShape
    matchRate: float | None
    expectedFees: Amount | None
    expectedWeight: WholeNumber | None
    avgFee: Amount
    avgFeeRate: WholeNumber
    avgTxSize: float
    coinbaseRaw: Hex
    coinbaseAddress: str | None
    coinbaseSignature: str
    coinbaseSignatureAscii: str
    orphans: list[OrphanShape]
    virtualSize: float
    totalInputs: WholeNumber
    totalOutputs: WholeNumber
    totalInputAmt: Amount
    totalOutputAmt: Amount
    medianFeeAmt: Amount
    feePercentiles: list[Amount]
    segwitTotalTxs: WholeNumber
    segwitTotalSize: WholeNumber
    segwitTotalWeight: WholeNumber
    header: Hex
    utxoSetChange: int
    utxoSetSize: WholeNumber | None


class ExtendedBlockShape(BlockShape):
    extras: ExtrasShape


class MomentShape(TypedDict):
    height: WholeNumber
    hash: Hash
    timestamp: str


class AdjustmentShape(TypedDict):
    """Changes in per cent; times in milliseconds, but `previousTime`, which is in seconds."""

    progressPercent: float
    difficultyChange: float
    estimatedRetargetDate: int
    remainingBlocks: WholeNumber
    remainingTime: int
    previousRetarget: float
    previousTime: Time
    nextRetargetHeight: WholeNumber
    timeAvg: int
    adjustedTimeAvg: int
    timeOffset: int
    expectedBlocks: float


class ExtrasCache:
    """The statistics of the latest blocks that were asked for. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: OrderedDict[object, ExtrasShape] = OrderedDict()

    def of(
        self, database: Connection, head: BlockHead, chain: Network, last_reorg_at: int | None
    ) -> ExtrasShape:
        """Of a block of the best chain. Only a reorganisation gives it stale siblings."""
        key = (head.hash, last_reorg_at)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = _extras_shape(head, block_statistics(database, head.height), chain)
        with self._lock:
            self._known[key] = known
            self._known.move_to_end(key)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return known


@blueprint.get("/blocks")
@blueprint.get("/blocks/<height>")
@costly
@describe(list[ExtendedBlockShape], errors=(400, 404))
def show_blocks(height: str | None = None) -> Response:
    """15 blocks with their statistics, from a height downwards, or from the tip."""
    wanted = None if height is None else parse_number(height)
    if wanted is not None and wanted > required_pulse().tip_height:
        not_found("Block")
    return json_answer(extended_blocks(wanted, BLOCKS_PER_PAGE), settled=is_settled(wanted))


@blueprint.get("/block/<block_hash>")
@describe(ExtendedBlockShape, errors=(400, 404))
def show_block(block_hash: str) -> Response:
    """A block of the best chain with its statistics."""
    wanted = parse_hash(block_hash)
    head = block_head(connection(), wanted)
    if head is None or hash_at(connection(), head.height) != wanted:
        not_found("Block")
    return json_answer(extended_blocks(head.height, 1)[0], settled=is_settled(head.height))


@blueprint.get("/mining/blocks/timestamp/<timestamp>")
@describe(MomentShape, errors=(400, 404))
def show_block_at(timestamp: str) -> Response:
    """The last block that says it was made at this time (seconds since 1970) or before."""
    wanted = parse_number(timestamp)
    height = height_at(connection(), wanted + 1)
    found = None if height is None else hash_at(connection(), height)
    if height is None or found is None:
        not_found("Block")
    made = block_heads(connection(), height, 1)[0].header.time
    written = datetime.fromtimestamp(made, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return json_answer({"height": height, "hash": hash_hex(found), "timestamp": written})


@blueprint.get("/difficulty-adjustment")
@describe(AdjustmentShape, errors=(404,))
def show_adjustment() -> Response:
    """Where the period stands and what the next adjustment of the difficulty is going to be.

    Where the difficulty never moves, or moves with every block, all changes are 0."""
    shape = adjustment_shape(connection(), network())
    if shape is None:
        not_found("Block")
    return json_answer(shape)


def extended_blocks(start: int | None, count: int) -> list[ExtendedBlockShape]:
    """`count` blocks from height `start` (None: the tip) downwards."""
    return [extended_block(head) for head in block_heads(connection(), start, count)]


def extended_block(head: BlockHead) -> ExtendedBlockShape:
    """A block of the best chain."""
    cache: ExtrasCache = current_app.extensions.setdefault(EXTENSION, ExtrasCache())
    reorg = required_pulse().last_reorg_at
    extras = cache.of(connection(), head, network(), reorg)
    return cast(ExtendedBlockShape, {**block_json(head), "extras": extras})


def adjustment_shape(database: Connection, chain: Network) -> AdjustmentShape | None:
    """None while nothing is indexed."""
    heads = block_heads(database, None, 1)
    found = difficulty(database, chain)
    if found is None or not heads:
        return None
    retarget, tip = found.retarget, heads[0]
    if retarget is None:
        return _no_adjustment(tip, chain)
    average = round(1000 * retarget.seconds_per_block)
    elapsed = max(0.0, time.time() - retarget.started_at)
    return {
        "progressPercent": 100 * retarget.progress,
        "difficultyChange": 100 * (retarget.change or 0),
        "estimatedRetargetDate": 1000 * retarget.expected_at,
        "remainingBlocks": retarget.blocks_left,
        "remainingTime": retarget.blocks_left * average,
        "previousRetarget": 100 * (retarget.last_change or 0),
        "previousTime": retarget.started_at,
        "nextRetargetHeight": retarget.height,
        "timeAvg": average,
        "adjustedTimeAvg": average,
        "timeOffset": 0,
        "expectedBlocks": elapsed / chain.block_target,
    }


def _no_adjustment(tip: BlockHead, chain: Network) -> AdjustmentShape:
    done = tip.height % chain.retarget_interval
    left = chain.retarget_interval - done
    return {
        "progressPercent": 100 * done / chain.retarget_interval,
        "difficultyChange": 0.0,
        "estimatedRetargetDate": 1000 * (tip.header.time + left * chain.block_target),
        "remainingBlocks": left,
        "remainingTime": 1000 * left * chain.block_target,
        "previousRetarget": 0.0,
        "previousTime": tip.header.time,
        "nextRetargetHeight": tip.height + left,
        "timeAvg": 1000 * chain.block_target,
        "adjustedTimeAvg": 1000 * chain.block_target,
        "timeOffset": 0,
        "expectedBlocks": float(done),
    }


def _extras_shape(head: BlockHead, found: BlockStatistics, chain: Network) -> ExtrasShape:
    rates = found.rates
    spread = () if rates is None else (rates.minimum, *rates.quantiles, rates.maximum)
    return {
        "totalFees": found.total_fees,
        "medianFee": 0.0 if rates is None else rates.median / 1000,
        "feeRange": [rate / 1000 for rate in spread],
        "reward": found.reward,
        "pool": {"id": 0, "name": "Unknown", "slug": "unknown"},
        "matchRate": None,
        "expectedFees": None,
        "expectedWeight": None,
        "avgFee": found.average_fee,
        "avgFeeRate": found.average_rate,
        "avgTxSize": found.average_size,
        "coinbaseRaw": found.coinbase_script.hex(),
        "coinbaseAddress": address_of(found.reward_script, chain),
        "coinbaseSignature": esplora_asm(found.reward_script),
        "coinbaseSignatureAscii": found.coinbase_script.decode("ascii", "replace"),
        "orphans": [
            {
                "height": head.height,
                "hash": hash_hex(each.hash),
                "status": "valid-fork",
                "prevhash": hash_hex(each.prev_hash),
            }
            for each in found.stale
        ],
        "virtualSize": head.weight / 4,
        "totalInputs": found.input_count,
        "totalOutputs": found.output_count,
        "totalInputAmt": found.output_value + found.total_fees,
        "totalOutputAmt": found.output_value,
        "medianFeeAmt": found.median_fee,
        "feePercentiles": list(found.fees),
        "segwitTotalTxs": found.segwit_count,
        "segwitTotalSize": found.segwit_size,
        "segwitTotalWeight": found.segwit_weight,
        "header": head.header.serialize80().hex(),
        "utxoSetChange": found.output_count - found.input_count,
        "utxoSetSize": None,
    }
