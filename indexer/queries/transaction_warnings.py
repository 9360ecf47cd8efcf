"""What a careful reader of a transaction would point at."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from indexer.chain.network import Network
from indexer.chain.script import ScriptType, dust_limit, is_unspendable
from indexer.keys import TxFlag
from indexer.queries.transaction_parts import InputView, OutputView
from indexer.queries.transactions import Summary

OVERPAID_FACTOR = 5  # times the usual rate
OVERPAID_SHARE = 0.2  # of what is spent
LOOKALIKE_ENDS = 4  # characters at either end that people compare
STANDARD_SIGHASHES = frozenset({0, 1})  # taproot's default, and ALL


class WarningKind(StrEnum):
    OVERPAID_RATE = "overpaid_rate"
    OVERPAID_SHARE = "overpaid_share"
    UNUSUAL_SIGHASH = "unusual_sighash"
    LOOKALIKE = "lookalike"
    BURNT = "burnt"
    DUST = "dust"
    CHANGE_REUSES_INPUT = "change_reuses_input"
    ADDRESS_REUSE = "address_reuse"
    UNKNOWN_PREVOUT = "unknown_prevout"


@dataclass(frozen=True, slots=True)
class TransactionWarning:
    """`numbers` are inputs or outputs concerned, of the page shown; `factor` a ratio."""

    kind: WarningKind
    numbers: tuple[int, ...] = ()
    factor: float = 0.0
    value: int = 0


def warnings(
    network: Network,
    summary: Summary,
    inputs: Sequence[InputView],
    outputs: Sequence[OutputView],
    usual_rate: float | None,
) -> tuple[TransactionWarning, ...]:
    """Gravest first. `usual_rate` is what others pay per virtual byte."""
    if summary.is_coinbase or TxFlag.HOGEX in summary.flags:
        return ()
    found = (
        _overpaid(summary, usual_rate),
        _numbered(WarningKind.UNUSUAL_SIGHASH, _unusual_sighashes(inputs)),
        _numbered(WarningKind.LOOKALIKE, _lookalikes(inputs, outputs)),
        _burnt(outputs),
        _numbered(WarningKind.DUST, _dust(network, outputs)),
        _numbered(WarningKind.CHANGE_REUSES_INPUT, _change_to_input(inputs, outputs)),
        _numbered(WarningKind.ADDRESS_REUSE, _reused(inputs, outputs)),
        _numbered(
            WarningKind.UNKNOWN_PREVOUT,
            (each.spent.vin for each in inputs if each.spent.value is None),
        ),
    )
    return tuple(warning for warning in found if warning is not None)


def _numbered(kind: WarningKind, numbers: Iterable[int]) -> TransactionWarning | None:
    listed = tuple(numbers)
    return TransactionWarning(kind, listed) if listed else None


def _overpaid(summary: Summary, usual_rate: float | None) -> TransactionWarning | None:
    rate, fee = summary.fee_rate, summary.fee
    if rate is None or not fee:
        return None
    if usual_rate and rate >= OVERPAID_FACTOR * usual_rate:
        return TransactionWarning(WarningKind.OVERPAID_RATE, factor=rate / usual_rate)
    share = fee / (fee + summary.output_value)
    if share >= OVERPAID_SHARE:
        return TransactionWarning(WarningKind.OVERPAID_SHARE, factor=share)
    return None


def _unusual_sighashes(inputs: Sequence[InputView]) -> Iterable[int]:
    for each in inputs:
        if each.spend is not None and any(
            signature.sighash not in STANDARD_SIGHASHES for signature in each.spend.signatures
        ):
            yield each.spent.vin


def _lookalikes(inputs: Sequence[InputView], outputs: Sequence[OutputView]) -> set[int]:
    """Outputs whose address is another than one beside it, but looks the same at both ends."""
    ends: dict[tuple[str, str], set[str]] = {}
    addresses = [each.address for each in inputs] + [each.address for each in outputs]
    for address in filter(None, addresses):
        ends.setdefault(address_ends(address), set()).add(address)
    return {
        each.created.vout
        for each in outputs
        if each.address and len(ends[address_ends(each.address)]) > 1
    }


def address_ends(address: str) -> tuple[str, str]:
    """What a hurried reader compares: the first characters behind the prefix, and the last."""
    start = address.rfind("1") + 2 if "1" in address[1:6] and address.lower() == address else 1
    return address[start : start + LOOKALIKE_ENDS], address[-LOOKALIKE_ENDS:]


def _burnt(outputs: Sequence[OutputView]) -> TransactionWarning | None:
    burnt = [each.created for each in outputs if is_unspendable(each.created.script)]
    value = sum(each.value for each in burnt)
    if not value:
        return None
    numbers = tuple(each.vout for each in burnt if each.value)
    return TransactionWarning(WarningKind.BURNT, numbers, value=value)


def _dust(network: Network, outputs: Sequence[OutputView]) -> Iterable[int]:
    for each in outputs:
        created = each.created
        if created.value < dust_limit(created.script, network) and (
            each.script_type is not ScriptType.P2A
        ):
            yield created.vout


def _change_to_input(inputs: Sequence[InputView], outputs: Sequence[OutputView]) -> Iterable[int]:
    spent = {each.spent.script for each in inputs}
    return (each.created.vout for each in outputs if each.created.script in spent)


def _reused(inputs: Sequence[InputView], outputs: Sequence[OutputView]) -> Iterable[int]:
    """Outputs that pay an address for the second time, but are not change as above."""
    spent = {each.spent.script for each in inputs}
    times = Counter(each.created.script for each in outputs if each.address)
    for each in outputs:
        script = each.created.script
        if each.address and script not in spent and (each.seen_before or times[script] > 1):
            yield each.created.vout
