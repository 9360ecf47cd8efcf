"""Methods about transactions: their bytes, their place in a block, sending them."""

from typing import Any

from aiorpcx import RPCError

from indexer.chain.encoding import parse_transaction
from indexer.chain.merkle import merkle_branch
from indexer.chain.wire import hash_hex
from indexer.node.base import Broadcaster, TransactionRejectedError
from indexer.queries.blocks import txids_of_block
from indexer.queries.transactions import Summary, find_at, find_confirmed, find_pending
from webapp.broadcast import wait_until_seen
from webapp.electrum.call import Call
from webapp.electrum.parameters import (
    BAD_REQUEST,
    NODE_ERROR,
    flag,
    hash_bytes,
    raw_bytes,
    refuse,
    whole_number,
)
from webapp.electrum.verbose import verbose_transaction
from webapp.package_words import package_words

MAX_PACKAGE = 25  # transactions: what Core takes


def get(call: Call, tx_hash: Any, verbose: Any = False) -> Any:
    """A transaction of the best chain or the mempool: its bytes, or what they say."""
    txid = hash_bytes(tx_hash, "tx_hash")
    in_words = flag(verbose, "verbose")
    summary, raw = _find(call, txid)
    if not in_words:
        return raw.hex()
    tip_height = call.pulse().tip_height
    transaction = parse_transaction(raw, call.sources.network)
    return verbose_transaction(transaction, raw, summary, call.sources.network, tip_height)


def get_merkle(call: Call, tx_hash: Any, height: Any = None) -> Any:
    """The proof that a block holds a transaction."""
    txid = hash_bytes(tx_hash, "tx_hash")
    wanted = None if height is None else whole_number(height, "height")
    summary = find_confirmed(call.connection, txid)
    if summary is None or summary.height is None or summary.position is None:
        refuse(f"tx_hash: {tx_hash} is not in the chain")
    if wanted is not None and wanted != summary.height:
        refuse(f"height: {tx_hash} is not in block {wanted}, but in block {summary.height}")
    return {
        "block_height": summary.height,
        "merkle": _branch(call, summary.height, summary.position),
        "pos": summary.position,
    }


def id_from_pos(call: Call, height: Any, tx_pos: Any, merkle: Any = False) -> Any:
    """The txid at a position of a block, with a proof if asked for."""
    block_height = whole_number(height, "height")
    position = whole_number(tx_pos, "tx_pos")
    proven = flag(merkle, "merkle")
    txid = find_at(call.connection, block_height, position)
    if txid is None:
        refuse(f"tx_pos: there is no transaction {position} in a block {block_height}")
    if not proven:
        return hash_hex(txid)
    return {"merkle": _branch(call, block_height, position), "tx_hash": hash_hex(txid)}


def broadcast(call: Call, raw_tx: Any) -> Any:
    """Hand a transaction to the node; its txid, once the index has it too."""
    raw = raw_bytes(raw_tx, "raw_tx")
    try:
        txid = _broadcaster(call).submit(raw)
    except TransactionRejectedError as error:
        raise RPCError(
            BAD_REQUEST, f"the transaction was rejected by network rules.\n\n{error.reason}"
        ) from error
    wait_until_seen(call.sources.database, txid)
    return hash_hex(txid)


def broadcast_package(call: Call, raw_txs: Any, verbose: Any = False) -> Any:
    """Hand a child and its parents to the node at once."""
    if not isinstance(raw_txs, list) or not 1 <= len(raw_txs) <= MAX_PACKAGE:
        refuse(f"raw_txs: expected a list of 1 to {MAX_PACKAGE} transactions")
    raws = [raw_bytes(each, "raw_txs") for each in raw_txs]
    in_words = flag(verbose, "verbose")
    try:
        result = _broadcaster(call).submit_package(raws)
    except TransactionRejectedError as error:
        raise RPCError(
            BAD_REQUEST, f"the package was rejected by network rules.\n\n{error.reason}"
        ) from error
    for verdict in result.verdicts:
        if verdict.allowed:
            wait_until_seen(call.sources.database, verdict.txid)
    errors = [
        {"txid": hash_hex(verdict.txid), "error": verdict.reason or result.message}
        for verdict in result.verdicts
        if not verdict.allowed
    ]
    if in_words:
        return package_words(result, call.sources.network)
    if result.message == "success":
        return {"success": True}
    return {"success": False, "errors": errors}


def _broadcaster(call: Call) -> Broadcaster:
    if call.sources.broadcaster is None:
        raise RPCError(NODE_ERROR, "no node is connected to send transactions through")
    return call.sources.broadcaster


def _find(call: Call, txid: bytes) -> tuple[Summary, bytes]:
    confirmed = find_confirmed(call.connection, txid)
    if confirmed is not None and confirmed.block_hash is not None:
        raw = call.sources.raw.transaction(call.connection, txid, confirmed.block_hash)
        return confirmed, raw
    pending = find_pending(call.connection, txid, call.sources.network)
    if pending is None:
        refuse(f"no such mempool or blockchain transaction: {hash_hex(txid)}")
    return pending.summary, pending.transaction.serialize()


def _branch(call: Call, height: int, position: int) -> list[str]:
    txids = txids_of_block(call.connection, height)
    return [hash_hex(each) for each in merkle_branch(txids, position)]
