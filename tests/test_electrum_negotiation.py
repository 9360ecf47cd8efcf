"""Greeting, versions, and the methods about the server itself."""

from collections.abc import Iterator

import pytest

from indexer.chain.wire import hash_hex
from tests.electrum_client import ElectrumClient, ElectrumError
from tests.fixtures_electrum import RunningServer
from tests.fixtures_site import Site
from webapp.electrum.server_methods import SOFTWARE


@pytest.fixture
def client(demo_electrum: RunningServer) -> Iterator[ElectrumClient]:
    with ElectrumClient(demo_electrum.port) as client:
        yield client


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [
        ("1.4", "1.4"),
        ("1.4.0", "1.4"),
        ("1.4.2", "1.4.2"),
        ("1.6", "1.6"),
        (["1.4", "1.4.3"], "1.4.3"),
        (["1.1", "1.6"], "1.6"),
        (["1.4", "1.7"], "1.6"),
        (["1.6", "2.0"], "1.6"),
    ],
)
def test_versions_in_common(client: ElectrumClient, asked: object, agreed: str) -> None:
    assert client.call("server.version", "tester", asked) == [SOFTWARE, agreed]
    with pytest.raises(ElectrumError, match="agreed upon already"):
        client.call("server.version", "tester", asked)
    assert client.call("server.ping") is None


@pytest.mark.parametrize("asked", ["1.3", "2.0", ["1.7", "2.0"], ["1.0", "1.3"]])
def test_no_version_in_common(client: ElectrumClient, asked: object) -> None:
    with pytest.raises(ElectrumError, match=r"speaks 1\.4 to 1\.6"):
        client.call("server.version", "tester", asked)
    with pytest.raises(ConnectionError):
        client.receive()


@pytest.mark.parametrize("asked", [None, 1.4, "", "1", "a.b", ["1.4"], [1, 2], "1." + "9" * 5000])
def test_what_is_no_version(client: ElectrumClient, asked: object) -> None:
    with pytest.raises(ElectrumError, match="protocol_version: expected"):
        client.call("server.version", "tester", asked)
    assert client.call("server.version") == [SOFTWARE, "1.4"]


def test_the_newest_version_asks_for_the_greeting_first(client: ElectrumClient) -> None:
    assert client.call("server.ping") is None
    assert client.call("server.version", "late", ["1.4", "1.6"]) == [SOFTWARE, "1.4.3"]


def test_a_late_client_of_the_newest_version_only(client: ElectrumClient) -> None:
    client.call("server.ping")
    with pytest.raises(ElectrumError, match=r"1\.6 only where server.version comes first"):
        client.call("server.version", "late", "1.6")


def test_parameters_of_future_versions_are_ignored(client: ElectrumClient) -> None:
    assert client.call("server.version", "next", "1.6", "more", 7)[1] == "1.6"


def test_parameters_by_name(client: ElectrumClient) -> None:
    answer = client.call("server.version", client_name="named", protocol_version="1.6", more=1)
    assert answer[1] == "1.6"
    by_place = client.call("blockchain.block.headers", 0, 2)
    assert client.call("blockchain.block.headers", start_height=0, count=2) == by_place


def test_the_server_tells_of_itself(client: ElectrumClient, demo_site: Site) -> None:
    features = client.call("server.features")
    assert features["genesis_hash"] == hash_hex(demo_site.node.block_hash(0))
    assert features["protocol_min"] == "1.4"
    assert features["protocol_max"] == "1.6"
    assert features["hash_function"] == "sha256"
    assert features["server_version"] == SOFTWARE
    assert features["pruning"] is None
    assert str(demo_site.node.tip().height) in client.call("server.banner")
    assert client.call("server.donation_address") == ""
    assert client.call("server.peers.subscribe") == []
    assert client.call("server.add_peer", features) is False
