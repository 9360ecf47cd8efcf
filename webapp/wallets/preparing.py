"""From a plan to a PSBT: the transactions that it spends are fetched, the keys are named."""

import time
from collections.abc import Iterable
from secrets import SystemRandom

from sqlalchemy import Connection

from indexer.chain.encoding import Transaction
from indexer.queries.full_transactions import confirmed_transactions, pending_transactions
from indexer.queries.pulse import Pulse
from indexer.raw import RawSource
from wallet.descriptor import DerivedOutput
from wallet.keys import Branch
from wallet.psbt import Psbt
from wallet.psbt_build import OwnCoin, Paid, anti_sniping_locktime, build_psbt
from webapp.wallets.snapshot import OwnedCoin, Snapshot
from webapp.wallets.spending import Plan

chance = SystemRandom()


def previous_transactions(
    connection: Connection, raw: RawSource, txids: Iterable[bytes]
) -> dict[bytes, Transaction]:
    """Those that made some coins, of the chain or the mempool. Raises RawUnavailableError."""
    wanted = list(dict.fromkeys(txids))
    found = {
        each.transaction.txid: each.transaction
        for each in confirmed_transactions(connection, raw, wanted)
    }
    missing = [txid for txid in wanted if txid not in found]
    for each in pending_transactions(connection, raw.network, missing):
        found[each.transaction.txid] = each.transaction
    return found


def prepare(
    connection: Connection, raw: RawSource, pulse: Pulse, snapshot: Snapshot, plan: Plan
) -> Psbt:
    """The PSBT of a plan. Raises RawUnavailableError where a previous transaction is not to be
    had now."""
    outputs = [Paid(output) for output in plan.selection.outputs]
    if plan.selection.change is not None:
        outputs[-1] = Paid(outputs[-1].output, _change(plan))
    return build_psbt(
        snapshot.network,
        own_coins(connection, raw, snapshot, plan.spent),
        outputs,
        chance,
        locktime=locktime_of(pulse),
    )


def own_coins(
    connection: Connection, raw: RawSource, snapshot: Snapshot, coins: Iterable[OwnedCoin]
) -> list[OwnCoin]:
    """The wallet's coins with the transactions that made them and the keys that spend them."""
    wanted = list(coins)
    previous = previous_transactions(connection, raw, (coin.txid for coin in wanted))
    return [OwnCoin(previous[coin.txid], coin.vout, derived(snapshot, coin)) for coin in wanted]


def derived(snapshot: Snapshot, coin: OwnedCoin) -> DerivedOutput:
    """The output of the wallet that a coin lies on."""
    state = snapshot.account(coin.place.account_id)
    assert state is not None
    return state.account.parsed.derive(coin.place.branch, coin.place.position)


def _change(plan: Plan) -> DerivedOutput:
    account = plan.purse.account.account
    return account.parsed.derive(Branch.CHANGE, plan.purse.change_position)


def locktime_of(pulse: Pulse) -> int:
    """For a transaction that is made now."""
    age = int(time.time()) - (pulse.tip_time or 0)
    return anti_sniping_locktime(pulse.tip_height, age, chance)
