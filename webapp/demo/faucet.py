"""The demo's faucet: coins of one size on one script, which the economy keeps filled.

The economy fills it; the web process, which derives the same key, spends from it. They meet only
on the chain.
"""

from contextlib import suppress
from functools import lru_cache
from random import SystemRandom
from typing import Final

from sqlalchemy import Connection

from indexer.chain.encoding import TxOutput
from indexer.chain.network import Network
from indexer.node.base import TransactionRejectedError
from indexer.queries.coins import Coin as IndexedCoin
from indexer.queries.coins import PendingCoin, coins, pending_coins
from wallet.builder import Built, Coin, sign
from wallet.keys import Account, Branch, KeyNode
from wallet.seed import seed_of_words
from wallet.spending import Spend, of_account
from webapp.broadcast import broadcast
from webapp.demo.cast import EXCHANGE, FAUCET, mnemonic_of
from webapp.demo.town import SEED, Town

GIFT: Final = 50_000_000
_FEE: Final = 1_500  # of one gift, some 13 per vbyte
_COINS: Final = 20  # made at once: with their gifts they stay below a mempool's 25 descendants
_FEW: Final = 10
_FILLING_RATE: Final = 20_000  # per 1000 vbytes: not to be waited for
_LOOKED_AT: Final = 200
_ATTEMPTS: Final = 4

_chance = SystemRandom()


class FaucetEmptyError(Exception):
    """No coin is left until the economy fills the faucet again."""


def fill(town: Town) -> Built | None:
    """Let the exchange pay for new coins when few are left."""
    left = [held for held in town.faucet.coins if held not in town.ledger.spenders]
    if len(left) >= _FEW:
        return None
    drops = [TxOutput(GIFT + _FEE, town.faucet.receive.script_at(0))] * _COINS
    return town.pay(town.purses[EXCHANGE], drops, fee_rate=_FILLING_RATE)


def give(connection: Connection, network: Network, script: bytes) -> bytes:
    """Send GIFT to a script and return the txid.

    FaucetEmptyError where no coin is left; NodeError as of `broadcast`.
    """
    spend = _spend(network)
    free = _free_coins(connection, spend)
    _chance.shuffle(free)  # so that two who ask at once rarely meet at one coin
    for coin in free[:_ATTEMPTS]:
        with suppress(TransactionRejectedError):  # somebody else has just taken this coin
            return broadcast(sign([coin], [TxOutput(GIFT, script)]).serialize())
    raise FaucetEmptyError


def _free_coins(connection: Connection, spend: Spend) -> list[Coin]:
    held: list[IndexedCoin | PendingCoin] = [
        *coins(connection, spend.script, limit=_LOOKED_AT),
        *pending_coins(connection, spend.script, _LOOKED_AT),
    ]
    return [
        Coin(each.txid, each.vout, each.value, spend)
        for each in held
        if each.spent_by is None and each.value == GIFT + _FEE
    ]


@lru_cache
def _spend(network: Network) -> Spend:
    master = KeyNode.master(seed_of_words(mnemonic_of(FAUCET, SEED)), network)
    account = Account(master, network, FAUCET.purpose)
    return of_account(FAUCET.purpose, account.key(Branch.RECEIVE, 0))
