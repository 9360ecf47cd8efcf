"""mempool.space's transactions: relatives, replacements, times of arrival, a trial broadcast."""

from typing import Any, Final, NotRequired

from flask import Blueprint, Response, abort, request
from typing_extensions import TypedDict

from indexer.chain.encoding import hash_hex
from indexer.node.base import NodeError, TransactionRejectedError, Verdict
from indexer.queries.arrivals import first_seen
from indexer.queries.packages import Member, package
from indexer.queries.replacement_trees import (
    ReplacementTree,
    newest_trees,
    replaced_directly,
    replacement_tree,
)
from indexer.queries.transactions import find_confirmed
from webapp.api.describe import Body, Hash, Hex, WholeNumber, describe
from webapp.api.esplora_broadcast import coins_parameter, parse_transactions, rpc_error
from webapp.api.responses import json_answer, parse_hash
from webapp.api.shapes import Amount, FeeRate, PackageFeesShape, Time
from webapp.broadcast import broadcaster
from webapp.context import connection, network
from webapp.limits import costly
from webapp.package_words import fees_words

TREES: Final = 25
MOST_TIMES: Final = 250

blueprint = Blueprint("v1_transactions", __name__, url_prefix="/api/v1")


class RelativeShape(TypedDict):
    txid: Hash
    fee: Amount
    weight: WholeNumber


class CpfpShape(TypedDict):
    """`effectiveFeePerVsize` is what a miner gets who takes the best paying package with it."""

    ancestors: list[RelativeShape]
    bestDescendant: NotRequired[RelativeShape | None]
    descendants: NotRequired[list[RelativeShape]]
    effectiveFeePerVsize: NotRequired[FeeRate]
    fee: NotRequired[Amount]
    adjustedVsize: NotRequired[float]


class VersionShape(TypedDict):
    """A version of a payment; `rbf` says whether it announced that it may be replaced."""

    txid: Hash
    fee: Amount
    vsize: float
    value: Amount
    rate: FeeRate
    time: Time
    rbf: bool
    mined: NotRequired[bool]


class TreeShape(TypedDict):
    """A version with those it replaced; `interval` are the seconds until it was replaced."""

    tx: VersionShape
    time: Time
    fullRbf: bool
    interval: NotRequired[WholeNumber]
    mined: NotRequired[bool]
    replaces: list["TreeShape"]


class ReplacementsShape(TypedDict):
    replacements: TreeShape | None
    replaces: list[Hash] | None


VerdictShape = TypedDict(
    "VerdictShape",
    {
        "txid": Hash,
        "wtxid": Hash,
        "allowed": NotRequired[bool],
        "vsize": NotRequired[WholeNumber],
        "fees": NotRequired[PackageFeesShape],
        "reject-reason": NotRequired[str],
    },
)


@blueprint.get("/cpfp/<txid>")
@describe(CpfpShape, errors=(400,))
def show_cpfp(txid: str) -> Response:
    """The unconfirmed relatives of a transaction, and the fee rate they give it.

    Of a confirmed or unknown transaction there are none."""
    return json_answer(cpfp_shape(parse_hash(txid)))


@blueprint.get("/tx/<txid>/rbf")
@describe(ReplacementsShape, errors=(400,))
def show_replacements(txid: str) -> Response:
    """The tree of versions that a transaction is in, and those that it replaced itself."""
    wanted = parse_hash(txid)
    tree = replacement_tree(connection(), wanted, network())
    replaced = replaced_directly(connection(), wanted)
    return json_answer(
        {
            "replacements": None if tree is None else tree_shape(tree),
            "replaces": [hash_hex(each) for each in replaced] or None,
        }
    )


@blueprint.get("/replacements")
@costly
@describe(list[TreeShape], errors=())
def show_newest_replacements() -> Response:
    """The latest replacements, up to 25 trees."""
    return _trees(only_full=False)


