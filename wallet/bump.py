"""Fees raised afterwards: by replacing a transaction of ours (bump, cancel), or by a child (CPFP).

The rules of replacement are BIP125's as nodes apply them today. With their numbers there:
1. the replaced transaction signals (unless the node replaces any: Bitcoin Core 28+ does),
2. no input is added that is not confirmed,
3. the fee is not below that of all that is replaced, descendants included,
4. and above it by what relaying the new transaction costs, the incremental rate by its size,
5. at most 100 transactions go,
6. (Bitcoin Core's own) the fee rate is above that of the replaced transaction, and since version
   31 above that of it and its descendants together, so that miners gain at any size of block.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from indexer.chain.encoding import Transaction, TxOutput
from indexer.chain.network import Network
from indexer.chain.script import dust_limit
from wallet.builder import REPLACEABLE
from wallet.coins import Candidate, ChangeOutput, Trust
from wallet.fees import InsufficientFundsError, fee_of, rate_of, transaction_weight, vsize_of

MAX_EVICTED = 100


class NotReplaceable(StrEnum):
    """Why nodes would not take a replacement."""

    NOT_SIGNALLED = "not_signalled"
    TOO_MANY_EVICTED = "too_many_evicted"
    ADDS_UNCONFIRMED = "adds_unconfirmed"


class NotReplaceableError(ValueError):
    def __init__(self, reason: NotReplaceable, problem: str) -> None:
        super().__init__(problem)
        self.reason = reason


class Adjustment(StrEnum):
    """What raising the fee did besides."""

    CHANGE_REDUCED = "change_reduced"
    CHANGE_DROPPED = "change_dropped"
    CHANGE_ADDED = "change_added"
    REST_REDUCED = "rest_reduced"  # the recipient of everything gets less
    COINS_ADDED = "coins_added"
    LEAST_FEE = "least_fee"  # the rate asked for was below what nodes demand


@dataclass(frozen=True, slots=True)
class RelayRules:
    """Of our node. Rates per 1000 vbytes."""

    minimum_rate: int
    incremental_rate: int
    full_rbf: bool


@dataclass(frozen=True, slots=True)
class Pending:
    """A transaction that waits in the mempool, and what there spends its outputs in turn."""

    tx: Transaction
    fee: int
    descendants: int = 0
    descendant_fees: int = 0
    descendant_vsize: int = 0

    @property
    def fee_rate(self) -> int:
        return rate_of(self.fee, self.tx.weight)

    @property
    def rate_to_beat(self) -> int:
        """Its own, or that of all that would be replaced where a descendant pays for it."""
        fees = self.fee + self.descendant_fees
        return max(self.fee_rate, fees * 1_000 // (self.tx.vsize + self.descendant_vsize))

    @property
    def signals(self) -> bool:
        return any(tx_input.sequence <= REPLACEABLE for tx_input in self.tx.inputs)


@dataclass(frozen=True, slots=True)
class Replacement:
    """A transaction in place of a pending one. `outputs` end with the change if there is any."""

    coins: tuple[Candidate, ...]
    outputs: tuple[TxOutput, ...]
    change: int | None
    fee: int
    weight: int
    least_fee: int  # what nodes demand of a transaction of this size here
    evicted: int  # transactions that leave the mempool
    evicted_fees: int
    adjustments: tuple[Adjustment, ...]

    @property
    def fee_rate(self) -> int:
        return rate_of(self.fee, self.weight)


def refuse_irreplaceable(old: Pending, rules: RelayRules) -> None:
    """NotReplaceableError where no fee would do."""
    if not rules.full_rbf and not old.signals:
        raise NotReplaceableError(
            NotReplaceable.NOT_SIGNALLED, "it does not say that it may be replaced"
        )
    if old.descendants + 1 > MAX_EVICTED:
        raise NotReplaceableError(
            NotReplaceable.TOO_MANY_EVICTED,
            f"{old.descendants + 1} transactions would be replaced, {MAX_EVICTED} may be",
        )


def least_fee(old: Pending, weight: int, rules: RelayRules) -> int:
    """The least fee at which nodes let a transaction of this weight replace the pending one."""
    replaced = old.fee + old.descendant_fees
    relay = fee_of(weight, rules.incremental_rate)
    better = fee_of(weight, old.rate_to_beat + 1)
    return max(replaced + relay, better, fee_of(weight, rules.minimum_rate))


@dataclass(frozen=True, slots=True)
class Bump:
    """What a replacement keeps of the old transaction.

    `coins` are all that it spends and `payments` its outputs but the change. `change` is where
    the change goes: to the old address if there was change (`had_change`). With `rest`, the number
    of a payment that got all there was, a higher fee is taken from it.
    """

    old: Pending
    coins: tuple[Candidate, ...]
    payments: tuple[TxOutput, ...]
    change: ChangeOutput
    had_change: bool
    rest: int | None = None


def bump(
    kept: Bump,
    fee_rate: int,
    rules: RelayRules,
    network: Network,
    spare: Iterable[Candidate] = (),
) -> Replacement:
    """The same payments at a higher fee: from the change, then from `spare` coins (confirmed ones).

    Where `fee_rate` is below what nodes demand, the fee is the least they take.
    InsufficientFundsError or NotReplaceableError if there is no way.
    """
    refuse_irreplaceable(kept.old, rules)
    spare = list(spare)
    _refuse_unconfirmed(spare)
    if kept.rest is not None:
        return _with_less_rest(kept, kept.rest, fee_rate, rules, network)
    for coins in _growing(kept.coins, spare):
        found = _funded(kept, coins, fee_rate, rules, network)
        if found is not None:
            return found
    needed = _needed_without_change(kept, coins, fee_rate, rules)
    raise InsufficientFundsError(needed, sum(coin.value for coin in coins))


def cancel(
    old: Pending,
    coins: Sequence[Candidate],
    to: bytes,
    fee_rate: int,
    rules: RelayRules,
    network: Network,
) -> Replacement:
    """Instead of the payments, coins back to a script of ours; errors as in `bump`.

    One coin of the old transaction is enough to make it void, so as few are spent as can pay the
    fee; the others are free again.
    """
    refuse_irreplaceable(old, rules)
    ordered = sorted(coins, key=lambda coin: coin.value, reverse=True)
    for count in range(1, len(ordered) + 1):
        spent = ordered[:count]
        weight = transaction_weight([coin.size for coin in spent], [TxOutput(0, to)])
        fee, lifted = _fee(old, weight, fee_rate, rules)
        value = sum(coin.value for coin in spent) - fee
        if value >= dust_limit(to, network):
            outputs = (TxOutput(value, to),)
            return _replacement(old, spent, outputs, None, fee, weight, rules, lifted)
    raise InsufficientFundsError(fee + dust_limit(to, network), sum(coin.value for coin in ordered))


def _fee(
    old: Pending, weight: int, fee_rate: int, rules: RelayRules
) -> tuple[int, list[Adjustment]]:
    """The fee at a rate, or the least there if that is more."""
    least, asked = least_fee(old, weight, rules), fee_of(weight, fee_rate)
    return max(least, asked), [Adjustment.LEAST_FEE] if asked < least else []


def _growing(
    coins: Sequence[Candidate], spare: Iterable[Candidate]
) -> Iterator[tuple[Candidate, ...]]:
    """These coins, then with ever more spare ones, largest first."""
    taken = tuple(coins)
    yield taken
    for coin in sorted(spare, key=lambda coin: coin.value, reverse=True):
        taken = (*taken, coin)
        yield taken


def _refuse_unconfirmed(spare: Sequence[Candidate]) -> None:
    if any(coin.trust is not Trust.CONFIRMED for coin in spare):
        raise NotReplaceableError(
            NotReplaceable.ADDS_UNCONFIRMED, "a replacement may add confirmed coins only"
        )


def _replacement(
    old: Pending,
    coins: Sequence[Candidate],
    outputs: tuple[TxOutput, ...],
    change: int | None,
    fee: int,
    weight: int,
    rules: RelayRules,
    adjustments: Sequence[Adjustment],
) -> Replacement:
    return Replacement(
        coins=tuple(coins),
        outputs=outputs,
        change=change,
        fee=fee,
        weight=weight,
        least_fee=least_fee(old, weight, rules),
        evicted=old.descendants + 1,
        evicted_fees=old.fee + old.descendant_fees,
        adjustments=tuple(adjustments),
    )


def _funded(
    kept: Bump, coins: Sequence[Candidate], fee_rate: int, rules: RelayRules, network: Network
) -> Replacement | None:
    """With these coins, and change where what is left is worth it; None if they are too few."""
    sizes = [coin.size for coin in coins]
    left = sum(coin.value for coin in coins) - sum(each.value for each in kept.payments)
    adjustments = [Adjustment.COINS_ADDED] if len(coins) > len(kept.coins) else []
    with_change = (*kept.payments, TxOutput(0, kept.change.script))
    weight = transaction_weight(sizes, with_change)
    fee, lifted = _fee(kept.old, weight, fee_rate, rules)
    if left - fee >= dust_limit(kept.change.script, network):
        outputs = (*kept.payments, TxOutput(left - fee, kept.change.script))
        what = Adjustment.CHANGE_REDUCED if kept.had_change else Adjustment.CHANGE_ADDED
        adjustments += [what, *lifted]
        return _replacement(kept.old, coins, outputs, left - fee, fee, weight, rules, adjustments)
    weight = transaction_weight(sizes, kept.payments)
    fee, lifted = _fee(kept.old, weight, fee_rate, rules)
    if left < fee or not kept.payments:
        return None
    dropped = [Adjustment.CHANGE_DROPPED] if kept.had_change else []
    adjustments += [*dropped, *lifted]
    return _replacement(kept.old, coins, kept.payments, None, left, weight, rules, adjustments)


def _needed_without_change(
    kept: Bump, coins: Sequence[Candidate], fee_rate: int, rules: RelayRules
) -> int:
    weight = transaction_weight([coin.size for coin in coins], kept.payments)
    return sum(each.value for each in kept.payments) + _fee(kept.old, weight, fee_rate, rules)[0]


def _with_less_rest(
    kept: Bump, rest: int, fee_rate: int, rules: RelayRules, network: Network
) -> Replacement:
    weight = transaction_weight([coin.size for coin in kept.coins], kept.payments)
    fee, lifted = _fee(kept.old, weight, fee_rate, rules)
    available = sum(coin.value for coin in kept.coins)
    fixed = sum(each.value for number, each in enumerate(kept.payments) if number != rest)
    script = kept.payments[rest].script
    value = available - fixed - fee
    if value < dust_limit(script, network):
        raise InsufficientFundsError(fixed + fee + dust_limit(script, network), available)
    outputs = list(kept.payments)
    outputs[rest] = TxOutput(value, script)
    adjustments = [Adjustment.REST_REDUCED, *lifted]
    return _replacement(kept.old, kept.coins, tuple(outputs), None, fee, weight, rules, adjustments)


@dataclass(frozen=True, slots=True)
class Ancestors:
    """The parent and all before it that wait in the mempool, together."""

    fee: int
    vsize: int

    @property
    def fee_rate(self) -> int:
        return self.fee * 1_000 // self.vsize


@dataclass(frozen=True, slots=True)
class Child:
    """A transaction that spends outputs of a pending one, so that miners take both."""

    coins: tuple[Candidate, ...]
    output: TxOutput
    fee: int
    weight: int
    package_fee: int
    package_vsize: int

    @property
    def fee_rate(self) -> int:
        return rate_of(self.fee, self.weight)

    @property
    def package_rate(self) -> int:
        return self.package_fee * 1_000 // self.package_vsize


def pay_for(
    ancestors: Ancestors,
    coins: Sequence[Candidate],
    to: bytes,
    package_rate: int,
    rules: RelayRules,
    network: Network,
    spare: Iterable[Candidate] = (),
) -> Child:
    """A child that spends `coins`, outputs of the parent, and lifts all together to a rate.

    Where they are too small, `spare` coins are added. InsufficientFundsError if those are too.
    """
    least_value = dust_limit(to, network)
    for spent in _growing(coins, spare):
        weight = transaction_weight([coin.size for coin in spent], [TxOutput(0, to)])
        vsize = ancestors.vsize + vsize_of(weight)
        lifting = -(-vsize * package_rate // 1_000) - ancestors.fee
        fee = max(lifting, fee_of(weight, rules.minimum_rate))
        available = sum(coin.value for coin in spent)
        if available - fee >= least_value:
            output = TxOutput(available - fee, to)
            return Child(spent, output, fee, weight, ancestors.fee + fee, vsize)
    raise InsufficientFundsError(fee + least_value, available)
