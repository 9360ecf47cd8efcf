"""Which coins to spend on some payments.

First a search (branch and bound) for coins that need no change. Where there are none, four simple
ways of choosing compete and the least waste wins, as Bitcoin Core measures it: what the inputs
cost now beyond what they would cost in quiet times, and either what making and later spending the
change costs or what is given to the fee without need. Whatever won, a coin without which the
payments and the fee would still be covered is left out.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from random import Random

from indexer.chain.encoding import TxOutput
from indexer.chain.network import Network
from indexer.chain.script import dust_limit
from wallet.choosing import Chooser
from wallet.coins import (
    Algorithm,
    Candidate,
    CoinUnavailableError,
    DustError,
    Reason,
    Request,
    Selection,
    TooManyCoinsError,
    Trust,
)
from wallet.fees import MAX_STANDARD_WEIGHT


def select(candidates: Iterable[Candidate], request: Request, rng: Random) -> Selection:
    """The coins that pay the request, and the change.

    InsufficientFundsError, DustError, CoinUnavailableError or TooManyCoinsError if none do.
    """
    _refuse_dust(request.payments, request.network)
    chooser = Chooser(request)
    if request.chosen:
        coins = _chosen(candidates, request)
        chooser.refuse_shortfall(coins)
        return _checked(chooser.selection(coins, Algorithm.BY_HAND, Reason.CHOSEN_BY_HAND))
    pools = list(_pools(candidates, request))
    for pool in pools:
        worth = [coin for coin in pool if chooser.gain(coin) > 0]
        if chooser.covers(worth):
            selection = chooser.choose(worth, rng)
            left = len(worth) < len(pool)
            return _checked(_noted(selection, Reason.UNECONOMIC_LEFT) if left else selection)
    chooser.refuse_shortfall([coin for coin in pools[-1] if chooser.gain(coin) > 0])
    raise AssertionError("coins that cover the payments were not taken")


def select_all(candidates: Iterable[Candidate], request: Request, rest: bytes) -> Selection:
    """Spend every coin that is worth its input: the payments, and all the rest to one script.

    The rest is the last of the outputs. Errors as in `select`.
    """
    _refuse_dust(request.payments, request.network)
    chooser = Chooser(request)
    if request.chosen:
        coins, left = _chosen(candidates, request), False
    else:
        *_, pool = _pools(candidates, request)
        coins = [coin for coin in pool if chooser.gain(coin) > 0]
        left = len(coins) < len(pool)
    selection = chooser.everything(coins, rest)
    return _checked(_noted(selection, Reason.UNECONOMIC_LEFT) if left else selection)


def _refuse_dust(payments: Sequence[TxOutput], network: Network) -> None:
    for number, payment in enumerate(payments):
        least = dust_limit(payment.script, network)
        if payment.value < least:
            raise DustError(number, payment.value, least)


def _chosen(candidates: Iterable[Candidate], request: Request) -> list[Candidate]:
    there = {coin.outpoint: coin for coin in candidates}
    for outpoint in sorted(request.chosen):
        if outpoint in request.frozen or outpoint not in there:
            raise CoinUnavailableError(outpoint, frozen=outpoint in request.frozen)
    return [there[outpoint] for outpoint in sorted(request.chosen)]


def _pools(candidates: Iterable[Candidate], request: Request) -> Iterator[list[Candidate]]:
    """The coins that may be spent: only the surest, then also the next sure, and so on."""
    coins = [coin for coin in candidates if coin.outpoint not in request.frozen]
    last = Trust.FOREIGN_PENDING if request.foreign_pending else Trust.OWN_PENDING
    for trust in Trust:
        if trust <= last:
            yield [coin for coin in coins if coin.trust <= trust]


def _noted(selection: Selection, reason: Reason) -> Selection:
    return replace(selection, reasons=(*selection.reasons, reason))


def _checked(selection: Selection) -> Selection:
    if selection.weight > MAX_STANDARD_WEIGHT:
        raise TooManyCoinsError(len(selection.coins), selection.weight)
    return selection
