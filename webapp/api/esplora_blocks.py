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
from webapp.api.json_shapes import block_json, transaction_json
from webapp.api.responses import (
    bytes_answer,
    is_settled,
    json_answer,
    not_found,
    parse_hash,
    parse_number,
    text_answer,
)
from webapp.context import connection, network, raw, required_pulse
from webapp.limits import costly

BLOCKS_PER_PAGE = 10
TRANSACTIONS_PER_PAGE = 25

blueprint = Blueprint("esplora_blocks", __name__, url_prefix="/api")


@blueprint.get("/block/<block_hash>")
def show(block_hash: str) -> Response:
    head = block_head(connection(), parse_hash(block_hash))
    if head is None:
        not_found("Block")
    return json_answer(block_json(head), settled=True)


@blueprint.get("/block/<block_hash>/header")
def show_header(block_hash: str) -> Response:
    """The 80 bytes that the proof of work covers."""
    head = block_head(connection(), parse_hash(block_hash))
    if head is None:
        not_found("Block")
    return text_answer(head.header.serialize80().hex(), settled=True)


@blueprint.get("/block/<block_hash>/status")
def show_status(block_hash: str) -> Response:
    """Of any hash: what nobody knows is not in the best chain."""
    found = find_block(connection(), parse_hash(block_hash))
    if found is None or found.summary.stale:
        return json_answer({"in_best_chain": False, "height": None, "next_best": None})
    following = None if found.next_hash is None else hash_hex(found.next_hash)
    status = {"in_best_chain": True, "height": found.summary.height, "next_best": following}
    return json_answer(status, settled=is_settled(found.summary.height))


@blueprint.get("/block/<block_hash>/txs")
@blueprint.get("/block/<block_hash>/txs/<start>")
@costly
def show_transactions(block_hash: str, start: str = "0") -> Response:
    found = _find(block_hash)
    first = parse_number(start)
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
def show_txids(block_hash: str) -> Response:
    return json_answer([hash_hex(txid) for txid in _txids(_find(block_hash))], settled=True)


@blueprint.get("/block/<block_hash>/txid/<index>")
def show_txid(block_hash: str, index: str) -> Response:
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
def show_raw(block_hash: str) -> Response:
    found = _find(block_hash)
    return bytes_answer(raw().block(connection(), found.summary.hash), settled=True)


@blueprint.get("/block-height/<height>")
def show_hash(height: str) -> Response:
    wanted = parse_number(height)
    found = hash_at(connection(), wanted) if wanted < 2**31 else None
    if found is None:
        not_found("Block")
    return text_answer(hash_hex(found), settled=is_settled(wanted))


@blueprint.get("/blocks")
@blueprint.get("/blocks/<start>")
def show_list(start: str | None = None) -> Response:
    wanted = None if start is None else parse_number(start)
    if wanted is not None and wanted > required_pulse().tip_height:
        not_found("Block")
    heads = block_heads(connection(), wanted, BLOCKS_PER_PAGE)
    return json_answer([block_json(each) for each in heads], settled=is_settled(wanted))


@blueprint.get("/blocks/tip/height")
def show_tip_height() -> ResponseReturnValue:
    return text_answer(str(_tip_height()))


@blueprint.get("/blocks/tip/hash")
def show_tip_hash() -> Response:
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
