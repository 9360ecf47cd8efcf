"""What members do with their money on an ordinary day. Each returns what it sent, if anything."""

from collections.abc import Sequence

from indexer.chain.encoding import TxOutput
from indexer.chain.script import op_return
from wallet.builder import REPLACEABLE, Built
from webapp.demo import texts
from webapp.demo.cast import EXCHANGE, HOSPICE, NOTARY, Member, Role
from webapp.demo.contracts import Contract
from webapp.demo.purse import GAP_LIMIT, HeldCoin, Purse
from webapp.demo.town import Town

COIN = 100_000_000
_LEAST = 20_000
_NOT_REPLACEABLE = 0xFFFFFFFE
_PAYEE_WEIGHT = {Role.MERCHANT: 4, Role.EXCHANGE: 9, Role.PERSON: 3, Role.SAVER: 2}
_MANY_COINS = 90
_BATCH = 50


def amount(town: Town, purse: Purse) -> int:
    """What something costs, within the purse's means; often a round number."""
    rng = town.rng
    value = int(rng.lognormvariate(-3.2, 1.4) * COIN)
    value = max(_LEAST, min(value, purse.balance // 25))
    if rng.random() < 0.4:
        step = 10 ** (len(str(value)) - 2)
        value = max(_LEAST, value // step * step)
    return value


def payer(town: Town, but: Member | None = None) -> Purse:
    """Who has many coins spends often."""
    purses = [purse for member, purse in town.purses.items() if member is not but]
    return town.rng.choices(purses, [1 + len(purse.coins) for purse in purses])[0]


def payee(town: Town, but: Purse) -> Purse:
    purses = [purse for purse in town.purses.values() if purse is not but]
    weights = [_PAYEE_WEIGHT.get(purse.member.role, 1) for purse in purses]
    return town.rng.choices(purses, weights)[0]


def payment(town: Town, fee_rate: int | None = None) -> Built | None:
    """One member pays another, now and then two at once."""
    rng = town.rng
    source = payer(town)
    targets = {payee(town, source) for _ in range(1 if rng.random() < 0.85 else 2)}
    ordered = sorted(targets, key=lambda purse: purse.member.name)
    payments = [TxOutput(amount(town, source), target.receive.script()) for target in ordered]
    sequence = REPLACEABLE if rng.random() < 0.75 else _NOT_REPLACEABLE
    return town.pay(
        source,
        payments,
        fee_rate=fee_rate,
        locktime=_locktime(town),
        sequence=sequence,
    )


def _locktime(town: Town) -> int:
    chance = town.rng.random()
    if chance < 0.03:  # a time, which must have passed
        return town.ledger.median_time(town.ledger.height) - 600
    # Bitcoin Core sets it to the tip, so that nobody gains by mining the tip again.
    return town.ledger.height if chance < 0.4 else 0


def donation(town: Town) -> Built | None:
    """To the hospice, whose one address hangs in every window."""
    source = payer(town, but=HOSPICE)
    gift = min(amount(town, source), COIN // 20)
    target = town.purses[HOSPICE].receive.script_at(0)
    return town.pay(source, [TxOutput(gift, target)])


def cheap_payment(town: Town) -> Built | None:
    """Somebody who can wait, or who does not know what fees are."""
    return payment(town, fee_rate=town.rng.choice((150, 300, 500, 800, 1_000, 1_000, 1_200)))


def batch(town: Town, source: Purse, coins: Sequence[HeldCoin], each: int) -> Built | None:
    """Fifty payments at once: withdrawals from the exchange, what a miner sells."""
    each = min(each, sum(held.value for held in coins) // (_BATCH + 5))
    if each < _LEAST:
        return None
    others = [purse for purse in town.purses.values() if purse is not source]
    payments = []
    for number in range(_BATCH):
        target = others[number % len(others)]
        value = int(each * town.rng.uniform(0.4, 1.5))
        script = target.receive.script(number // len(others) % GAP_LIMIT)
        payments.append(TxOutput(value, script))
    town.rng.shuffle(payments)
    return town.pay(source, payments, coins=coins)


def max_coins(town: Town, purse: Purse, count: int) -> list[HeldCoin]:
    coins = sorted(town.spendable(purse), key=lambda held: held.value, reverse=True)
    return coins[:count]


def consolidate(town: Town, purse: Purse, least: int = 20, most: int = 60) -> Built | None:
    """Gather a purse's smallest coins in one, while fees are low."""
    coins = sorted(town.spendable(purse), key=lambda held: held.value)[:most]
    if len(coins) < least:
        return None
    return town.pay(purse, [], coins=coins, fee_rate=1_000, change=purse.change.script())


def consolidate_fullest(town: Town) -> Built | None:
    """Whoever has far too many coins gathers some."""
    fullest = sorted(town.purses.values(), key=lambda purse: len(purse.coins), reverse=True)
    for purse in fullest:
        if len(purse.coins) <= _MANY_COINS:
            return None
        built = consolidate(town, purse)
        if built is not None:
            return built
    return None


def note(town: Town, data: bytes) -> Built | None:
    """The notary writes something down for ever."""
    return town.pay(town.purses[NOTARY], [TxOutput(0, op_return(data))])


def next_note(town: Town, number: int) -> Built | None:
    """The notes in turn; every third one is hostile."""
    if number % 3 == 2:
        return note(town, texts.HOSTILE_NOTES[number // 3 % len(texts.HOSTILE_NOTES)].encode())
    place = number - number // 3
    every: list[bytes] = [*(text.encode() for text in texts.NOTES), texts.LONG_NOTE.encode()]
    every.append(texts.BINARY_NOTE)
    return note(town, every[place % len(every)])


def contract_step(town: Town, contract: Contract) -> Built | None:
    """Spend from a contract what may be spent, else pay into it."""
    purse = contract.purse
    ripe = [held for held in town.free(purse) if held.owned.series is contract.series]
    if ripe and (len(ripe) > 2 or town.rng.random() < 0.5):
        return town.pay(purse, [], coins=ripe[:3], change=purse.receive.script())
    value = amount(town, purse)
    return town.pay(purse, [TxOutput(value, contract.script(town.ledger.height))])


def withdrawals(town: Town) -> Built | None:
    exchange = town.purses[EXCHANGE]
    return batch(town, exchange, max_coins(town, exchange, 3), exchange.balance // 4_000)
