"""What became of several transactions, in the shape of Core's submitpackage."""

from decimal import Decimal
from typing import Any

from indexer.chain.network import Network
from indexer.chain.wire import hash_hex
from indexer.node.base import PackageResult, Verdict


def package_words(result: PackageResult, network: Network) -> dict[str, Any]:
    """Amounts in coins, as Core writes them."""
    return {
        "package_msg": result.message,
        "tx-results": {hash_hex(each.wtxid): _member(each, network) for each in result.verdicts},
        "replaced-transactions": [hash_hex(txid) for txid in result.replaced],
    }


def fees_words(verdict: Verdict, network: Network) -> dict[str, Any]:
    """What a transaction pays, and the rate that it was judged by."""
    fees: dict[str, Any] = {"base": _in_coins(verdict.fee or 0, network)}
    if verdict.effective_rate is not None:
        fees["effective-feerate"] = _in_coins(verdict.effective_rate, network)
        fees["effective-includes"] = [hash_hex(each) for each in verdict.effective_includes]
    return fees


def _member(verdict: Verdict, network: Network) -> dict[str, Any]:
    words: dict[str, Any] = {"txid": hash_hex(verdict.txid)}
    if verdict.other_wtxid is not None:
        words["other-wtxid"] = hash_hex(verdict.other_wtxid)
    if verdict.vsize is not None:
        words["vsize"] = verdict.vsize
        words["fees"] = fees_words(verdict, network)
    if verdict.reason is not None:
        words["error"] = verdict.reason
    return words


def _in_coins(amount: int, network: Network) -> float:
    return float(Decimal(amount).scaleb(-network.decimals))
