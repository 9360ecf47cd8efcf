"""What a person is told when the node is down, wrong, pruned, frozen or behind a bad proxy."""

import contextlib
import hashlib
import json
import os
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.chain.encoding import hash256, hash_from_hex, hash_hex, parse_block
from indexer.chain.network import get_network
from indexer.node import http
from indexer.node.base import (
    BlockUnavailableError,
    NodeError,
    NodeUnavailableError,
    WrongNetworkError,
)
from indexer.node.core import CoreNode
from tests.fixtures_litecoind import MWEB_HEIGHT, Daemon, NewDaemon, free_port

LITECOIN = get_network("litecoin-regtest")
SECRET = "correct horse battery staple"

NewNode = Callable[..., CoreNode]


@pytest.fixture
def new_node() -> Iterator[NewNode]:
    nodes: list[CoreNode] = []

    def make(url: str, **options: Any) -> CoreNode:
        node = CoreNode(options.pop("network", LITECOIN), url, **options)
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        node.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1:19443", "expected http://host:port"),
        ("http://", "expected http://host:port"),
        ("ftp://127.0.0.1", "expected http://host:port"),
        (f"http://user:{SECRET}@127.0.0.1", "put it into node_user and node_password"),
    ],
)
def test_an_address_that_is_none(url: str, words: str) -> None:
    with pytest.raises(NodeError, match=words) as caught:
        CoreNode(LITECOIN, url)
    assert SECRET not in str(caught.value)


def test_nobody_there(new_node: NewNode) -> None:
    port = free_port()
    node = new_node(f"http://127.0.0.1:{port}", user="user", password=SECRET)
    with pytest.raises(NodeUnavailableError, match=f"No node answers at 127.0.0.1:{port}"):
        node.tip()


def test_an_unknown_host(new_node: NewNode) -> None:
    node = new_node("http://no-such-host.invalid:1", user="user", password=SECRET)
    with pytest.raises(NodeUnavailableError, match="cannot be found"):
        node.tip()


def ask_in_vain(node: CoreNode) -> None:
    """Whatever it says while it stops is one of ours."""
    with contextlib.suppress(NodeUnavailableError):
        node.tip()


def test_kill_and_restart_with_a_new_cookie(new_litecoind: NewDaemon, new_node: NewNode) -> None:
    daemon = new_litecoind()
    daemon.start()
    node = new_node(daemon.url, cookie_file=daemon.cookie_file)
    assert node.tip().height == 0
    first_cookie = daemon.cookie_file.read_text()
    daemon.kill()
    with pytest.raises(NodeUnavailableError, match="No node answers"):
        node.tip()
    with pytest.raises(NodeUnavailableError):
        node.wait(1)
    daemon.start()
    assert daemon.cookie_file.read_text() != first_cookie
    assert node.tip().height == 0
    started = time.monotonic()
    daemon.stop(lambda: ask_in_vain(node))
    assert time.monotonic() - started < 10  # a client that goes on asking does not hold it up
    with pytest.raises(NodeUnavailableError):
        node.tip()
    fresh = new_node(daemon.url, cookie_file=daemon.cookie_file)
    with pytest.raises(NodeUnavailableError, match=r"no cookie file .* the node is not running"):
        fresh.tip()
    daemon.start("reindex", wait=False)
    while True:  # whatever it says while it starts is one of ours
        try:
            assert node.tip().height == 0
            break
        except NodeUnavailableError:
            time.sleep(0.01)


def test_logins(new_litecoind: NewDaemon, new_node: NewNode, tmp_path: Path) -> None:
    daemon = new_litecoind()
    daemon.start()
    strange = tmp_path / "strange-cookie"
    strange.write_text(f"__cookie__:{SECRET}")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for login, words in (
        ({"user": "user", "password": SECRET}, "refuses node_user and node_password"),
        ({"user": "user"}, "refuses node_user and node_password"),
        ({"cookie_file": strange}, "refuses the login in .*strange-cookie"),
        ({"cookie_file": tmp_path}, "cannot be read: Is a directory"),
        ({"cookie_file": binary}, "cannot be read: it is not a text"),
        ({}, "asks for a login: set node_cookie_file"),
    ):
        node = new_node(daemon.url, **login)
        with pytest.raises(NodeError, match=words) as caught:
            node.tip()
        assert SECRET not in str(caught.value)
        assert SECRET not in repr(node.__dict__)


