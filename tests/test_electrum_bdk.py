"""BDK's Electrum client against the demo's chain, through our server and nothing else."""

import time
from collections.abc import Iterator

import bdkpython as bdk
import pytest

from indexer.chain.encoding import hash_hex
from tests.bdk_wallet import BdkWallet
from tests.fixtures_clients import LiveChain
from tests.fixtures_electrum import electrum_server

GIFT = 150_000_000
PAYMENT = 40_000_000
STOP_GAP = 12
BATCH = 5


class Connected:
    """A BDK wallet on our server. `sees` looks again until it holds, as the index follows."""

    def __init__(self, chain: LiveChain, client: bdk.ElectrumClient, name: str) -> None:
        self.person = BdkWallet(name)
        self._chain = chain
        self._client = client

    def scan(self) -> None:
        """All addresses, as a wallet does that has just been restored."""
        request = self.person.wallet.start_full_scan().build()
        update = self._client.full_scan(request, STOP_GAP, BATCH, True)
        self.person.wallet.apply_update(update)

    def refresh(self) -> None:
        """The addresses that it has given away."""
        request = self.person.wallet.start_sync_with_revealed_spks().build()
        self.person.wallet.apply_update(self._client.sync(request, BATCH, True))

    def sees(self, total: int, confirmed: int) -> None:
        def reached() -> bool:
            try:
                self.refresh()
            except bdk.ElectrumError.Protocol:
                return False  # it asked for the tip's header while that was reorganised out
            return (self.person.total, self.person.confirmed) == (total, confirmed)

        self._chain.wait_for(reached, f"balance of {total}, of which {confirmed} is confirmed")


@pytest.fixture
def live_chain(live_demo: LiveChain) -> LiveChain:
    return live_demo


@pytest.fixture
def client(live_chain: LiveChain) -> Iterator[bdk.ElectrumClient]:
    with electrum_server(live_chain.site) as running:
        yield bdk.ElectrumClient(f"tcp://127.0.0.1:{running.port}")


def test_a_wallet_is_paid_pays_and_sees_both_confirmed(
    live_chain: LiveChain, client: bdk.ElectrumClient
) -> None:
    alice, bob = (Connected(live_chain, client, name) for name in ("alice", "bob"))
    alice.scan()
    assert alice.person.total == 0
    gift = live_chain.pay(alice.person.address(), GIFT)
    alice.sees(GIFT, 0)
    height = live_chain.mine()
    alice.sees(GIFT, GIFT)
    assert alice.person.confirmation_height(hash_hex(gift.txid)) == height

    address = bob.person.address()
    payment = alice.person.pay(address, PAYMENT)
    name = str(client.transaction_broadcast(payment))
    assert name == str(payment.compute_txid())
    rest = GIFT - PAYMENT - alice.person.wallet.calculate_fee(payment).to_sat()
    bob.sees(PAYMENT, 0)
    alice.sees(rest, 0)
    height = live_chain.mine()
    bob.sees(PAYMENT, PAYMENT)
    alice.sees(rest, rest)
    assert alice.person.confirmation_height(name) == height
    assert bob.person.confirmation_height(name) == height


def test_a_wallet_that_forgot_everything_finds_it_again(
    live_chain: LiveChain, client: bdk.ElectrumClient
) -> None:
    """Coins on addresses apart from each other."""
    before = BdkWallet("carol")
    addresses = [before.address() for _ in range(STOP_GAP)]
    for address in (addresses[0], addresses[3], addresses[-1]):
        live_chain.pay(address, GIFT)
        live_chain.mine()
    again = Connected(live_chain, client, "carol")
    again.scan()
    assert again.person.confirmed == 3 * GIFT
    assert len(again.person.wallet.transactions()) == 3


def test_a_payment_that_is_reorganised_out_waits_again(
    live_chain: LiveChain, client: bdk.ElectrumClient
) -> None:
    dora = Connected(live_chain, client, "dora")
    gift = live_chain.pay(dora.person.address(), GIFT)
    live_chain.mine()
    dora.scan()
    assert dora.person.confirmed == GIFT
    live_chain.node.reorganise(1, live_chain.miner.spend.script, time=int(time.time()) + 5)
    dora.sees(GIFT, 0)
    height = live_chain.mine()
    dora.sees(GIFT, GIFT)
    assert dora.person.confirmation_height(hash_hex(gift.txid)) == height


def test_each_of_its_calls(live_chain: LiveChain, client: bdk.ElectrumClient) -> None:
    gift = live_chain.pay(BdkWallet("erik").address(), GIFT)
    height = live_chain.mine()
    tip = live_chain.node.tip()
    client.ping()
    assert client.server_features().protocol_max == "1.6"
    assert client.server_features().genesis_hash is not None
    assert client.block_headers_subscribe().height == height
    header = client.block_header(height)
    assert str(header.merkle_root) == hash_hex(live_chain.node.block(tip.hash)[36:68])
    fetched = client.fetch_tx(bdk.Txid.from_string(hash_hex(gift.txid)))
    assert fetched.serialize() == gift.serialize()
    assert client.relay_fee() == live_chain.node.info().relay_fee / 10**8
    assert client.estimate_fee(6) == live_chain.node.fee_estimates()[6] / 10**8
    with pytest.raises(bdk.ElectrumError):
        client.fetch_tx(bdk.Txid.from_string("ab" * 32))
    with pytest.raises(bdk.ElectrumError):
        client.transaction_broadcast(bdk.Transaction(gift.serialize()))
