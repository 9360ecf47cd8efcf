"""Ways to choose among coins, and what a transaction that spends the chosen is."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple, TypeAlias

from indexer.chain.encoding import TxOutput
from indexer.chain.script import dust_limit
from wallet.coins import Algorithm, Candidate, Reason, Request, Selection, Trust
from wallet.fees import InputTotals, InsufficientFundsError, fee_of, transaction_weight
from wallet.search import Item, search

_Order: TypeAlias = Callable[[Sequence[Candidate], Random], Iterable[Candidate]]


def least_change(request: Request) -> int:
    """Change below this is not made: it is dust, or spending it would cost what it holds."""
    dust = dust_limit(request.change.script, request.network)
    return max(dust, fee_of(request.change.size.weight, request.long_term_rate))


def _reasons_of(coins: Sequence[Candidate]) -> Iterator[Reason]:
    trusts = {coin.trust for coin in coins}
    if Trust.OWN_PENDING in trusts:
        yield Reason.PENDING_OWN_SPENT
    if Trust.FOREIGN_PENDING in trusts:
        yield Reason.PENDING_FOREIGN_SPENT
    if len({coin.script for coin in coins}) > 1:
        yield Reason.ADDRESSES_LINKED


class _Tally(NamedTuple):
    """Some coins together."""

    value: int = 0
    sizes: InputTotals = InputTotals()

    def plus(self, coin: Candidate) -> "_Tally":
        return _Tally(self.value + coin.value, self.sizes.plus(coin.size))

    def minus(self, coin: Candidate) -> "_Tally":
        return _Tally(self.value - coin.value, self.sizes.minus(coin.size))


def _tally(coins: Iterable[Candidate]) -> _Tally:
    tally = _Tally()
    for coin in coins:
        tally = tally.plus(coin)
    return tally


def _largest_first(coins: Sequence[Candidate], rng: Random) -> list[Candidate]:
    return sorted(coins, key=lambda coin: -coin.value)


def _smallest_first(coins: Sequence[Candidate], rng: Random) -> list[Candidate]:
    return sorted(coins, key=lambda coin: coin.value)


def _random_draw(coins: Sequence[Candidate], rng: Random) -> list[Candidate]:
    return rng.sample(coins, len(coins))


_ORDERS: Mapping[Algorithm, _Order] = {
    Algorithm.LARGEST_FIRST: _largest_first,
    Algorithm.RANDOM_DRAW: _random_draw,
    Algorithm.SMALLEST_FIRST: _smallest_first,
}


class Chooser:
    """One request, and the sums that every way of choosing needs."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self._paid = sum(payment.value for payment in request.payments)
        self._least_change = least_change(request)
        # Weight units without inputs: what the outputs add is the same for all selections.
        self._base = transaction_weight(InputTotals(), request.payments)
        self._change_weight = (
            transaction_weight(InputTotals(), (*request.payments, self._change_output(0)))
            - self._base
        )
        self._inputless = transaction_weight(InputTotals(), ())

    def _change_output(self, value: int) -> TxOutput:
        return TxOutput(value, self.request.change.script)

    def _weight(self, inputs: InputTotals, *, change: bool = False) -> int:
        outputs = self._base - self._inputless + (self._change_weight if change else 0)
        return transaction_weight(inputs, ()) + outputs

    def _excess(self, tally: _Tally) -> int:
        """What is left when the payments and the fee without change are paid."""
        fee = fee_of(self._weight(tally.sizes), self.request.fee_rate)
        return tally.value - self._paid - fee

    def gain(self, coin: Candidate) -> int:
        """4000 times what a coin adds to what can be paid."""
        return 4_000 * coin.value - coin.size.weight * self.request.fee_rate

    def covers(self, coins: Iterable[Candidate]) -> bool:
        tally = _tally(coins)
        return bool(tally.sizes.inputs) and self._excess(tally) >= 0

    def refuse_shortfall(self, coins: Sequence[Candidate]) -> None:
        tally = _tally(coins)
        excess = self._excess(tally)
        if excess < 0 or not coins:
            raise InsufficientFundsError(tally.value - excess, tally.value)

    def _waste(self, inputs: InputTotals, besides: int) -> int:
        """`besides`: 4000 times what change costs, or what is given away for want of change."""
        premium = self.request.fee_rate - self.request.long_term_rate
        return (inputs.weight * premium + besides) // 4_000

    def _change_cost(self) -> int:
        """4000 times what it costs to make change now and to spend it in quiet times."""
        request = self.request
        later = request.change.size.weight * request.long_term_rate
        return self._change_weight * request.fee_rate + later

    def selection(
        self, coins: Sequence[Candidate], algorithm: Algorithm, reason: Reason
    ) -> Selection:
        """Spend these coins; change if what is left is worth it."""
        request, tally = self.request, _tally(coins)
        weight = self._weight(tally.sizes, change=True)
        fee = fee_of(weight, request.fee_rate)
        change = tally.value - self._paid - fee
        if change < self._least_change or algorithm is Algorithm.BRANCH_AND_BOUND:
            return self._changeless(coins, tally, algorithm, reason)
        return Selection(
            coins=tuple(coins),
            outputs=(*request.payments, self._change_output(change)),
            change=change,
            fee=fee,
            weight=weight,
            algorithm=algorithm,
            waste=self._waste(tally.sizes, self._change_cost()),
            reasons=(reason, *_reasons_of(coins)),
            addresses=len({coin.script for coin in coins}),
        )

    def _changeless(
        self, coins: Sequence[Candidate], tally: _Tally, algorithm: Algorithm, reason: Reason
    ) -> Selection:
        left_over = self._excess(tally)
        reasons = [reason, *_reasons_of(coins)]
        if left_over and reason is not Reason.NO_CHANGE_NEEDED:
            reasons.append(Reason.CHANGE_TOO_SMALL)
        return Selection(
            coins=tuple(coins),
            outputs=self.request.payments,
            change=None,
            fee=tally.value - self._paid,
            weight=self._weight(tally.sizes),
            algorithm=algorithm,
            waste=self._waste(tally.sizes, 4_000 * left_over),
            reasons=tuple(reasons),
            addresses=len({coin.script for coin in coins}),
            left_over=left_over,
        )

    def everything(self, coins: Sequence[Candidate], rest: bytes) -> Selection:
        """Spend these coins, and what the payments leave goes to one script."""
        request, tally = self.request, _tally(coins)
        outputs = (*request.payments, TxOutput(0, rest))
        weight = transaction_weight(tally.sizes, outputs)
        fee = fee_of(weight, request.fee_rate)
        value = tally.value - self._paid - fee
        least = max(1, dust_limit(rest, request.network))
        if value < least:
            raise InsufficientFundsError(self._paid + fee + least, tally.value)
        return Selection(
            coins=tuple(coins),
            outputs=(*request.payments, TxOutput(value, rest)),
            change=None,
            fee=fee,
            weight=weight,
            algorithm=Algorithm.ALL,
            waste=self._waste(tally.sizes, 0),
            reasons=(Reason.EVERYTHING, *_reasons_of(coins)),
            addresses=len({coin.script for coin in coins}),
        )

    def choose(self, coins: Sequence[Candidate], rng: Random) -> Selection:
        """The best selection of coins that cover the payments and are each worth their input."""
        exact = self._without_change(coins)
        if exact is not None:
            return self.selection(
                self._pruned(exact), Algorithm.BRANCH_AND_BOUND, Reason.NO_CHANGE_NEEDED
            )
        found = [
            self.selection(self._pruned(taken), algorithm, Reason.LEAST_WASTE)
            for algorithm, order in _ORDERS.items()
            if (taken := self._taken(order(coins, rng)))
        ]
        found += [
            self.selection([coin], Algorithm.ONE_COIN, Reason.LEAST_WASTE)
            for coin in self._one_coin(coins)
        ]
        return min(found, key=lambda selection: (selection.waste, len(selection.coins)))

    def _without_change(self, coins: Sequence[Candidate]) -> list[Candidate] | None:
        """Coins whose excess is less than what change would cost."""
        request = self.request
        premium = request.fee_rate - request.long_term_rate
        items = [Item(self.gain(coin), coin.size.weight * premium, coin) for coin in coins]
        legacy = sum(not coin.size.witness for coin in coins)
        # The exact fee depends on all the inputs together. Search a little wider, then look.
        low = 4_000 * self._paid + (self._base - legacy) * request.fee_rate
        high = 4_000 * self._paid + (self._base + 16) * request.fee_rate + 4_000
        most = self._change_cost()

        def fits(found: Sequence[Candidate]) -> bool:
            return 0 <= 4_000 * self._excess(_tally(found)) <= most

        return search(items, low, high + most, fits)

    def _taken(self, order: Iterable[Candidate]) -> list[Candidate]:
        """Coins in this order until the payments are covered."""
        taken: list[Candidate] = []
        tally = _Tally()
        for coin in order:
            taken.append(coin)
            tally = tally.plus(coin)
            if self._excess(tally) >= 0:
                return taken
        return []

    def _pruned(self, coins: Sequence[Candidate]) -> list[Candidate]:
        """Without those, smallest first, that the payments do not need."""
        tally = _tally(coins)
        needed = []
        for coin in sorted(coins, key=self.gain):
            less = tally.minus(coin)
            if less.sizes.inputs and self._excess(less) >= 0:
                tally = less
            else:
                needed.append(coin)
        return needed

    def _one_coin(self, coins: Sequence[Candidate]) -> list[Candidate]:
        enough = [coin for coin in coins if self._excess(_tally([coin])) >= 0]
        return [min(enough, key=self.gain)] if enough else []