def test_user_and_password(new_litecoind: NewDaemon, new_node: NewNode) -> None:
    daemon = new_litecoind("rpcuser=satchel", f"rpcpassword={SECRET}")
    daemon.start(wait=False)
    node = new_node(daemon.url, user="satchel", password=SECRET)
    deadline = time.monotonic() + 20
    while True:
        try:
            assert node.tip().height == 0
            break
        except NodeUnavailableError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_another_network_than_configured(litecoind: Daemon, new_node: NewNode) -> None:
    node = new_node(
        litecoind.url, network=get_network("litecoin-main"), cookie_file=litecoind.cookie_file
    )
    for ask in (node.tip, node.info, lambda: node.block_hash(0), lambda: node.submit(b"")):
        with pytest.raises(WrongNetworkError) as caught:
            ask()
        assert "Litecoin regtest (litecoin-regtest)" in str(caught.value)
        assert "(litecoin-main)" in str(caught.value)


def test_another_network_after_a_restart(new_litecoind: NewDaemon, new_node: NewNode) -> None:
    login = ("rpcuser=satchel", f"rpcpassword={SECRET}")
    first, second = (
        new_litecoind(*login),
        new_litecoind(*login, "regtest=0", "testnet", "connect=0"),
    )
    second.port, second.url = first.port, first.url
    node = new_node(first.url, user="satchel", password=SECRET)
    told = ""
    for daemon in (first, second):
        daemon.start(wait=False)
        deadline = time.monotonic() + 20
        while True:
            try:
                node.tip()
                assert daemon is first
                break
            except NodeUnavailableError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            except WrongNetworkError as error:
                told = str(error)
                break
        daemon.kill()
    assert "Litecoin testnet (litecoin-testnet)" in told


def test_a_frozen_node(new_litecoind: NewDaemon, new_node: NewNode) -> None:
    daemon = new_litecoind()
    daemon.start()
    node = new_node(daemon.url, cookie_file=daemon.cookie_file, timeout=0.4)
    assert node.tip().height == 0
    assert daemon.process_id is not None
    os.kill(daemon.process_id, signal.SIGSTOP)
    started = time.monotonic()
    with pytest.raises(NodeUnavailableError, match=r"did not answer within 0\.4 s"):
        node.tip()
    assert time.monotonic() - started < 3
    os.kill(daemon.process_id, signal.SIGCONT)
    assert node.tip().height == 0


def mine_large_blocks(daemon: Daemon, count: int, size: int) -> list[str]:
    """Blocks of one coinbase with that many bytes of nothing; so much data needs no wallet."""
    previous = hash_from_hex(daemon.rpc("getbestblockhash"))
    start = int(time.time()) - 3600  # recent, or MWEB activates later
    script = b"\x6a\x4e" + struct.pack("<I", size) + bytes(size)  # OP_RETURN, one push
    hashes = []
    for i in range(1, count + 1):
        coinbase = (
            struct.pack("<IB32sI", 1, 1, bytes(32), 0xFFFFFFFF)
            + struct.pack("<BBI", 5, 4, i)
            + struct.pack("<IBQBI", 0xFFFFFFFF, 1, 0, 0xFE, len(script))
            + script
            + struct.pack("<I", 0)
        )
        front = struct.pack("<I", 0x20000000) + previous + hash256(coinbase)
        nonce = 0
        while True:
            header = front + struct.pack("<III", start + i, 0x207FFFFF, nonce)
            if hashlib.scrypt(header, salt=header, n=1024, r=1, p=1, dklen=32)[31] < 0x7F:
                break
            nonce += 1
        assert daemon.rpc("submitblock", (header + b"\x01" + coinbase).hex()) is None
        previous = hash256(header)
        hashes.append(hash_hex(previous))
    return hashes


def test_a_pruned_node(new_litecoind: NewDaemon, new_node: NewNode) -> None:
    """Pruning removes files of 128 MiB, and only from a chain of a thousand blocks."""
    daemon = new_litecoind("prune=1")
    daemon.start()
    node = new_node(daemon.url, cookie_file=daemon.cookie_file)
    address = daemon.create_wallet("miner")
    hashes = mine_large_blocks(daemon, 145, 950_000)
    hashes += daemon.mine(MWEB_HEIGHT - 2 - len(hashes), address)
    daemon.peg_in(1)  # without one there is no block 432
    daemon.mine(600, address)
    assert node.info().pruned_height == 0
    daemon.rpc("pruneblockchain", 500)
    first = node.info().pruned_height
    assert first is not None
    assert 100 < first < 145
    gone, kept = hash_from_hex(hashes[0]), hash_from_hex(hashes[first - 1])
    with pytest.raises(BlockUnavailableError, match=f"has blocks from height {first} on"):
        node.block(gone)
    with pytest.raises(BlockUnavailableError, match=f"has blocks from height {first} on"):
        node.transaction(bytes(32), gone)
    assert node.block_hash(1) == gone
    assert parse_block(node.block(kept), LITECOIN).hash == kept


