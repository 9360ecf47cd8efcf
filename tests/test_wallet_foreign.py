"""With a wallet that we did not write, both ways: litecoind signs ours, and we sign litecoind's."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from bip_utils import WifEncoder

from indexer.chain.address import address_of, script_of
from indexer.chain.encoding import (
    Transaction,
    TxOutput,
    hash_from_hex,
    hash_hex,
    parse_transaction,
)
from indexer.chain.network import get_network
from indexer.node.core import CoreNode
from tests.fixtures_litecoind import COIN, Daemon, NewNode
from tests.wallet_spender import Spender, candidate_of, change_to
from wallet.coins import Request
from wallet.descriptor import DerivedOutput
from wallet.inspection import inspect, usual_limits
from wallet.keys import Branch, Purpose
from wallet.psbt import parse_psbt
from wallet.psbt_build import OwnCoin, Paid, build_psbt
from wallet.psbt_finish import extract, finalise
from wallet.selection import select, select_all
from wallet.signer import sign

LITECOIN = get_network("litecoin-regtest")
FEE_RATE = 25_000  # per 1000 vbytes


def _raw(daemon: Daemon, txid: str) -> Transaction:
    wallet: dict[str, Any] = daemon.rpc("gettransaction", txid, wallet="miner")
    return parse_transaction(bytes.fromhex(wallet["hex"]), LITECOIN)


@dataclass
class Funded:
    """Ann, with coins that litecoind's miner sent her."""

    daemon: Daemon
    node: CoreNode
    ann: Spender
    next_index: int = 0

    def output(self, purpose: Purpose, branch: Branch = Branch.RECEIVE) -> DerivedOutput:
        self.next_index += 1
        return self.ann.output(purpose, branch, self.next_index)

    def receive(self, purpose: Purpose, *amounts: int) -> list[OwnCoin]:
        """Confirmed coins, each from a transaction of its own."""
        coins = []
        for amount in amounts:
            output = self.output(purpose)
            address = address_of(output.script, LITECOIN)
            assert address is not None
            previous = _raw(self.daemon, self.daemon.send(address, amount / COIN))
            vout = [each.script for each in previous.outputs].index(output.script)
            coins.append(OwnCoin(previous, vout, output))
        self.daemon.mine()
        return coins

    def request(self, change: DerivedOutput, *payments: TxOutput) -> Request:
        return Request(LITECOIN, payments, FEE_RATE, FEE_RATE, change_to(change))

    def broadcast(self, signed: Transaction) -> None:
        """Judged, then sent, by the node through our own client, and mined."""
        raw = signed.serialize()
        (verdict,) = self.node.test_accept([raw])
        assert verdict.allowed, verdict
        assert self.node.submit(raw) == signed.txid
        self.daemon.mine()
        mined = self.daemon.rpc("getrawtransaction", hash_hex(signed.txid), True, self._best())
        assert mined["confirmations"] == 1

    def _best(self) -> str:
        best: str = self.daemon.rpc("getbestblockhash")
        return best


@pytest.fixture
def funded(litecoind: Daemon, new_node: NewNode) -> Funded:
    node = new_node(litecoind.url, cookie_file=litecoind.cookie_file)
    return Funded(
        litecoind, node, Spender.of(b"Lia of " + bytes([litecoind.height % 251]), LITECOIN)
    )


def _payee(daemon: Daemon, kind: str = "bech32") -> bytes:
    return script_of(daemon.address(kind=kind), LITECOIN)


