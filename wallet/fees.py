"""What a transaction will weigh once it is signed, and the fee at a rate.

Fee rates are integers per 1000 vbytes everywhere, so that fractions of a unit per vbyte are exact.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from indexer.chain.encoding import TxOutput, encode_output
from indexer.chain.wire import varint_size

INPUT_OVERHEAD = 4 * (32 + 4 + 4)  # outpoint and sequence
MAX_STANDARD_WEIGHT = 400_000  # beyond it nodes do not relay


class InsufficientFundsError(ValueError):
    """The coins do not cover the payments and the fee."""

    def __init__(self, needed: int, available: int) -> None:
        super().__init__(f"the coins hold {available}, payments and fee need {needed}")
        self.needed = needed
        self.available = available


class InputSize(NamedTuple):
    """What one signed input adds to a transaction, in weight units.

    `weight` is that in a segwit transaction, where also an input without a witness counts one
    unit for its empty witness.
    """

    weight: int
    witness: bool


def outputs_weight(outputs: Iterable[TxOutput]) -> int:
    """Weight units of some outputs, without their count."""
    return 4 * sum(len(encode_output(output)) for output in outputs)


class InputTotals(NamedTuple):
    """What some inputs are together: their number, those with a witness, their weight."""

    inputs: int = 0
    witnesses: int = 0
    weight: int = 0

    def plus(self, size: InputSize, times: int = 1) -> "InputTotals":
        return InputTotals(
            self.inputs + times,
            self.witnesses + times * size.witness,
            self.weight + times * size.weight,
        )

    def minus(self, size: InputSize) -> "InputTotals":
        return self.plus(size, -1)


def totals_of(inputs: Iterable[InputSize]) -> InputTotals:
    totals = InputTotals()
    for size in inputs:
        totals = totals.plus(size)
    return totals


def transaction_weight(
    inputs: Iterable[InputSize] | InputTotals, outputs: Sequence[TxOutput]
) -> int:
    """The weight of the signed transaction."""
    totals = inputs if isinstance(inputs, InputTotals) else totals_of(inputs)
    base = 4 * (8 + varint_size(totals.inputs) + varint_size(len(outputs)))
    weight = base + outputs_weight(outputs) + totals.weight
    if totals.witnesses:
        return weight + 2
    return weight - totals.inputs  # without any witness, none is counted as empty either


def vsize_of(weight: int) -> int:
    """Virtual bytes, rounded up."""
    return (weight + 3) // 4


def fee_of(weight: int, fee_rate: int) -> int:
    """The fee at a rate per 1000 vbytes, rounded up."""
    return -(-vsize_of(weight) * fee_rate // 1_000)


def rate_of(fee: int, weight: int) -> int:
    """The fee rate per 1000 vbytes that a fee gives, rounded down."""
    return fee * 1_000 // vsize_of(weight)
