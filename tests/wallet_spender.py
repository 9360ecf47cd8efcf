"""Somebody with a wallet of every kind, and coins made up or on a real chain."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from indexer.chain.encoding import Transaction, TxInput, TxOutput
from indexer.chain.network import Network, get_network
from wallet.coins import Candidate, ChangeOutput
from wallet.descriptor import DerivedOutput, Descriptor
from wallet.inspection import inspect, usual_limits
from wallet.keys import Account, Branch, KeyNode, Purpose
from wallet.own_keys import OwnKeys
from wallet.psbt import Psbt
from wallet.psbt_build import OwnCoin, Paid, build_psbt
from wallet.psbt_finish import extract, finalise
from wallet.satisfaction import input_size_of
from wallet.signer import sign

REGTEST = get_network("bitcoin-regtest")


@dataclass(frozen=True)
class Spender:
    """A master key and its first account of each purpose."""

    network: Network
    master: KeyNode
    keys: OwnKeys

    @classmethod
    def of(cls, seed: bytes, network: Network = REGTEST) -> "Spender":
        master = KeyNode.master(seed.ljust(16, b"\1"), network)
        return cls(network, master, OwnKeys(master, network))

    def descriptor(self, purpose: Purpose) -> Descriptor:
        account = Account(self.master, self.network, purpose)
        return Descriptor.of_account(
            purpose, account.node.xpub, self.master.fingerprint, account.path, self.network
        )

    def output(
        self, purpose: Purpose, branch: Branch = Branch.RECEIVE, index: int = 0
    ) -> DerivedOutput:
        return self.descriptor(purpose).derive(branch, index)

    def sign(self, psbt: Psbt) -> Transaction:
        """Inspected, signed, finished."""
        limits = replace(usual_limits(self.network), fee_percent=1_000)
        return extract(finalise(sign(inspect(psbt, self.keys, limits), self.keys)))


def made_up(outputs: Sequence[TxOutput], number: int = 0) -> Transaction:
    """A transaction with these outputs that no chain holds."""
    spent = TxInput(number.to_bytes(32, "big"), 0, b"\x51", 0xFFFFFFFF)
    return Transaction(2, [spent], outputs)


def made_up_coin(output: DerivedOutput, value: int, number: int = 0) -> OwnCoin:
    return OwnCoin(made_up([TxOutput(value, output.script)], number), 0, output)


def candidate_of(coin: OwnCoin) -> Candidate:
    value, script = coin.prevout
    size = input_size_of(coin.output)
    return Candidate(coin.previous.txid, coin.vout, value, script, size)


def change_to(output: DerivedOutput) -> ChangeOutput:
    return ChangeOutput(output.script, input_size_of(output))


def sweep(coins: Sequence[OwnCoin], to: bytes, network: Network, fee: int = 10_000) -> Psbt:
    """All the coins to one script."""
    value = sum(coin.prevout.value for coin in coins) - fee
    return build_psbt(network, coins, [Paid(TxOutput(value, to))], Random(1))
