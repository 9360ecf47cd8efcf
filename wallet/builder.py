"""Transactions from coins and payments: the fee of the exact size, the change, the signatures."""

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.chain.encoding import Transaction, TxInput, TxOutput
from indexer.chain.network import Network
from indexer.chain.script import dust_limit
from wallet.fees import InsufficientFundsError, fee_of, transaction_weight
from wallet.sighash import Sighash
from wallet.spending import Spend

REPLACEABLE = 0xFFFFFFFD  # BIP125
_LOCKTIME_ONLY = 0xFFFFFFFE


@dataclass(frozen=True, slots=True)
class Coin:
    """An output we can spend. `txid` in wire order."""

    txid: bytes
    vout: int
    value: int
    spend: Spend

    @property
    def outpoint(self) -> tuple[bytes, int]:
        return self.txid, self.vout


@dataclass(frozen=True, slots=True)
class Built:
    """A signed transaction; `change` is the number of its change output."""

    tx: Transaction
    fee: int
    change: int | None


def weight_of(coins: Sequence[Coin], outputs: Sequence[TxOutput]) -> int:
    """The weight that the signed transaction will have."""
    return transaction_weight([coin.spend.template.input_size for coin in coins], outputs)


def build(
    coins: Sequence[Coin],
    payments: Sequence[TxOutput],
    *,
    fee_rate: int,
    change_script: bytes,
    network: Network,
    locktime: int = 0,
    sequence: int = REPLACEABLE,
) -> Built:
    """Spend all the coins: the payments, then the change unless it would be dust.

    The fee rate is per 1000 vbytes. InsufficientFundsError if the coins do not suffice.
    """
    available = sum(coin.value for coin in coins)
    paid = sum(payment.value for payment in payments)
    least_fee = fee_of(weight_of(coins, payments), fee_rate)
    if paid + least_fee > available:
        raise InsufficientFundsError(paid + least_fee, available)
    with_change = [*payments, TxOutput(0, change_script)]
    fee = fee_of(weight_of(coins, with_change), fee_rate)
    change = available - paid - fee
    dust = dust_limit(change_script, network)
    if change < dust and not payments:
        raise InsufficientFundsError(fee + dust, available)
    if change < dust:
        tx = sign(coins, payments, locktime=locktime, sequence=sequence)
        return Built(tx, available - paid, None)
    with_change[-1] = TxOutput(change, change_script)
    tx = sign(coins, with_change, locktime=locktime, sequence=sequence)
    return Built(tx, fee, len(payments))


def sign(
    coins: Sequence[Coin],
    outputs: Sequence[TxOutput],
    *,
    locktime: int = 0,
    sequence: int = REPLACEABLE,
) -> Transaction:
    """The signed transaction with these inputs and outputs, in this order."""
    locktime = max([locktime, *(coin.spend.locktime for coin in coins)])
    if locktime:
        sequence = min(sequence, _LOCKTIME_ONLY)
    inputs = [
        TxInput(coin.txid, coin.vout, b"", sequence if own is None else own)
        for coin in coins
        for own in (coin.spend.sequence,)
    ]
    unsigned = Transaction(2, inputs, outputs, locktime)
    digests = Sighash(unsigned, [TxOutput(coin.value, coin.spend.script) for coin in coins])
    signed = []
    for index, (coin, tx_input) in enumerate(zip(coins, inputs, strict=True)):
        script_sig, witness = coin.spend.unlock(digests, index)
        signed.append(tx_input._replace(script_sig=script_sig, witness=witness))
    return Transaction(2, signed, outputs, locktime)
