"""Esplora's addresses and scripthashes: sums, history, coins."""

from typing import Final

from flask import Blueprint, Response, abort, request

from indexer.chain.address import AddressError, script_of
from indexer.queries.coins import coins, pending_coins
from indexer.queries.full_transactions import confirmed_transactions, pending_transactions
from indexer.queries.script_prefix import addresses_with_prefix
from indexer.queries.scripts import (
    PendingTotals,
    ScriptTotals,
    history,
    pending_history,
    pending_totals,
    script_with_hash,
    totals,
)
from indexer.queries.transactions import find_confirmed
from webapp.api.describe import Hash, WholeNumber, describe
from webapp.api.json_shapes import Json, coin_json, totals_json, transaction_json
from webapp.api.responses import indexed_pulse, json_answer, parse_hash, parse_number
from webapp.api.shapes import AddressShape, CoinShape, ScriptHashShape, TransactionShape
from webapp.context import connection, network, raw
from webapp.limits import costly

CHAIN_PAGE: Final = 25
MEMPOOL_PAGE: Final = 50
MOST_COINS: Final = 10_000  # of one answer
PREFIX_RESULTS: Final = 10
SCRIPT_HASH_SIZE: Final = 32

blueprint = Blueprint("esplora_scripts", __name__, url_prefix="/api")


@blueprint.get("/address/<name>", defaults={"kind": "address"})
@blueprint.get("/scripthash/<name>", defaults={"kind": "scripthash"})
@describe(AddressShape | ScriptHashShape, errors=(400,))
def show(kind: str, name: str) -> Response:
    """Sums of an address or script, of the chain and of the mempool."""
    script = _script(kind, name)
    indexed_pulse()
    confirmed = ScriptTotals() if script is None else totals(connection(), script)
    pending = PendingTotals() if script is None else pending_totals(connection(), script)
    return json_answer(
        {
            kind: name,
            "chain_stats": totals_json(confirmed),
            "mempool_stats": totals_json(pending),
        }
    )


@blueprint.get("/address/<name>/txs", defaults={"kind": "address"})
@blueprint.get("/scripthash/<name>/txs", defaults={"kind": "scripthash"})
@describe(list[TransactionShape], query={"after_txid": Hash}, errors=(400,))
def show_transactions(kind: str, name: str) -> Response:
    """The newest unconfirmed transactions, then the newest of the chain.

    `after_txid`, which mempool.space knows: those behind that one.
    """
    script = _script(kind, name)
    indexed_pulse()
    after = request.args.get("after_txid")
    if after is None:
        return json_answer(_pending(script) + _confirmed(script, None))
    seen = find_confirmed(connection(), parse_hash(after))
    if seen is not None:
        return json_answer(_confirmed(script, seen.tx_id))
    waiting = _pending(script)
    names = [each["txid"] for each in waiting]
    if after not in names:
        return json_answer([])
    return json_answer(waiting[names.index(after) + 1 :] + _confirmed(script, None))


@blueprint.get("/address/<name>/txs/mempool", defaults={"kind": "address"})
@blueprint.get("/scripthash/<name>/txs/mempool", defaults={"kind": "scripthash"})
@describe(list[TransactionShape], errors=(400,))
def show_pending(kind: str, name: str) -> Response:
    """The newest unconfirmed transactions, up to 50."""
    return json_answer(_pending(_script(kind, name)))


@blueprint.get("/address/<name>/txs/chain", defaults={"kind": "address"})
@blueprint.get("/scripthash/<name>/txs/chain", defaults={"kind": "scripthash"})
@blueprint.get("/address/<name>/txs/chain/<last_seen>", defaults={"kind": "address"})
@blueprint.get("/scripthash/<name>/txs/chain/<last_seen>", defaults={"kind": "scripthash"})
@describe(list[TransactionShape], errors=(400,))
def show_confirmed(kind: str, name: str, last_seen: str | None = None) -> Response:
    """Confirmed transactions, newest first, 25 at a time.

    Nothing follows a transaction that the chain does not have, or does not have any more."""
    script = _script(kind, name)
    indexed_pulse()
    before = None
    if last_seen is not None:
        seen = find_confirmed(connection(), parse_hash(last_seen))
        if seen is None:
            return json_answer([])
        before = seen.tx_id
    return json_answer(_confirmed(script, before))


