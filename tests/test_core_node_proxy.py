"""CoreNode behind a proxy that spoils a real daemon's answers: nothing damaged gets in."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import urllib3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.chain.encoding import parse_block
from indexer.chain.network import get_network
from indexer.node import http
from indexer.node.base import NodeError, NodeUnavailableError
from indexer.node.core import CoreNode
from tests.fixtures_litecoind import MWEB_HEIGHT, Daemon, NewNode

LITECOIN = get_network("litecoin-regtest")

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