def test_a_block_file_that_is_gone(new_litecoind: NewDaemon, new_node: NewNode) -> None:
    daemon = new_litecoind()
    daemon.start()
    daemon.create_wallet("miner")
    block_hash = hash_from_hex(daemon.mine()[0])
    node = new_node(daemon.url, cookie_file=daemon.cookie_file)
    node.block(block_hash)
    (daemon.directory / "regtest" / "blocks" / "blk00000.dat").unlink()
    with pytest.raises(BlockUnavailableError, match=r"cannot give block .* not found on disk"):
        node.block(block_hash)


Mangle = Callable[[str, bytes, int, bytes], tuple[int, bytes]]


class Proxy:
    """Stands between CoreNode and a real daemon and spoils what `mangle` wants spoilt.

    `mangle` gets path, request body, status and answer, and returns status and answer.
    """

    def __init__(self, daemon: Daemon) -> None:
        pool = urllib3.PoolManager(retries=False)
        proxy = self
        self.mangle: Mangle = lambda path, request, status, answer: (status, answer)
        self.missing = 0  # bytes that are announced and never sent
        self.drip = 0.0  # seconds between the bytes

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # headers and body in one packet

            def do_GET(self) -> None:
                self._forward("GET")

            def do_POST(self) -> None:
                self._forward("POST")

            def _forward(self, method: str) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {"Authorization": self.headers.get("Authorization") or ""}
                reply = pool.request(method, daemon.url + self.path, body=body, headers=headers)
                status, answer = proxy.mangle(self.path, body, reply.status, reply.data)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer) + proxy.missing))
                self.end_headers()
                for i in range(len(answer) if proxy.drip else 0):
                    self.wfile.write(answer[i : i + 1])
                    self.wfile.flush()
                    time.sleep(proxy.drip)
                self.wfile.write(answer)
                self.close_connection = bool(proxy.missing)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def proxy(litecoind: Daemon) -> Iterator[Proxy]:
    proxy = Proxy(litecoind)
    yield proxy
    proxy.close()


@pytest.fixture
def proxied(proxy: Proxy, litecoind: Daemon, new_node: NewNode) -> CoreNode:
    return new_node(proxy.url, cookie_file=litecoind.cookie_file, timeout=5)


def everything(node: CoreNode, block_hash: bytes) -> list[Callable[[], object]]:
    return [
        node.info,
        node.tip,
        lambda: node.block_hash(1),
        lambda: node.block(block_hash),
        lambda: node.transaction(bytes(32), block_hash),
        lambda: node.mempool(frozenset()),
        node.fee_estimates,
        lambda: node.submit(b"\x00"),
        lambda: node.wait(0.01),
    ]


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (200, b"<html><body>Welcome to nginx!</body></html>", "it sent a web page"),
        (502, b"<html><body>Bad Gateway</body></html>", "too busy"),
        (503, b"Work queue depth exceeded", "too busy"),
        (403, b"", "rpcallowip"),
        (301, b"", "it sent no JSON"),
        (200, b"", "it sent no JSON"),
        (200, b"42", "it sent no JSON"),
        (200, b"[" * 100_000, "it sent no JSON"),
        (200, b"1" * 10_000, "it sent no JSON"),
        (200, b"[]", "gave no answer to getblockhash"),
        (200, b"{}", "gave no answer to a batch"),
        (200, b'{"result": null, "error": 7}', "without a readable reason"),
    ],
)
def test_what_answers_is_no_node(
    proxied: CoreNode, proxy: Proxy, status: int, answer: bytes, words: str
) -> None:
    proxy.mangle = lambda *_: (status, answer)
    for ask in everything(proxied, bytes(32)):
        with pytest.raises(NodeError, match=words):
            ask()


def test_a_node_that_is_starting(proxied: CoreNode, proxy: Proxy) -> None:
    refusal = {"code": -28, "message": "Loading block index..."}
    proxy.mangle = lambda path, request, status, answer: (
        500,
        json.dumps([{"id": 0, "result": None, "error": refusal}]).encode(),
    )
    with pytest.raises(NodeUnavailableError, match=r"is starting: Loading block index\.\.\."):
        proxied.tip()
    proxy.mangle = lambda path, request, status, answer: (
        500,
        json.dumps({"id": None, "result": None, "error": refusal}).encode(),
    )
    with pytest.raises(NodeUnavailableError, match="is starting"):
        proxied.tip()
    proxy.mangle = lambda path, request, status, answer: (
        (503, b"Service temporarily unavailable: Verifying blocks...")
        if path.startswith("/rest/")
        else (status, answer)
    )
    with pytest.raises(NodeUnavailableError, match="Verifying blocks"):
        proxied.tip()