@pytest.mark.parametrize("purpose", Purpose)
def test_what_we_build_and_sign_our_node_broadcasts(funded: Funded, purpose: Purpose) -> None:
    coins = {
        candidate_of(coin): coin for coin in funded.receive(purpose, COIN, COIN // 2, COIN // 4)
    }
    change = funded.output(purpose, Branch.CHANGE)
    payment = TxOutput(120_000_000, _payee(funded.daemon))
    selection = select(coins, funded.request(change, payment), Random(1))
    assert selection.change is not None
    outputs = [Paid(payment), Paid(selection.outputs[1], change)]
    spent = [coins[candidate] for candidate in selection.coins]
    psbt = build_psbt(LITECOIN, spent, outputs, Random(2), locktime=funded.daemon.height)
    signed = funded.ann.sign(parse_psbt(psbt.base64, LITECOIN))
    assert 0 <= selection.weight - signed.weight <= 4 * len(spent)
    funded.broadcast(signed)


def test_all_kinds_in_one_transaction_to_one_address(funded: Funded) -> None:
    coins = {
        candidate_of(coin): coin
        for purpose in Purpose
        for coin in funded.receive(purpose, 30_000_000)
    }
    change = funded.output(Purpose.P2WPKH, Branch.CHANGE)
    selection = select_all(coins, funded.request(change), _payee(funded.daemon, "legacy"))
    psbt = build_psbt(LITECOIN, coins.values(), [Paid(selection.outputs[0])], Random(3))
    signed = funded.ann.sign(parse_psbt(psbt.base64, LITECOIN))
    assert signed.outputs == selection.outputs
    funded.broadcast(signed)


def _give_keys(funded: Funded, name: str, coins: Sequence[OwnCoin], purpose: Purpose) -> None:
    """The coins' private keys to a wallet of litecoind."""
    funded.daemon.rpc("createwallet", name, False, True)
    for coin in coins:
        (origin,) = coin.output.keys
        secret = funded.ann.keys.private_key(origin.path)
        wif = WifEncoder.Encode(secret.secret, LITECOIN.wif_prefix)
        funded.daemon.rpc("importprivkey", wif, purpose.name, False, wallet=name)


@pytest.mark.parametrize("purpose", [Purpose.P2PKH, Purpose.P2SH_P2WPKH, Purpose.P2WPKH])
def test_litecoind_signs_what_we_build(funded: Funded, purpose: Purpose) -> None:
    coins = funded.receive(purpose, COIN, 70_000_000)
    change = funded.output(purpose, Branch.CHANGE)
    value = COIN + 70_000_000 - 100_000_000 - 20_000
    outputs = [
        Paid(TxOutput(100_000_000, _payee(funded.daemon))),
        Paid(TxOutput(value, change.script), change),
    ]
    psbt = build_psbt(LITECOIN, coins, outputs, Random(4))
    name = f"signer-{purpose.name}-{funded.daemon.height}"
    _give_keys(funded, name, coins, purpose)
    read = funded.daemon.rpc("decodepsbt", psbt.base64)
    assert round(read["fee"] * COIN) == psbt.fee == 20_000
    answer = funded.daemon.rpc("walletprocesspsbt", psbt.base64, wallet=name)
    assert answer["complete"]
    theirs = finalise(parse_psbt(answer["psbt"], LITECOIN))
    transaction = extract(theirs)
    assert transaction.outputs == psbt.tx.outputs
    assert funded.daemon.rpc("finalizepsbt", answer["psbt"])["hex"] == transaction.serialize().hex()
    funded.broadcast(transaction)


def _watching(funded: Funded, purpose: Purpose) -> str:
    """A wallet of litecoind that knows an account's public keys and where they come from."""
    name = f"watching-{purpose.name}-{funded.daemon.height}"
    funded.daemon.rpc("createwallet", name, True, True)
    descriptor = funded.ann.descriptor(purpose)
    requests = [
        {
            "desc": text,
            "range": [0, 20],
            "timestamp": "now",
            "keypool": True,
            "internal": internal,
            "watchonly": True,
        }
        for text, internal in ((descriptor.receive_text, False), (descriptor.change_text, True))
    ]
    for answer in funded.daemon.rpc("importmulti", requests, wallet=name):
        assert answer["success"], answer
    return name


_KINDS = {Purpose.P2PKH: "legacy", Purpose.P2SH_P2WPKH: "p2sh-segwit", Purpose.P2WPKH: "bech32"}


@pytest.mark.parametrize("purpose", _KINDS)
def test_we_sign_what_litecoind_builds(funded: Funded, purpose: Purpose) -> None:
    name = _watching(funded, purpose)
    kind = _KINDS[purpose]
    for amount in (0.4, 0.7):
        funded.daemon.send(funded.daemon.address(name, kind), amount)
    funded.daemon.mine()
    payee = funded.daemon.address()
    options = {"includeWatching": True, "change_type": kind, "replaceable": True, "feeRate": 0.0003}
    made = funded.daemon.rpc("walletcreatefundedpsbt", [], [{payee: 0.9}], 0, options, wallet=name)
    psbt = parse_psbt(made["psbt"], LITECOIN)
    inspected = inspect(
        psbt,
        funded.ann.keys,
        usual_limits(LITECOIN),
        payments=[TxOutput(90_000_000, script_of(payee, LITECOIN))],
    )
    assert inspected.fee == round(made["fee"] * COIN)
    assert len(inspected.change) == 1  # proven from the path that litecoind named
    assert len(inspected.inputs) == 2
    signed = sign(inspected, funded.ann.keys)
    transaction = extract(finalise(signed))
    # And litecoind finishes what we signed just as we do.
    theirs = funded.daemon.rpc("finalizepsbt", signed.base64)
    assert theirs["complete"]
    assert theirs["hex"] == transaction.serialize().hex()
    funded.broadcast(transaction)


def test_coins_out_of_mweb_are_spent(funded: Funded) -> None:
    """A peg-out is an output of the HogEx, whose previous transaction has the MWEB flag."""
    output = funded.output(Purpose.P2WPKH)
    address = address_of(output.script, LITECOIN)
    assert address is not None
    inside = funded.daemon.peg_in(1)[0]
    funded.daemon.mine()
    funded.daemon.send(address, 0.4, wallet=inside)
    (block_hash,) = funded.daemon.mine()
    block = funded.daemon.rpc("getblock", block_hash, 1)
    hogex_id = block["tx"][-1]
    raw = funded.node.transaction(hash_from_hex(hogex_id), hash_from_hex(block_hash))
    hogex = parse_transaction(raw, LITECOIN)
    assert hogex.is_hogex
    vout = [each.script for each in hogex.outputs].index(output.script)
    funded.daemon.mine(6)  # peg-outs mature after six blocks
    coin = OwnCoin(hogex, vout, output)
    payment = TxOutput(coin.prevout.value - 10_000, _payee(funded.daemon))
    psbt = build_psbt(LITECOIN, [coin], [Paid(payment)], Random(5))
    assert round(funded.daemon.rpc("decodepsbt", psbt.base64)["fee"] * COIN) == 10_000
    funded.broadcast(funded.ann.sign(parse_psbt(psbt.base64, LITECOIN)))