@blueprint.get("/address/<name>/utxo", defaults={"kind": "address"})
@blueprint.get("/scripthash/<name>/utxo", defaults={"kind": "scripthash"})
@costly
@describe(list[CoinShape], query={"limit": WholeNumber, "after": str}, errors=(400, 404))
def show_coins(kind: str, name: str) -> Response:
    """Outputs that no transaction spends, unconfirmed ones first, then the newest.

    Beyond Esplora: `limit` and `after` (txid:vout of the last one seen) page through coins of any
    number.
    """
    script = _script(kind, name)
    indexed_pulse()
    if script is None:
        return json_answer([])
    limit, before = request.args.get("limit"), _coins_before(request.args.get("after"))
    if limit is None and before is None:
        _refuse_too_many(script)
    most = min(MOST_COINS, MOST_COINS if limit is None else parse_number(limit))
    pending = [] if before is not None else _unspent_pending(script, most)
    return json_answer(pending + _unspent_confirmed(script, most - len(pending), before))


@blueprint.get("/address-prefix/<prefix>")
@costly
@describe(list[str], errors=())
def show_addresses(prefix: str) -> Response:
    """Addresses that begin so and that the latest outputs pay."""
    return json_answer(addresses_with_prefix(connection(), network(), prefix, PREFIX_RESULTS))


def _script(kind: str, name: str) -> bytes | None:
    """The scriptPubKey; None for a scripthash that no output has."""
    if kind == "address":
        try:
            return script_of(name, network())
        except AddressError as error:
            abort(400, f"Invalid address: {error}")
    try:
        wanted = bytes.fromhex(name)
    except ValueError:
        abort(400, "Invalid hex string")
    if len(wanted) != SCRIPT_HASH_SIZE:
        abort(400, "Invalid scripthash")
    return script_with_hash(connection(), wanted)


def _pending(script: bytes | None) -> list[Json]:
    if script is None:
        return []
    entries = pending_history(connection(), script, MEMPOOL_PAGE)
    found = pending_transactions(connection(), network(), [each.txid for each in entries])
    return [transaction_json(each, network()) for each in found]


def _confirmed(script: bytes | None, before: int | None) -> list[Json]:
    if script is None:
        return []
    entries = history(connection(), script, limit=CHAIN_PAGE, before=before)
    found = confirmed_transactions(connection(), raw(), [each.txid for each in entries])
    return [transaction_json(each, network()) for each in found]


def _refuse_too_many(script: bytes) -> None:
    confirmed, pending = totals(connection(), script), pending_totals(connection(), script)
    if confirmed.unspent_count + pending.output_count > MOST_COINS:
        abort(
            400,
            f"Too many unspent outputs (more than {MOST_COINS}): ask for ?limit=1000, and then for "
            "?limit=1000&after=txid:vout of the last one",
        )


def _unspent_pending(script: bytes, most: int) -> list[Json]:
    found = pending_coins(connection(), script, MOST_COINS)
    return [coin_json(each) for each in found if each.spent_by is None][:most]


def _unspent_confirmed(script: bytes, most: int, before: int | None) -> list[Json]:
    """Page after page, since coins that the mempool spends do not count."""
    unspent: list[Json] = []
    while (wanted := most - len(unspent)) > 0:
        page = coins(connection(), script, limit=wanted, before=before)
        unspent += [coin_json(each) for each in page if each.spent_by is None]
        if len(page) < wanted:
            break
        before = page[-1].output_id
    return unspent


def _coins_before(text: str | None) -> int | None:
    """The output_id of an outpoint; 404 for one that the chain does not have."""
    if text is None:
        return None
    txid, _, vout = text.partition(":")
    summary, number = find_confirmed(connection(), parse_hash(txid)), parse_number(vout)
    if summary is None or number >= summary.output_count:
        abort(404, "Output not found")
    assert summary.tx_id is not None
    return summary.tx_id + number
