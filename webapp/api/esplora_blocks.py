"""Esplora's blocks: heads, status, transactions, bytes; stale ones as long as they are kept."""

from flask import Blueprint, Response, abort
from flask.typing import ResponseReturnValue

from indexer.chain.encoding import hash_hex
from indexer.queries.blocks import (
    BlockDetail,
    block_head,
    block_heads,
    find_block,
    hash_at,
    txids_of_block,
)
from indexer.queries.full_transactions import transactions_of_block
from indexer.queries.transactions import find_at
from webapp.api.describe import BINARY, TEXT, Hash, Hex, WholeNumber, describe
from webapp.api.json_shapes import block_json, transaction_json
from webapp.api.responses import (
    bytes_answer,
    is_settled,
    json_answer,
    lenient_number,
    not_found,
    parse_hash,
    parse_number,
    text_answer,
)
from webapp.api.shapes import BlockShape, BlockStatusShape, TransactionShape
from webapp.context import connection, network, raw, required_pulse
from webapp.limits import costly

BLOCKS_PER_PAGE = 10
TRANSACTIONS_PER_PAGE = 25

blueprint = Blueprint("esplora_blocks", __name__, url_prefix="/api")


@blueprint.get("/block/<block_hash>")
@describe(BlockShape, errors=(400, 404))
def show(block_hash: str) -> Response:
    """A block, also one that was reorganised out."""
    head = block_head(connection(), parse_hash(block_hash))
    if head is None:
        not_found("Block")
    return json_answer(block_json(head), settled=True)


@blueprint.get("/block/<block_hash>/header")
@describe(Hex, media=TEXT, errors=(400, 404))
def show_header(block_hash: str) -> Response:
    """A block's header in hexadecimal: the 80 bytes that the proof of work covers."""
    head = block_head(connection(), parse_hash(block_hash))
    if head is None:
        not_found("Block")
    return text_answer(head.header.serialize80().hex(), settled=True)


@blueprint.get("/block/<block_hash>/status")
@describe(BlockStatusShape, errors=(400,))
def show_status(block_hash: str) -> Response:
    """Whether a block is in the best chain.

    Of any hash: what nobody knows is not in it.
    """
    found = find_block(connection(), parse_hash(block_hash))
    if found is None or found.summary.stale:
        return json_answer({"in_best_chain": False, "height": None, "next_best": None})
    following = None if found.next_hash is None else hash_hex(found.next_hash)
    status = {"in_best_chain": True, "height": found.summary.height, "next_best": following}
    return json_answer(status, settled=is_settled(found.summary.height))


@blueprint.get("/block/<block_hash>/txs")
@blueprint.get("/block/<block_hash>/txs/<start>")
@costly
@describe(list[TransactionShape], errors=(400, 404))
def show_transactions(block_hash: str, start: str = "0") -> Response:
    """25 transactions of a block, from a position on that is a multiple of 25.

    A start that is no number counts as none: clients write "undefined".
    """
    found = _find(block_hash)
    first = lenient_number(start) or 0
    if first % TRANSACTIONS_PER_PAGE:
        abort(400, f"start index must be a multiple of {TRANSACTIONS_PER_PAGE}")
    if first >= found.summary.tx_count:
        abort(404, "start index out of range")
    page = transactions_of_block(connection(), raw(), found.summary, first, TRANSACTIONS_PER_PAGE)
    return json_answer(
        [transaction_json(each, network()) for each in page], settled=_settled(found)
    )


@blueprint.get("/block/<block_hash>/txids")
@costly
@describe(list[Hash], errors=(400, 404))
def show_txids(block_hash: str) -> Response:
    """All txids of a block, in its order."""
    return json_answer([hash_hex(txid) for txid in _txids(_find(block_hash))], settled=True)


@blueprint.get("/block/<block_hash>/txid/<index>")
@describe(Hash, media=TEXT, errors=(400, 404))
def show_txid(block_hash: str, index: str) -> Response:
    """The txid at a position of a block."""
    found = _find(block_hash)
    position = parse_number(index)
    if position >= found.summary.tx_count:
        abort(404, "tx index out of range")
    if found.summary.stale:
        return text_answer(hash_hex(_txids(found)[position]), settled=True)
    txid = find_at(connection(), found.summary.height, position)
    if txid is None:
        abort(404, "tx index out of range")
    return text_answer(hash_hex(txid), settled=True)


@blueprint.get("/block/<block_hash>/raw")
@costly
@describe(bytes, media=BINARY, errors=(400, 404))
def show_raw(block_hash: str) -> Response:
    """The block as on the wire."""
    found = _find(block_hash)
    return bytes_answer(raw().block(connection(), found.summary.hash), settled=True)


@blueprint.get("/block-height/<height>")
@describe(Hash, media=TEXT, errors=(400, 404))
def show_hash(height: str) -> Response:
    """The hash of the block at a height."""
    wanted = parse_number(height)
    found = hash_at(connection(), wanted) if wanted < 2**31 else None
    if found is None:
        not_found("Block")
    return text_answer(hash_hex(found), settled=is_settled(wanted))


@blueprint.get("/blocks")
@blueprint.get("/blocks/<start>")
@describe(list[BlockShape], errors=(400, 404))
def show_list(start: str | None = None) -> Response:
    """10 blocks from a height downwards, or from the tip.

    A start that is no number counts as none: clients write "undefined".
    """
    wanted = None if start is None else lenient_number(start)
    if wanted is not None and wanted > required_pulse().tip_height:
        not_found("Block")
    heads = block_heads(connection(), wanted, BLOCKS_PER_PAGE)
    return json_answer([block_json(each) for each in heads], settled=is_settled(wanted))


@blueprint.get("/blocks/tip/height")
@describe(WholeNumber, media=TEXT, errors=(404,))
def show_tip_height() -> ResponseReturnValue:
    """The height of the latest block."""
    return text_answer(str(_tip_height()))


@blueprint.get("/blocks/tip/hash")
@describe(Hash, media=TEXT, errors=(404,))
def show_tip_hash() -> Response:
    """The hash of the latest block."""
    _tip_height()
    return text_answer(hash_hex(required_pulse().tip_hash))


def _tip_height() -> int:
    height = required_pulse().tip_height
    if height < 0:
        not_found("Block")
    return height


def _find(block_hash: str) -> BlockDetail:
    found = find_block(connection(), parse_hash(block_hash))
    if found is None:
        not_found("Block")
    return found


def _settled(found: BlockDetail) -> bool:
    return not found.summary.stale and is_settled(found.summary.height)


def _txids(found: BlockDetail) -> list[bytes]:
    if found.summary.stale:
        return list(raw().positions(connection(), found.summary.hash))
    return txids_of_block(connection(), found.summary.height)