def test_rest_taken_away_under_way(proxied: CoreNode, proxy: Proxy, litecoind: Daemon) -> None:
    block_hash = proxied.block_hash(MWEB_HEIGHT)
    proxy.mangle = lambda path, request, status, answer: (
        (404, b"") if path.startswith("/rest/") else (status, answer)
    )
    assert proxied.block_hash(MWEB_HEIGHT) == block_hash
    assert parse_block(proxied.block(block_hash), LITECOIN).hash == block_hash


def test_an_answer_broken_off(proxied: CoreNode, proxy: Proxy) -> None:
    block_hash = proxied.block_hash(MWEB_HEIGHT)
    proxy.missing = 7
    for ask in everything(proxied, block_hash):
        with pytest.raises(NodeUnavailableError, match="broke off its answer"):
            ask()


def test_an_answer_that_drips(proxy: Proxy, litecoind: Daemon, new_node: NewNode) -> None:
    node = new_node(proxy.url, cookie_file=litecoind.cookie_file, timeout=0.2)
    proxy.drip = 0.05
    with pytest.raises(NodeUnavailableError, match="too slowly"):
        node.tip()


def test_an_answer_without_end(
    proxied: CoreNode, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER", 1 << 20)
    proxied.tip()
    proxy.mangle = lambda path, request, status, answer: (status, bytes(3 << 20))
    with pytest.raises(NodeError, match="sent more than 1 MiB in one answer"):
        proxied.tip()


def test_another_block_than_asked_for(proxied: CoreNode, proxy: Proxy, litecoind: Daemon) -> None:
    wanted, other = proxied.block_hash(MWEB_HEIGHT), proxied.block_hash(1)
    raw = proxied.block(other)
    proxy.mangle = lambda path, request, status, answer: (status, raw)
    with pytest.raises(NodeError, match="when asked for"):
        proxied.block(wanted)


def test_hash_of_wrong_length(proxied: CoreNode, proxy: Proxy) -> None:
    proxied.tip()
    proxy.mangle = lambda path, request, status, answer: (status, answer + b"\n")
    with pytest.raises(NodeError, match="33 bytes for the hash at height 1"):
        proxied.block_hash(1)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_damaged_block_gets_in(data: st.DataObject, proxied: CoreNode, proxy: Proxy) -> None:
    proxy.mangle = lambda path, request, status, answer: (status, answer)
    block_hash = proxied.block_hash(MWEB_HEIGHT)
    raw = proxied.block(block_hash)
    txids = [transaction.txid for transaction in parse_block(raw, LITECOIN).transactions]
    position = data.draw(st.integers(0, len(raw) - 1))
    end = data.draw(st.integers(position, min(position + 40, len(raw))))
    damaged = raw[:position] + data.draw(st.binary(max_size=40)) + raw[end:]
    proxy.mangle = lambda path, request, status, answer: (status, damaged)
    try:
        received = proxied.block(block_hash)
    except NodeError:
        return
    # Witnesses and MWEB data are under no root that a reader without the whole chain can check.
    block = parse_block(received, LITECOIN)
    assert block.hash == block_hash
    assert [transaction.txid for transaction in block.transactions] == txids


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["00" * 32, "zz" * 32, -1, 1e300, "00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_the_json_holds_only_ours_is_raised(
    data: st.DataObject, proxied: CoreNode, proxy: Proxy
) -> None:
    """One value anywhere in one answer is replaced by something else."""

    def spoil(value: Any) -> Any:
        if isinstance(value, dict) and value and data.draw(st.integers(0, 9)):
            key = data.draw(st.sampled_from(sorted(value)))
            return {**value, key: spoil(value[key])}
        if isinstance(value, list) and value and data.draw(st.integers(0, 9)):
            place = data.draw(st.integers(0, len(value) - 1))
            return [*value[:place], spoil(value[place]), *value[place + 1 :]]
        return data.draw(ANYTHING)

    proxy.mangle = lambda path, request, status, answer: (status, answer)
    block_hash = proxied.block_hash(MWEB_HEIGHT)
    ask = data.draw(st.sampled_from(everything(proxied, block_hash)))

    def mangle(path: str, request: bytes, status: int, answer: bytes) -> tuple[int, bytes]:
        if path.startswith("/rest/"):
            return status, answer
        return status, json.dumps(spoil(json.loads(answer))).encode()

    proxy.mangle = mangle
    with contextlib.suppress(NodeError):
        ask()