@blueprint.get("/fullrbf/replacements")
@costly
@describe(list[TreeShape], errors=())
def show_newest_full_replacements() -> Response:
    """Those where something was replaced that had not announced it."""
    return _trees(only_full=True)


@blueprint.get("/transaction-times")
@describe(list[Time], query={"txId[]": list[Hash]}, required=("txId[]",), errors=(400,))
def show_times() -> Response:
    """When each of these unconfirmed transactions was seen first; 0 where that is not known."""
    listed = request.args.getlist("txId[]") or request.args.getlist("txId")
    if not 1 <= len(listed) <= MOST_TIMES:
        abort(400, f"1 to {MOST_TIMES} parameters txId[] are expected")
    txids = [parse_hash(each) for each in listed]
    seen = first_seen(connection(), txids)
    return json_answer([seen.get(txid, 0) for txid in txids])


@blueprint.post("/txs/test")
@costly
@describe(list[VerdictShape], query={"maxfeerate": float}, body=Body(list[Hex]), errors=(400, 503))
def test() -> Response:
    """What the node would say of these transactions, were they sent: its testmempoolaccept.

    `maxfeerate` is in coins per 1000 virtual bytes."""
    raws = parse_transactions()
    try:
        verdicts = broadcaster().test_accept(raws, max_fee_rate=coins_parameter("maxfeerate"))
    except TransactionRejectedError as error:
        abort(400, rpc_error("testmempoolaccept", error))
    except NodeError as error:
        abort(503, str(error))
    return json_answer([_verdict_shape(each) for each in verdicts])


def cpfp_shape(txid: bytes) -> CpfpShape:
    found = package(connection(), txid)
    if found is None:
        summary = find_confirmed(connection(), txid)
        if summary is None or summary.fee is None or summary.fee_rate is None:
            return {"ancestors": []}
        return {
            "ancestors": [],
            "effectiveFeePerVsize": summary.fee_rate,
            "fee": summary.fee,
            "adjustedVsize": summary.weight / 4,
        }
    best = max(found.descendants, key=lambda each: each.fee_rate, default=None)
    return {
        "ancestors": [_relative_shape(each) for each in found.ancestors],
        "bestDescendant": None if best is None else _relative_shape(best),
        "descendants": [_relative_shape(each) for each in found.descendants],
        "effectiveFeePerVsize": found.effective_rate,
        "fee": found.transaction.fee,
        "adjustedVsize": found.transaction.weight / 4,
    }


def tree_shape(tree: ReplacementTree) -> TreeShape:
    transaction = tree.transaction
    version: VersionShape = {
        "txid": hash_hex(transaction.txid),
        "fee": transaction.fee,
        "vsize": transaction.weight / 4,
        "value": transaction.output_value,
        "rate": 4 * transaction.fee / transaction.weight,
        "time": tree.time,
        "rbf": transaction.signals,
    }
    if transaction.confirmed:
        version["mined"] = True
    shape: TreeShape = {
        "tx": version,
        "time": tree.time,
        "fullRbf": tree.full,
        "replaces": [tree_shape(each) for each in tree.replaces],
    }
    if tree.interval is not None:
        shape["interval"] = tree.interval
    if tree.confirmed:
        shape["mined"] = True
    return shape


def _trees(*, only_full: bool) -> Response:
    trees = newest_trees(connection(), network(), TREES, only_full=only_full)
    return json_answer([tree_shape(each) for each in trees])


def _relative_shape(member: Member) -> RelativeShape:
    return {"txid": hash_hex(member.txid), "fee": member.fee, "weight": member.weight}


def _verdict_shape(verdict: Verdict) -> dict[str, Any]:
    shape: dict[str, Any] = {"txid": hash_hex(verdict.txid), "wtxid": hash_hex(verdict.wtxid)}
    if verdict.allowed is not None:
        shape["allowed"] = verdict.allowed
    if verdict.allowed:
        shape["vsize"] = verdict.vsize
        shape["fees"] = fees_words(verdict, network())
    elif verdict.reason is not None:
        shape["reject-reason"] = verdict.reason
    return shape
