"""Fees raised afterwards: replacement by the payer (RBF), a child that pays (CPFP)."""

from indexer.chain.encoding import Transaction, TxOutput
from indexer.chain.script import dust_limit
from wallet.builder import REPLACEABLE, Built, Coin, sign, weight_of
from wallet.fees import fee_of
from webapp.demo.ledger import Pending
from webapp.demo.purse import HeldCoin
from webapp.demo.town import Town

_LEAST_STEP = 1_000  # per 1000 vbytes


def waiting(town: Town, blocks: int) -> list[Pending]:
    """Pending transactions that have no relations in the mempool and waited so many blocks."""
    ledger = town.ledger
    return [
        pending
        for txid, pending in ledger.pending.items()
        if ledger.height - pending.seen >= blocks
        and not ledger.children(txid)
        and not ledger.parents(txid)
    ]


def replace(town: Town, pending: Pending, fee_rate: int) -> Built | None:
    """The same payment with a higher fee, taken from the payer's change."""
    coins = _own_coins(town, pending.tx)
    change = _change_of(town, pending.tx, coins)
    if change is None or all(each.sequence > REPLACEABLE for each in pending.tx.inputs):
        return None
    spent = [held.coin for held in coins]
    outputs = list(pending.tx.outputs)
    fee = fee_of(weight_of(spent, outputs), max(fee_rate, pending.fee_rate + _LEAST_STEP))
    left = outputs[change].value - (fee - pending.fee)
    if left < dust_limit(outputs[change].script, town.node.network):
        return None
    outputs[change] = TxOutput(left, outputs[change].script)
    built = Built(sign(spent, outputs, locktime=pending.tx.locktime), fee, change)
    town.send(built)
    return built


def _own_coins(town: Town, tx: Transaction) -> list[HeldCoin]:
    """The coins a transaction spends, empty unless they are all somebody's of the demo."""
    found = [town.ledger.coins.get((each.prev_txid, each.prev_vout)) for each in tx.inputs]
    coins = [held for held in found if held is not None]
    return coins if len(coins) == len(found) else []


def _change_of(town: Town, tx: Transaction, coins: list[HeldCoin]) -> int | None:
    """The number of the output that goes back to who pays."""
    payers = {held.owned.purse.member for held in coins}
    for vout, output in enumerate(tx.outputs):
        owned = town.ledger.watched.get(output.script)
        if owned is not None and owned.purse.member in payers:
            return vout
    return None


def pay_for_parent(town: Town, parent: Pending, package_rate: int) -> Built | None:
    """Spend an output of a pending transaction with a fee that lifts both to a rate."""
    for vout in range(len(parent.tx.outputs)):
        held = town.ledger.coins.get((parent.tx.txid, vout))
        if held is None or held.owned.series not in held.owned.purse.ordinary:
            continue
        child = _child(town, parent, held, package_rate)
        if child is not None:
            return child
    return None


def _child(town: Town, parent: Pending, held: HeldCoin, package_rate: int) -> Built | None:
    purse = held.owned.purse
    coins: list[Coin] = [held.coin]
    script = purse.change.script()
    weight = weight_of(coins, [TxOutput(0, script)])
    fee = fee_of(weight + parent.tx.weight, package_rate) - parent.fee
    left = held.value - fee
    if fee < fee_of(weight, package_rate) or left < dust_limit(script, town.node.network):
        return None
    built = Built(sign(coins, [TxOutput(left, script)]), fee, 0)
    town.send(built)
    return built
