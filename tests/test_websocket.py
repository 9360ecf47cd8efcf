"""The WebSocket in the words of mempool.space's clients: told what moved, each thing once."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import urllib3
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from indexer.chain.address import address_of
from indexer.chain.encoding import Transaction, TxOutput, hash_hex
from indexer.chain.script import p2wpkh
from tests.fixtures_clients import LiveChain
from tests.fixtures_site import Site
from wallet.builder import sign
from webapp.websocket.hub import MAX_PER_CLIENT
from webapp.websocket.subscriptions import MAX_ADDRESSES

SECONDS = 15.0
QUIET_SECONDS = 3.5  # longer than the watcher holds the mempool's news back
Message = dict[str, Any]


def url(site: Site) -> str:
    return site.origin.replace("http", "ws") + "/api/v1/ws"


@contextmanager
def watcher(site: Site, **message: object) -> Iterator[ClientConnection]:
    with connect(url(site), compression=None) as client:
        if message:
            say(client, **message)
        yield client


def say(client: ClientConnection, **message: object) -> None:
    client.send(json.dumps({name.replace("_", "-"): value for name, value in message.items()}))


def hear(client: ClientConnection) -> Message:
    message: Message = json.loads(client.recv(timeout=SECONDS))
    return message


def hear_of(client: ClientConnection, name: str) -> Any:
    """The first part of this name; other messages are passed over."""
    for _ in range(20):
        message = hear(client)
        if name in message:
            return message[name]
    raise AssertionError(f"nothing of {name}")


def hear_until_quiet(client: ClientConnection) -> list[Message]:
    messages: list[Message] = []
    try:
        while True:
            messages.append(json.loads(client.recv(timeout=QUIET_SECONDS)))
    except TimeoutError:
        return messages


def new_address(chain: LiveChain, number: int) -> str:
    address = address_of(p2wpkh(number.to_bytes(20, "big")), chain.node.network)
    assert address is not None
    return address


def rest(site: Site, path: str) -> Any:
    return urllib3.request("GET", f"{site.origin}/api{path}").json()


def test_init_and_want_say_what_the_rest_api_says(demo_site: Site) -> None:
    with watcher(demo_site, action="ping") as client:
        assert hear(client) == {"pong": True}
        say(client, action="init")
        first = hear(client)
        assert first["blocks"] == rest(demo_site, "/v1/blocks")[:8][::-1]
        assert first["mempool-blocks"] == rest(demo_site, "/v1/fees/mempool-blocks")
        assert first["fees"] == rest(demo_site, "/v1/fees/recommended")
        assert first["mempoolInfo"]["size"] == rest(demo_site, "/mempool")["count"]
        assert (
            first["da"]["nextRetargetHeight"]
            == first["blocks"][-1]["height"] + first["da"]["remainingBlocks"]
        )
        say(client, action="want", data=["blocks", "stats", "mempool-blocks", "live-2h-chart"])
        wanted = hear(client)
        assert wanted["blocks"] == first["blocks"]
        assert wanted.keys() >= {"mempool-blocks", "mempoolInfo", "fees", "vBytesPerSecond", "da"}
        say(client, action="want", data=["blocks"])  # nothing new is wanted: nothing is sent
        say(client, action="ping")
        assert hear(client) == {"pong": True}


def test_nonsense_is_answered_in_words(demo_site: Site) -> None:
    with watcher(demo_site) as client:
        client.send("{")
        assert "JSON object" in hear(client)["error"]
        client.send("[" * 50_000)
        assert "JSON object" in hear(client)["error"]
        say(client, track_address="bcrt1nonsense")
        assert "does not occur" in hear(client)["track-address-error"]
        say(client, track_tx="12")
        assert "64" in hear(client)["track-tx-error"]
        say(client, track_addresses=["x"] * (MAX_ADDRESSES + 1))
        assert str(MAX_ADDRESSES) in hear(client)["track-addresses-error"]
        client.send(json.dumps({"action": "want", "data": {"blocks": 1}, "track-tx": ["x"]}))
        assert "track-tx-error" in hear(client)
        client.send("x" * (1 << 17))
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=SECONDS)


def test_blocks_and_mempool_are_told_once_to_who_wants_them(live_chain: LiveChain) -> None:
    site = live_chain.site
    with watcher(site, action="want", data=["blocks"]) as blocks:
        hear_of(blocks, "blocks")
        with watcher(site, action="want", data=["stats", "mempool-blocks"]) as figures:
            hear(figures)
            live_chain.pay(new_address(live_chain, 1), 50_000)
            waiting = hear_of(figures, "mempool-blocks")
            assert waiting[0]["nTx"] == 1
            height = live_chain.mine(3)
            assert hear_of(figures, "mempool-blocks") == []
        told = [message["block"] for message in hear_until_quiet(blocks) if "block" in message]
    assert [block["height"] for block in told] == [height - 2, height - 1, height]
    assert told[::-1] == rest(site, "/v1/blocks")[:3]


def test_an_address_is_told_of_its_transactions_and_of_no_others(live_chain: LiveChain) -> None:
    site = live_chain.site
    one, other, third = (new_address(live_chain, number) for number in range(2, 5))
    with (
        watcher(site, track_address=one) as single,
        watcher(site, track_addresses=[one, other]) as several,
        watcher(site, track_address=third) as stranger,
    ):
        hear_until_quiet(single)
        payment = live_chain.pay(one, 70_000)
        waiting = hear_of(single, "address-transactions")
        assert [each["txid"] for each in waiting] == [hash_hex(payment.txid)]
        assert waiting == [rest(site, f"/tx/{hash_hex(payment.txid)}")]
        news = hear_of(several, "multi-address-transactions")
        assert news == {one: {"mempool": waiting, "confirmed": [], "removed": []}}
        live_chain.mine()
        confirmed = hear_of(single, "block-transactions")
        assert confirmed == [rest(site, f"/tx/{hash_hex(payment.txid)}")]
        assert confirmed[0]["status"]["confirmed"]
        assert hear_of(several, "multi-address-transactions")[one]["confirmed"] == confirmed
        say(single, track_address="stop")
        live_chain.pay(one, 71_000)
        later = hear_of(several, "multi-address-transactions")
        assert len(later[one]["mempool"]) == 1
        assert hear_until_quiet(single) == []
        assert hear_until_quiet(stranger) == []


def test_a_transaction_is_followed_to_its_block(live_chain: LiveChain) -> None:
    site = live_chain.site
    coin = live_chain.miner.coins.pop(0)

    def version(fee: int) -> Transaction:
        output = TxOutput(coin.value - fee, live_chain.miner.spend.script)
        return sign([coin], [output])

    first, second = version(2_000), version(50_000)
    name = hash_hex(first.txid)
    with watcher(site, track_tx=name, watch_mempool=True) as client:
        hear_until_quiet(client)
        live_chain.node.submit(first.serialize())
        message = hear(client)
        assert message["tx"] == rest(site, f"/tx/{name}")
        assert message["txPosition"] == {"txid": name, "position": {"block": 0, "vsize": 0}}
        live_chain.node.submit(second.serialize())
        assert hear_of(client, "rbfTransaction") == {"txid": hash_hex(second.txid)}
        say(client, track_tx=hash_hex(second.txid))
        assert hear_of(client, "txPosition")["txid"] == hash_hex(second.txid)
        live_chain.mine()
        assert hear_of(client, "txConfirmed") == hash_hex(second.txid)
        say(client, track_tx=hash_hex(second.txid))
        assert hear(client) == {"txConfirmed": hash_hex(second.txid)}
        say(client, **{"track-tx": name, "watch-mempool": True})
        assert hear(client) == {"txReplaced": {"txid": hash_hex(second.txid)}}


def test_one_client_may_open_only_so_many(demo_site: Site) -> None:
    with ExitStack() as opened:
        for _ in range(MAX_PER_CLIENT):
            opened.enter_context(connect(url(demo_site), compression=None))
        with pytest.raises(InvalidStatus) as refused:
            connect(url(demo_site))
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"]
    with watcher(demo_site, action="ping") as client:
        assert hear(client) == {"pong": True}


def test_other_sites_pages_are_refused(demo_site: Site) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(url(demo_site), origin=Origin("https://example.org"))
    assert refused.value.response.status_code == 403


def test_who_asks_without_the_protocol_is_told(demo_site: Site) -> None:
    answer = urllib3.request("GET", demo_site.origin + "/api/v1/ws")
    assert (answer.status, answer.headers["Upgrade"]) == (426, "websocket")


def test_a_broken_handshake_is_refused(demo_site: Site) -> None:
    host, port = demo_site.origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.settimeout(SECONDS)
        raw.sendall(
            b"GET /api/v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert raw.recv(4096).startswith(b"HTTP/1.1 400")
