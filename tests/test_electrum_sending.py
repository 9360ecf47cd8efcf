"""Transactions sent through the Electrum server, alone and as packages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.chain.wire import hash_hex
from tests.electrum_client import ElectrumClient, ElectrumError
from tests.fixtures_clients import LiveChain
from tests.fixtures_electrum import electrum_command
from tests.test_electrum_answers import scripthash

FEE = 1_000


@pytest.fixture
def client(live_chain: LiveChain, tmp_path: Path) -> Iterator[ElectrumClient]:
    with electrum_command(live_chain.site, tmp_path) as (_, port), ElectrumClient(port) as client:
        client.call("server.version", "tester", "1.6")
        yield client


def waiting(chain: LiveChain) -> set[bytes]:
    return set(chain.node.mempool(frozenset()).added)


def test_a_transaction(client: ElectrumClient, live_chain: LiveChain) -> None:
    miner = live_chain.miner
    name = scripthash(miner.spend.script)
    before = client.call("blockchain.scripthash.subscribe", name)
    payment = miner.build(miner.coins[:1], FEE)
    txid = hash_hex(payment.txid)
    assert client.call("blockchain.transaction.broadcast", payment.serialize().hex()) == txid
    assert waiting(live_chain) == {payment.txid}
    assert client.call("blockchain.scripthash.get_mempool", name) == [
        {"tx_hash": txid, "height": 0, "fee": FEE}
    ]
    assert client.call("blockchain.transaction.get", txid) == payment.serialize().hex()
    method, (told, status) = client.next_news()
    assert (method, told) == ("blockchain.scripthash.subscribe", name)
    assert status not in {None, before}
    rival = miner.build(miner.coins[:1], FEE, parts=2)
    with pytest.raises(ElectrumError, match="rejected by network rules") as error:
        client.call("blockchain.transaction.broadcast", rival.serialize().hex())
    assert "insufficient fee" in str(error.value)
    assert error.value.code == 1
    assert waiting(live_chain) == {payment.txid}


def test_packages(client: ElectrumClient, live_chain: LiveChain) -> None:
    miner = live_chain.miner
    parent = miner.build(miner.coins[:1], 0)
    poor = miner.build([miner.coin_of(parent, 0)], 1)
    child = miner.build([miner.coin_of(parent, 0)], FEE)
    with pytest.raises(ElectrumError, match="min relay fee not met"):
        client.call("blockchain.transaction.broadcast", parent.serialize().hex())
    package = [parent.serialize().hex(), poor.serialize().hex()]
    told = client.call("blockchain.transaction.broadcast_package", package)
    assert told["success"] is False
    assert {each["txid"] for each in told["errors"]} == {hash_hex(parent.txid), hash_hex(poor.txid)}
    assert all(each["error"] for each in told["errors"])
    package[1] = child.serialize().hex()
    told = client.call("blockchain.transaction.broadcast_package", package)
    assert told == {"success": True}
    assert waiting(live_chain) == {parent.txid, child.txid}
    told = client.call("blockchain.transaction.broadcast_package", package, True)
    assert told["package_msg"] == "success"
    assert {each["txid"] for each in told["tx-results"].values()} == {
        hash_hex(parent.txid),
        hash_hex(child.txid),
    }
    chained = client.call("blockchain.scripthash.get_mempool", scripthash(miner.spend.script))
    assert [(each["tx_hash"], each["height"], each["fee"]) for each in chained] == [
        (hash_hex(parent.txid), 0, 0),
        (hash_hex(child.txid), -1, FEE),
    ]


def test_without_a_node(demo_site_command: ElectrumClient) -> None:
    """The process that holds the embedded node is not running."""
    with pytest.raises(ElectrumError) as error:
        demo_site_command.call("blockchain.transaction.broadcast", "00")
    assert error.value.code == 2


@pytest.fixture
def demo_site_command(live_chain: LiveChain, tmp_path: Path) -> Iterator[ElectrumClient]:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with electrum_command(live_chain.site, elsewhere) as (_, port), ElectrumClient(port) as client:
        yield client
