"""Esplora's transactions: what they are, where they are, who spends them, their proofs."""

from flask import Blueprint, Response, abort
from sqlalchemy import Connection

from indexer.chain.encoding import hash_hex
from indexer.chain.merkle import merkle_block, merkle_branch
from indexer.queries.blocks import BlockHead, block_head, txids_of_block
from indexer.queries.full_transactions import full_transaction, place_of
from indexer.queries.spends import Spender, confirmed_outputs, unconfirmed_outputs
from indexer.queries.transactions import find_all_confirmed, find_confirmed, find_pending
from webapp.api.describe import BINARY, TEXT, Hex, describe
from webapp.api.json_shapes import Json, spend_json, status_json, transaction_json
from webapp.api.responses import (
    bytes_answer,
    indexed_pulse,
    is_settled,
    json_answer,
    not_found,
    parse_hash,
    parse_number,
    text_answer,
)
from webapp.api.shapes import MerkleProofShape, SpendShape, StatusShape, TransactionShape
from webapp.context import connection, network, raw

blueprint = Blueprint("esplora_transactions", __name__, url_prefix="/api/tx")


@blueprint.get("/<txid>")
@describe(TransactionShape, errors=(400, 404))
def show(txid: str) -> Response:
    """A transaction of the chain or of the mempool."""
    full = full_transaction(connection(), raw(), parse_hash(txid))
    if full is None:
        not_found("Transaction")
    settled = full.place is not None and is_settled(full.place.height)
    return json_answer(transaction_json(full, network()), settled=settled)


@blueprint.get("/<txid>/status")
@describe(StatusShape, errors=(400,))
def show_status(txid: str) -> Response:
    """Whether a transaction is confirmed, and where.

    Of any txid: what nobody knows is not confirmed.
    """
    summary = find_confirmed(connection(), parse_hash(txid))
    if summary is None:
        return json_answer(status_json(None))
    return json_answer(status_json(place_of(summary)), settled=is_settled(summary.height))


@blueprint.get("/<txid>/hex")
@describe(Hex, media=TEXT, errors=(400, 404))
def show_hex(txid: str) -> Response:
    """The transaction in hexadecimal."""
    data, settled = _bytes(parse_hash(txid))
    return text_answer(data.hex(), settled=settled)


@blueprint.get("/<txid>/raw")
@describe(bytes, media=BINARY, errors=(400, 404))
def show_raw(txid: str) -> Response:
    """The transaction as on the wire."""
    data, settled = _bytes(parse_hash(txid))
    return bytes_answer(data, settled=settled)


@blueprint.get("/<txid>/merkle-proof")
@describe(MerkleProofShape, errors=(400, 404))
def show_merkle_proof(txid: str) -> Response:
    """The proof that a block holds a transaction, as the Electrum protocol's get_merkle."""
    head, txids, position = _proven(parse_hash(txid))
    branch = [hash_hex(each) for each in merkle_branch(txids, position)]
    proof = {"block_height": head.height, "merkle": branch, "pos": position}
    return json_answer(proof, settled=is_settled(head.height))


@blueprint.get("/<txid>/merkleblock-proof")
@describe(Hex, media=TEXT, errors=(400, 404))
def show_merkleblock_proof(txid: str) -> Response:
    """The same proof as Core's gettxoutproof."""
    head, txids, position = _proven(parse_hash(txid))
    proof = merkle_block(head.header.serialize80(), txids, position)
    return text_answer(proof.hex(), settled=is_settled(head.height))


@blueprint.get("/<txid>/outspend/<vout>")
@describe(SpendShape, errors=(400, 404))
def show_outspend(txid: str, vout: str) -> Response:
    """Whether an output is spent, and by whom.

    Of any outpoint: what nobody knows is not spent.
    """
    wanted, number = parse_hash(txid), parse_number(vout)
    indexed_pulse()
    spenders = _spenders(connection(), wanted, number, 1) or [None]
    return json_answer(_spends(connection(), spenders)[0])


@blueprint.get("/<txid>/outspends")
@describe(list[SpendShape], errors=(400, 404))
def show_outspends(txid: str) -> Response:
    """Who spends the outputs of a transaction."""
    wanted = parse_hash(txid)
    indexed_pulse()
    spenders = _spenders(connection(), wanted, 0, None)
    if spenders is None:
        not_found("Transaction")
    return json_answer(_spends(connection(), spenders))


def _bytes(txid: bytes) -> tuple[bytes, bool]:
    """A transaction of the best chain or the mempool, and whether it stays where it is."""
    summary = find_confirmed(connection(), txid)
    if summary is not None and summary.block_hash is not None:
        data = raw().transaction(connection(), txid, summary.block_hash)
        return data, is_settled(summary.height)
    pending = find_pending(connection(), txid, network())
    if pending is None:
        not_found("Transaction")
    return pending.transaction.serialize(), False


def _proven(txid: bytes) -> tuple[BlockHead, list[bytes], int]:
    """The block of a confirmed transaction, all its txids, and the position among them."""
    summary = find_confirmed(connection(), txid)
    head = None
    if summary is not None and summary.block_hash is not None:
        head = block_head(connection(), summary.block_hash)
    if summary is None or summary.position is None or head is None:
        abort(404, "Transaction not found or is unconfirmed")
    return head, txids_of_block(connection(), head.height), summary.position


def _spenders(
    database: Connection, txid: bytes, first: int, count: int | None
) -> list[Spender | None] | None:
    """Who spends `count` outputs (None: all) from `first` on; None if there is no such
    transaction."""
    summary = find_confirmed(database, txid)
    if summary is not None:
        wanted = summary.output_count if count is None else count
        outputs = confirmed_outputs(database, summary, first, wanted, spends_indexed=True)
        return [each.spender for each in outputs]
    pending = find_pending(database, txid, network())
    if pending is None:
        return None
    wanted = pending.summary.output_count if count is None else count
    return [
        each.spender for each in unconfirmed_outputs(database, pending.transaction, first, wanted)
    ]


def _spends(database: Connection, spenders: list[Spender | None]) -> list[Json]:
    confirmed = {each.txid for each in spenders if each is not None and each.height is not None}
    places = {
        txid: place_of(summary)
        for txid, summary in find_all_confirmed(database, list(confirmed)).items()
    }
    return [
        spend_json(spender, None if spender is None else places.get(spender.txid))
        for spender in spenders
    ]
