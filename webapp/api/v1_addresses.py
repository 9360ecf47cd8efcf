"""mempool.space's addresses, and beyond it what an address held at a moment of the past."""

from typing import Annotated, Final, NotRequired

from flask import Blueprint, Response, abort, request
from pydantic import Field
from typing_extensions import TypedDict

from indexer.chain.address import AddressError, script_of
from indexer.chain.encoding import hash_hex
from indexer.chain.network import Network
from indexer.chain.script import ScriptType, classify, witness_program
from indexer.queries.balances import balance_at
from indexer.queries.blocks import height_at
from indexer.queries.scripts import history
from indexer.queries.transactions import find_confirmed
from webapp.api.describe import Day, Hash, Hex, WholeNumber, describe
from webapp.api.responses import indexed_pulse, is_settled, json_answer, parse_hash, parse_number
from webapp.api.shapes import Amount, Time
from webapp.context import connection, network
from webapp.limits import costly
from webapp.parameters import day_end

SUMMARY_LINES: Final = 5000

blueprint = Blueprint("v1_addresses", __name__, url_prefix="/api/v1")


class SummaryShape(TypedDict):
    """What a confirmed transaction changed of an address's balance."""

    txid: Hash
    value: Annotated[int, Field(description="in the smallest unit; negative when spent")]
    height: WholeNumber
    time: Time
    tx_position: WholeNumber


class ValidityShape(TypedDict):
    """As Core's validateaddress tells it."""

    isvalid: bool
    address: NotRequired[str]
    scriptPubKey: NotRequired[Hex]
    isscript: NotRequired[bool]
    iswitness: NotRequired[bool]
    witness_version: NotRequired[WholeNumber]
    witness_program: NotRequired[Hex]
    error: NotRequired[str]
    error_locations: NotRequired[list[WholeNumber]]


class PastBalanceShape(TypedDict):
    """Confirmed sums after a block, in the smallest unit."""

    address: str
    height: WholeNumber
    block_hash: Hash
    block_time: Time
    balance: Amount
    received: Amount
    sent: Amount


@blueprint.get("/address/<address>/txs/summary")
@blueprint.get("/address/<address>/txs/summary/<last_seen>")
@costly
@describe(list[SummaryShape], errors=(400,))
def show_summary(address: str, last_seen: str | None = None) -> Response:
    """What each confirmed transaction changed of the balance, newest first, 5000 at a time.

    The next ones follow after the txid of the last one seen."""
    script = _script(address)
    indexed_pulse()
    before = None
    if last_seen is not None:
        seen = find_confirmed(connection(), parse_hash(last_seen))
        if seen is None:
            return json_answer([])
        before = seen.tx_id
    lines = history(connection(), script, limit=SUMMARY_LINES, before=before)
    summary: list[SummaryShape] = [
        {
            "txid": hash_hex(line.txid),
            "value": line.delta,
            "height": line.height,
            "time": line.time,
            "tx_position": line.position,
        }
        for line in lines
    ]
    return json_answer(summary)


@blueprint.get("/validate-address/<address>")
@describe(ValidityShape, errors=())
def show_validity(address: str) -> Response:
    """Whether this is an address of this network, and what it pays to."""
    return json_answer(validity_shape(address, network()))


@blueprint.get("/address/<address>/balance")
@costly
@describe(PastBalanceShape, query={"height": WholeNumber, "date": Day}, errors=(400, 404))
def show_balance(address: str) -> Response:
    """What an address held after the block at a height, or at the end of a day (UTC).

    Without either: after the latest block. A block belongs to the day that it names itself."""
    script = _script(address)
    height = _height(indexed_pulse().tip_height)
    found = None if height is None else balance_at(connection(), script, height)
    if found is None:
        abort(404, "The chain has no block there")
    shape: PastBalanceShape = {
        "address": address,
        "height": found.height,
        "block_hash": hash_hex(found.hash),
        "block_time": found.time,
        "balance": found.balance,
        "received": found.received,
        "sent": found.sent,
    }
    return json_answer(shape, settled=request.args.get("date") is None and is_settled(height))


def validity_shape(address: str, chain: Network) -> ValidityShape:
    try:
        script = script_of(address, chain)
    except AddressError as error:
        return {"isvalid": False, "error_locations": [], "error": str(error)}
    program = witness_program(script)
    kind = classify(script)
    shape: ValidityShape = {
        "isvalid": True,
        "address": address,
        "scriptPubKey": script.hex(),
        "isscript": kind in {ScriptType.P2SH, ScriptType.P2WSH, ScriptType.P2TR, ScriptType.P2A},
        "iswitness": program is not None,
    }
    if program is not None:
        shape["witness_version"] = program[0]
        shape["witness_program"] = program[1].hex()
    return shape


def _script(address: str) -> bytes:
    try:
        return script_of(address, network())
    except AddressError as error:
        abort(400, f"Invalid address: {error}")


def _height(tip: int) -> int | None:
    """The height that the request asks for; None if no block is that old."""
    text, day = request.args.get("height"), day_end("date")
    if text is not None and day is not None:
        abort(400, "Either height or date is expected, not both")
    if text is not None:
        height = parse_number(text)
        return height if height <= tip else None
    return tip if day is None else height_at(connection(), day)
