"""BDK's Esplora client against the demo's chain, through our API and nothing else."""

import time
from collections.abc import Callable

import bdkpython as bdk
import pytest

from indexer.chain.encoding import hash_hex
from tests.bdk_wallet import BdkWallet
from tests.fixtures_clients import FEE, LiveChain

GIFT = 150_000_000
PAYMENT = 40_000_000
STOP_GAP = 12


@pytest.fixture
def live_chain(live_demo: LiveChain) -> LiveChain:
    return live_demo


@pytest.fixture
def client(live_chain: LiveChain) -> bdk.EsploraClient:
    return bdk.EsploraClient(live_chain.site.origin + "/api")


@pytest.fixture
def scan(client: bdk.EsploraClient) -> Callable[[BdkWallet], None]:
    def run(person: BdkWallet) -> None:
        request = person.wallet.start_full_scan().build()
        person.wallet.apply_update(client.full_scan(request, STOP_GAP, 2))

    return run


def refresh(client: bdk.EsploraClient, person: BdkWallet) -> None:
    """What a wallet does every minute: only the addresses it has given away."""
    request = person.wallet.start_sync_with_revealed_spks().build()
    person.wallet.apply_update(client.sync(request, 2))


def test_a_wallet_is_paid_pays_and_sees_both_confirmed(
    live_chain: LiveChain, client: bdk.EsploraClient, scan: Callable[[BdkWallet], None]
) -> None:
    alice, bob = BdkWallet("alice"), BdkWallet("bob")
    scan(alice)
    assert alice.total == 0
    gift = live_chain.pay(alice.address(), GIFT)
    live_chain.wait_for(lambda: client.get_tx_info(_txid(gift.txid)), "gift in the API")
    scan(alice)
    assert (alice.total, alice.confirmed) == (GIFT, 0)
    height = live_chain.mine()
    refresh(client, alice)
    assert (alice.confirmed, alice.confirmation_height(hash_hex(gift.txid))) == (GIFT, height)

    payment = alice.pay(bob.address(), PAYMENT)
    client.broadcast(payment)
    name = str(payment.compute_txid())
    scan(bob)
    refresh(client, alice)
    fee = alice.wallet.calculate_fee(payment).to_sat()
    assert (bob.total, bob.confirmed) == (PAYMENT, 0)
    assert alice.total == GIFT - PAYMENT - fee
    assert alice.confirmation_height(name) is None
    height = live_chain.mine()
    refresh(client, alice)
    refresh(client, bob)
    assert alice.confirmation_height(name) == bob.confirmation_height(name) == height
    assert (bob.confirmed, alice.confirmed) == (PAYMENT, GIFT - PAYMENT - fee)


def test_a_wallet_that_forgot_everything_finds_it_again(
    live_chain: LiveChain, scan: Callable[[BdkWallet], None]
) -> None:
    """Coins on addresses apart from each other, one of them with more than a page of history."""
    first = BdkWallet("carol")
    addresses = [first.address() for _ in range(STOP_GAP)]
    for address in (addresses[0], addresses[9]):
        live_chain.pay(address, GIFT)
    live_chain.mine()
    for _ in range(30):
        payment = live_chain.pay(addresses[0], 1_000_000)
        live_chain.miner.coins.insert(0, live_chain.miner.coin_of(payment, 1))
        live_chain.mine()
    again = BdkWallet("carol")
    scan(again)
    assert again.confirmed == 2 * GIFT + 30 * 1_000_000
    assert len(again.wallet.transactions()) == 32


def test_a_payment_that_is_reorganised_out_waits_again(
    live_chain: LiveChain, client: bdk.EsploraClient, scan: Callable[[BdkWallet], None]
) -> None:
    dora = BdkWallet("dora")
    gift = live_chain.pay(dora.address(), GIFT)
    live_chain.mine()
    scan(dora)
    assert dora.confirmed == GIFT
    old = live_chain.node.tip()
    live_chain.node.reorganise(1, live_chain.miner.spend.script, time=int(time.time()) + 5)
    live_chain.wait_for(lambda: live_chain.height() > old.height, "longer chain in the index")
    refresh(client, dora)
    assert (dora.total, dora.confirmed) == (GIFT, 0)
    height = live_chain.mine()
    refresh(client, dora)
    assert dora.confirmation_height(hash_hex(gift.txid)) == height


def test_each_of_its_calls(live_chain: LiveChain, client: bdk.EsploraClient) -> None:
    gift = live_chain.pay(BdkWallet("erik").address(), GIFT)
    height = live_chain.mine()
    tip = live_chain.node.tip()
    assert client.get_height() == height == tip.height
    assert str(client.get_tip_hash()) == str(client.get_block_hash(height)) == hash_hex(tip.hash)
    block = client.get_block_by_hash(client.get_tip_hash())
    header = client.get_header_by_hash(client.get_tip_hash())
    assert block is not None
    assert str(header.merkle_root) == hash_hex(live_chain_root(live_chain))
    txid = _txid(gift.txid)
    assert client.get_tx(txid).serialize() == gift.serialize()
    assert client.get_tx_status(txid).block_height == height
    info = client.get_tx_info(txid)
    assert info is not None
    assert (info.fee, info.weight, info.status.block_height) == (FEE, gift.weight, height)
    proof = client.get_merkle_proof(txid)
    assert proof is not None
    assert (proof.block_height, proof.pos) == (height, 1)
    assert str(client.get_txid_at_block_index(client.get_tip_hash(), 1)) == hash_hex(gift.txid)
    spent = client.get_output_status(_txid(gift.inputs[0].prev_txid), gift.inputs[0].prev_vout)
    assert spent is not None
    assert (spent.spent, str(spent.txid)) == (True, hash_hex(gift.txid))
    assert set(client.get_fee_estimates()) >= {1, 6, 144, 1008}
    absent = bdk.Txid.from_string("ab" * 32)
    assert client.get_tx(absent) is None
    assert client.get_tx_info(absent) is None
    assert client.get_merkle_proof(absent) is None


def live_chain_root(chain: LiveChain) -> bytes:
    return chain.node.block(chain.node.tip().hash)[36:68]


def _txid(txid: bytes) -> bdk.Txid:
    return bdk.Txid.from_string(hash_hex(txid))
