"""A moment in the demo's life: what somebody does now, and what the next block takes."""

from collections.abc import Callable

from indexer.chain.encoding import TxOutput
from wallet.builder import Built
from webapp.demo import payments
from webapp.demo.bumps import pay_for_parent, replace, waiting
from webapp.demo.cast import EXCHANGE, HOSPICE, PIONEER, POOL, TIDES
from webapp.demo.ledger import Pending
from webapp.demo.town import Town

_PATIENCE_BLOCKS = 12  # after so many even a low fee is taken
_CHEAP_RATE = 1_500  # per 1000 vbytes
_REWARDS_TO_SELL = 8


def _bump(town: Town) -> Built | None:
    """Whoever paid too little pays more."""
    candidates = [each for each in waiting(town, 1) if each.fee_rate < 4 * _CHEAP_RATE]
    return replace(town, town.rng.choice(candidates), town.fee_rate()) if candidates else None


def _push_along(town: Town) -> Built | None:
    """Whoever waits for a payment pays for it."""
    candidates = [each for each in waiting(town, 1) if each.fee_rate <= _CHEAP_RATE]
    if not candidates:
        return None
    return pay_for_parent(town, town.rng.choice(candidates), 2_000 + town.fee_rate())


def _hasty(town: Town) -> Built | None:
    """Spend change that is not confirmed yet."""
    candidates = [each for each in waiting(town, 0) if each.fee_rate > _CHEAP_RATE]
    if not candidates:
        return None
    return pay_for_parent(town, town.rng.choice(candidates), 6_000 + town.fee_rate())


def _contract(town: Town) -> Built | None:
    return payments.contract_step(town, town.rng.choice(town.contracts.all))


def _note(town: Town) -> Built | None:
    return payments.next_note(town, town.rng.randrange(1_000))


def _gather(town: Town) -> Built | None:
    fullest = payments.consolidate_fullest(town)
    return fullest or payments.consolidate(town, town.purses[HOSPICE], least=40, most=80)


def _sell_rewards(town: Town) -> Built | None:
    """A miner brings what has matured to the exchange."""
    purse = town.purses[town.rng.choice((PIONEER, POOL, TIDES))]
    rewards = [held for held in town.free(purse) if held.coinbase][:50]
    if len(rewards) < _REWARDS_TO_SELL:
        return None
    value = sum(held.value for held in rewards) * 4 // 5
    payment = TxOutput(value, town.purses[EXCHANGE].receive.script())
    return town.pay(purse, [payment], coins=rewards)


_ACTIONS: dict[Callable[[Town], Built | None], int] = {
    payments.payment: 44,
    payments.donation: 16,
    payments.cheap_payment: 12,
    _contract: 8,
    _bump: 7,
    _push_along: 3,
    _hasty: 3,
    _note: 4,
    _gather: 6,
    _sell_rewards: 3,
    payments.withdrawals: 1,
}


def act(town: Town) -> Built | None:
    """One transaction, by chance; None if nobody could do anything."""
    for _ in range(10):
        action = town.rng.choices(list(_ACTIONS), list(_ACTIONS.values()))[0]
        built = action(town)
        if built is not None:
            return built
    return None


def next_block(town: Town) -> list[bytes]:
    """What a miner takes: the best packages, and who waited long; some are left waiting."""
    ledger = town.ledger
    leave = 3 if town.rng.random() < 0.05 else town.rng.randint(10, 22)
    wanted = sorted(ledger.pending, key=lambda txid: _package_rate(town, txid), reverse=True)
    chosen: dict[bytes, None] = {}
    for txid in wanted[: max(0, len(wanted) - leave)]:
        chosen.update(dict.fromkeys(_with_ancestors(town, txid)))
    for txid, pending in ledger.pending.items():
        if ledger.height - pending.seen >= _PATIENCE_BLOCKS:
            chosen.update(dict.fromkeys(_with_ancestors(town, txid)))
    return list(chosen)


def _with_ancestors(town: Town, txid: bytes) -> list[bytes]:
    """Parents before children."""
    found: dict[bytes, None] = {}
    for parent in town.ledger.parents(txid):
        found.update(dict.fromkeys(_with_ancestors(town, parent)))
    return [*found, txid]


def _package_rate(town: Town, txid: bytes) -> float:
    package: list[Pending] = [town.ledger.pending[each] for each in _with_ancestors(town, txid)]
    return sum(each.fee for each in package) / sum(each.tx.vsize for each in package)
