"""Transactions handed to a Core node: sent, only judged, or sent as a package."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from indexer.chain.encoding import EncodingError, Transaction, hash_hex, parse_transaction
from indexer.chain.network import Network
from indexer.node.answers import Record, as_hash, as_list
from indexer.node.base import NodeError, PackageResult, TransactionRejectedError, Verdict
from indexer.node.rpc import JsonRpc, RpcError

METHOD_NOT_FOUND: Final = -32601
DEFAULT_MAX_FEE_RATE: Final = 10_000_000  # per 1000 vbytes: Core's own


def submit(rpc: JsonRpc, raw: bytes) -> bytes:
    try:
        answer = rpc.call("sendrawtransaction", raw.hex())
    except RpcError as error:
        raise _rejected(error) from None
    return as_hash("sendrawtransaction", answer)


def test_accept(
    rpc: JsonRpc, network: Network, raws: Sequence[bytes], max_fee_rate: int | None
) -> tuple[Verdict, ...]:
    transactions = _parse(raws, network)
    limits = [] if max_fee_rate is None else [_coins(max_fee_rate, network)]
    answer = _call(rpc, "testmempoolaccept", [raw.hex() for raw in raws], *limits)
    records = [Record("testmempoolaccept", each) for each in as_list("testmempoolaccept", answer)]
    if len(records) != len(transactions):
        raise NodeError(f"The node judged {len(records)} of {len(transactions)} transactions.")
    return tuple(
        _verdict(network, transaction, record, "reject-reason")
        for transaction, record in zip(transactions, records, strict=True)
    )


def submit_package(
    rpc: JsonRpc,
    network: Network,
    raws: Sequence[bytes],
    max_fee_rate: int | None,
    max_burn: int | None,
) -> PackageResult:
    transactions = _parse(raws, network)
    limits: list[str] = []
    if max_fee_rate is not None or max_burn is not None:
        limits.append(
            _coins(DEFAULT_MAX_FEE_RATE if max_fee_rate is None else max_fee_rate, network)
        )
    if max_burn is not None:
        limits.append(_coins(max_burn, network))
    answer = _call(rpc, "submitpackage", [raw.hex() for raw in raws], *limits)
    package = Record("submitpackage", answer)
    results = package.record("tx-results")
    return PackageResult(
        message=package.text("package_msg"),
        verdicts=tuple(
            _verdict(network, each, results.record(hash_hex(each.wtxid)), "error")
            for each in transactions
        ),
        replaced=tuple(
            as_hash("submitpackage", each) for each in package.texts("replaced-transactions")
        ),
    )


def _call(rpc: JsonRpc, method: str, *params: Any) -> Any:
    try:
        return rpc.call(method, *params)
    except RpcError as error:
        if error.code == METHOD_NOT_FOUND:
            raise NodeError(f"This node is too old for this: it knows no {method}.") from None
        raise _rejected(error) from None


def _rejected(error: RpcError) -> TransactionRejectedError:
    return TransactionRejectedError(
        f"The node refused the transaction: {error.reason}", code=error.code, reason=error.reason
    )


def _parse(raws: Sequence[bytes], network: Network) -> list[Transaction]:
    try:
        return [parse_transaction(raw, network) for raw in raws]
    except EncodingError as error:
        reason = f"TX decode failed: {error}"
        raise TransactionRejectedError(
            reason, code=TransactionRejectedError.NOT_A_TRANSACTION
        ) from None


def _verdict(
    network: Network, transaction: Transaction, record: Record, reason_key: str
) -> Verdict:
    reason = record.text(reason_key) if record.has(reason_key) else None
    fees = record.record("fees") if record.has("fees") else None
    includes = fees.texts("effective-includes") if fees else ()
    return Verdict(
        txid=transaction.txid,
        wtxid=transaction.wtxid,
        allowed=record.flag("allowed") if record.has("allowed") else _inferred(record, reason),
        reason=reason,
        vsize=record.integer("vsize") if record.has("vsize") else None,
        fee=fees.amount("base", network.decimals) if fees else None,
        effective_rate=fees.amount("effective-feerate", network.decimals)
        if fees and fees.has("effective-feerate")
        else None,
        effective_includes=tuple(as_hash("effective-includes", each) for each in includes),
        other_wtxid=record.hash("other-wtxid") if record.has("other-wtxid") else None,
    )


def _inferred(record: Record, reason: str | None) -> bool | None:
    """Of a package the node tells errors and, of what it took, the fees."""
    if reason is not None:
        return False
    return True if record.has("fees") or record.has("other-wtxid") else None


def _coins(amount: int, network: Network) -> str:
    """An amount as the node's methods take it."""
    return f"{Decimal(amount).scaleb(-network.decimals):f}"
