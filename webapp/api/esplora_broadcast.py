"""Esplora's way in: a transaction, or a child behind its parents."""

import json
from decimal import Decimal, InvalidOperation
from typing import Final

from flask import Blueprint, Response, abort, request

from indexer.chain.encoding import hash_hex
from indexer.node.base import NodeError, TransactionRejectedError
from webapp.api.describe import TEXT, Body, Hash, Hex, describe
from webapp.api.responses import json_answer, text_answer
from webapp.api.shapes import PackageShape
from webapp.broadcast import broadcast, broadcast_package
from webapp.context import network
from webapp.limits import costly
from webapp.package_words import package_words

MOST_IN_PACKAGE: Final = 25
MOST_COINS: Final = 21_000_000_000  # of a limit: more than any chain has

blueprint = Blueprint("esplora_broadcast", __name__, url_prefix="/api")


@blueprint.post("/tx")
@costly
@describe(Hash, media=TEXT, body=Body(Hex, TEXT), errors=(400, 503))
def send() -> Response:
    """Send a transaction.

    The body is the transaction in hexadecimal; the answer is its txid.
    """
    raw = _parse_hex(request.get_data(as_text=True).strip())
    try:
        return text_answer(hash_hex(broadcast(raw)))
    except TransactionRejectedError as error:
        abort(400, rpc_error("sendrawtransaction", error))
    except NodeError as error:
        abort(503, str(error))


@blueprint.post("/txs/package")
@costly
@describe(
    PackageShape,
    query={"maxfeerate": float, "maxburnamount": float},
    body=Body(list[Hex]),
    errors=(400, 503),
)
def send_package() -> Response:
    """Send a child behind its parents.

    The body is a JSON array of transactions in hexadecimal; the answer is submitpackage's.
    """
    raws = parse_transactions()
    try:
        result = broadcast_package(
            raws,
            max_fee_rate=coins_parameter("maxfeerate"),
            max_burn=coins_parameter("maxburnamount"),
        )
    except TransactionRejectedError as error:
        abort(400, rpc_error("submitpackage", error))
    except NodeError as error:
        abort(503, str(error))
    return json_answer(package_words(result, network()))


def parse_transactions() -> list[bytes]:
    """The body as a JSON array of transactions; 400 where it is none."""
    listed = request.get_json(force=True, silent=True)
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        abort(400, "A JSON array of transactions in hexadecimal is expected")
    if not 1 <= len(listed) <= MOST_IN_PACKAGE:
        abort(400, f"1 to {MOST_IN_PACKAGE} transactions are expected, not {len(listed)}")
    return [_parse_hex(each) for each in listed]


def rpc_error(method: str, error: TransactionRejectedError) -> str:
    """A refusal in the form that wallets take apart."""
    said = json.dumps({"code": error.code, "message": error.reason}, separators=(",", ":"))
    return f"{method} RPC error: {said}"


def _parse_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        abort(400, "Invalid hex string")


def coins_parameter(name: str) -> int | None:
    """A limit given in coins (per 1000 vbytes, of a rate), in the smallest unit."""
    text = request.args.get(name)
    if text is None:
        return None
    try:
        coins = Decimal(text)
    except InvalidOperation:
        abort(400, f"{name}: a number of coins is expected")
    if not coins.is_finite() or not 0 <= coins <= MOST_COINS:
        abort(400, f"{name}: a number of coins is expected")
    return int(coins.scaleb(network().decimals))
