"""The past of the demo: three hundred blocks of several days, with all a reader should see."""

import threading
from collections.abc import Callable
from time import time as current_time

from indexer.chain.encoding import TxOutput
from webapp.demo import payments
from webapp.demo.bumps import pay_for_parent
from webapp.demo.cast import BAKERY, BOOKS, EXCHANGE, HOSPICE, PIONEER, POOL, TIDES, Member
from webapp.demo.town import COINBASE_MATURITY, Town

HISTORY_BLOCKS = 304
REORG_HEIGHT = 260
_REORG_DEPTH = 2
_PIONEER_BLOCKS = 12
_FIRST_BLOCKS_SECONDS = 8 * 3600  # the first hundred, in which nobody has anything to spend
_SPAN_SECONDS = 5 * 86_400
_WEALTH_BLOCKS = 26  # in which the first coins are spread over everybody
_LAST_BLOCK_AGE = 20

Progress = Callable[[int, int], None]


def write_history(
    town: Town,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    now: int | None = None,
) -> None:
    """Write the blocks of the past on an empty chain; `now` is when the last one is found.

    Ends early when `stop` is set: the chain is then of no use.
    """
    town.ledger.follow()
    times = block_times(town, int(current_time()) - _LAST_BLOCK_AGE if now is None else now)
    town.collecting = True
    try:
        for height, time in enumerate(times, start=1):
            if stop is not None and stop.is_set():
                return
            if height > COINBASE_MATURITY:
                _live_through(town, height)
            town.mine(miner=_miner(town, height), time=time)
            if height == REORG_HEIGHT:
                # Two blocks lose to three; what they held waits again and confirms later.
                town.replace_blocks(_REORG_DEPTH, time=time)
            if progress is not None:
                progress(height, len(times))
    finally:
        town.collecting = False


def block_times(town: Town, last: int) -> list[int]:
    """Times of the blocks 1 to HISTORY_BLOCKS: gaps as chance makes them, several days in all."""
    gaps = [20 + town.rng.expovariate(1 / 300) for _ in range(HISTORY_BLOCKS)]
    early, later = sum(gaps[:COINBASE_MATURITY]), sum(gaps[COINBASE_MATURITY:])
    times = []
    moment = float(last - _FIRST_BLOCKS_SECONDS - _SPAN_SECONDS)
    for place, gap in enumerate(gaps):
        if place < COINBASE_MATURITY:
            moment += gap / early * _FIRST_BLOCKS_SECONDS
        else:
            moment += gap / later * _SPAN_SECONDS
        times.append(round(moment))
    return times


def _miner(town: Town, height: int) -> Member:
    if height <= _PIONEER_BLOCKS:
        return PIONEER
    return town.rng.choices((POOL, TIDES, PIONEER), (6, 3, 1))[0]


def _live_through(town: Town, height: int) -> None:
    """What happens before the block of this height."""
    day = height - COINBASE_MATURITY
    _sell_rewards(town, day)
    if day <= _WEALTH_BLOCKS // 2:
        return
    for _ in range(town.rng.randint(3, 9)):
        payments.donation(town)
    for _ in range(town.rng.randint(4, 14)):
        payments.payment(town)
    payments.contract_step(town, town.contracts.all[day % len(town.contracts.all)])
    _now_and_then(town, day)


def _now_and_then(town: Town, day: int) -> None:
    if day % 4 == 0:
        payments.next_note(town, day // 4)
    if day % 7 == 0:
        _rescue(town)
    if day % 9 == 0:
        payments.withdrawals(town)
    if day % 11 == 0:
        payments.consolidate(town, town.purses[HOSPICE], most=80)
    if day % 5 == 0:
        payments.consolidate_fullest(town)
    if day % 13 == 0:
        payments.consolidate(town, town.purses[BAKERY if day % 2 else BOOKS])


def _sell_rewards(town: Town, day: int) -> None:
    """Miners spend what has matured: first on everybody, later at the exchange."""
    for member in (PIONEER, POOL, TIDES):
        purse = town.purses[member]
        for held in town.free(purse):
            if not held.coinbase:
                continue
            if day <= _WEALTH_BLOCKS:
                payments.batch(town, purse, [held], held.value)
            else:
                target = town.purses[EXCHANGE].receive.script(0)
                payment = TxOutput(held.value * 9 // 10, target)
                town.pay(purse, [payment], coins=[held])


def _rescue(town: Town) -> None:
    """A payment with too low a fee, and its child that pays for both."""
    stuck = payments.cheap_payment(town)
    if stuck is not None:
        pay_for_parent(town, town.ledger.pending[stuck.tx.txid], 12_000)
