"""What coin selection is asked, and what it answers."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TypeAlias

from indexer.chain.encoding import TxOutput
from indexer.chain.network import Network
from wallet.fees import MAX_STANDARD_WEIGHT, InputSize

Outpoint: TypeAlias = tuple[bytes, int]


class Trust(IntEnum):
    """How sure a coin is, surest first: what comes later is spent only where needed."""

    CONFIRMED = 0
    OWN_PENDING = 1  # change of ours that waits to be mined
    FOREIGN_PENDING = 2  # its sender may still replace it


class Algorithm(StrEnum):
    """How the coins were found."""

    BRANCH_AND_BOUND = "branch_and_bound"
    ONE_COIN = "one_coin"  # the smallest that does it alone
    RANDOM_DRAW = "random_draw"
    LARGEST_FIRST = "largest_first"
    SMALLEST_FIRST = "smallest_first"
    BY_HAND = "by_hand"
    ALL = "all"


class Reason(StrEnum):
    """What a person may want to know about a selection."""

    NO_CHANGE_NEEDED = "no_change_needed"
    LEAST_WASTE = "least_waste"
    CHANGE_TOO_SMALL = "change_too_small"  # what was left over went to the fee
    PENDING_OWN_SPENT = "pending_own_spent"
    PENDING_FOREIGN_SPENT = "pending_foreign_spent"
    UNECONOMIC_LEFT = "uneconomic_left"  # coins that cost more to spend than they hold
    ADDRESSES_LINKED = "addresses_linked"
    CHOSEN_BY_HAND = "chosen_by_hand"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A coin that could be spent; `size` is that of the signed input. `txid` in wire order."""

    txid: bytes
    vout: int
    value: int
    script: bytes
    size: InputSize
    trust: Trust = Trust.CONFIRMED

    @property
    def outpoint(self) -> Outpoint:
        return self.txid, self.vout


@dataclass(frozen=True, slots=True)
class ChangeOutput:
    """Where change would go; `size` is that of the input which spends it one day."""

    script: bytes
    size: InputSize


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be paid. Fee rates are per 1000 vbytes; `long_term_rate` is that of quiet times.

    With `chosen`, exactly these coins are spent. `frozen` coins never are. Coins that somebody
    else sent and that are not confirmed are spent only with `foreign_pending`, or if chosen.
    """

    network: Network
    payments: tuple[TxOutput, ...]
    fee_rate: int
    long_term_rate: int
    change: ChangeOutput
    chosen: frozenset[Outpoint] = frozenset()
    frozen: frozenset[Outpoint] = frozenset()
    foreign_pending: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Coins, and what the transaction that spends them is.

    `outputs` are the payments in their order, then the change if there is any. `waste` is in the
    smallest unit and may be negative; `addresses` counts those that the transaction shows to be
    of one wallet; `left_over` is what went to the fee because it is too little for change.
    """

    coins: tuple[Candidate, ...]
    outputs: tuple[TxOutput, ...]
    change: int | None
    fee: int
    weight: int
    algorithm: Algorithm
    waste: int
    reasons: tuple[Reason, ...]
    addresses: int
    left_over: int = 0


class DustError(ValueError):
    """A payment is too small for nodes to relay. `payment` counts from 0."""

    def __init__(self, payment: int, value: int, least: int) -> None:
        super().__init__(f"payment {payment + 1} is {value}; nodes relay {least} or more")
        self.payment = payment
        self.value = value
        self.least = least


class CoinUnavailableError(ValueError):
    """A coin that was chosen by hand is frozen, or is not among those there are."""

    def __init__(self, outpoint: Outpoint, *, frozen: bool) -> None:
        super().__init__("a chosen coin is frozen" if frozen else "a chosen coin is not there")
        self.outpoint = outpoint
        self.frozen = frozen


class TooManyCoinsError(ValueError):
    """It takes so many coins that nodes would not relay the transaction."""

    def __init__(self, coins: int, weight: int) -> None:
        super().__init__(
            f"{coins} coins make a transaction of weight {weight}, beyond {MAX_STANDARD_WEIGHT}"
        )
        self.coins = coins
        self.weight = weight
