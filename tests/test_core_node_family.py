"""CoreNode with what no litecoind can show: Dogecoin Core 1.14, Bitcoin Core 30+, ZeroMQ."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import zmq

from indexer.chain.encoding import (
    encode_output,
    encode_varint,
    hash_from_hex,
    hash_hex,
    parse_block,
    parse_spent_outputs,
)
from indexer.chain.network import Network, get_network
from indexer.node.base import MempoolEntry, NodeError
from indexer.node.core import CoreNode
from indexer.node.core_info import software_name
from indexer.node.notify import Notifications
from tests.fixtures_litecoind import COIN, Daemon, free_port

DOGECOIN = get_network("dogecoin-main")
BITCOIN = get_network("bitcoin-main")


class Recorded:
    """Answers like a node of another make, from real blocks. `methods` are its RPC methods."""

    def __init__(self, network: Network) -> None:
        recorded = self
        self.methods: dict[str, Callable[..., Any]] = {
            "getblockhash": lambda height: hash_hex(network.genesis_hash),
            "getblockchaininfo": lambda: {"chain": network.core_chain},
        }
        self.rest: dict[str, bytes] = {"/rest/chaininfo.json": b"{}"}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self) -> None:
                found = recorded.rest.get(self.path)
                self._send(404 if found is None else 200, found or b"")

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = (
                    [recorded.answer(each) for each in request]
                    if isinstance(request, list)
                    else recorded.answer(request)
                )
                self._send(200, json.dumps(answer).encode())

            def _send(self, status: int, answer: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.node = CoreNode(network, f"http://127.0.0.1:{self._server.server_port}", user="any")

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            result = self.methods[request["method"]](*request["params"])
        except (KeyError, TypeError) as error:  # unknown, or too many arguments
            code = -32601 if isinstance(error, KeyError) else -1
            return {
                "id": request["id"],
                "result": None,
                "error": {"code": code, "message": "usage"},
            }
        return {"id": request["id"], "result": result, "error": None}

    def close(self) -> None:
        self.node.close()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def dogecoin() -> Iterator[Recorded]:
    recorded = Recorded(DOGECOIN)
    yield recorded
    recorded.close()


@pytest.fixture
def bitcoin() -> Iterator[Recorded]:
    recorded = Recorded(BITCOIN)
    yield recorded
    recorded.close()


def read_block(chaindata: Path, pattern: str) -> bytes:
    return next((chaindata / "blocks").glob(pattern)).read_bytes()


@pytest.mark.parametrize("pattern", ["doge_*_250000_*", "doge_*_371337_*", "doge_*_748634_*"])
def test_dogecoin_blocks_and_transactions(
    dogecoin: Recorded, chaindata: Path, pattern: str
) -> None:
    """1.14: no REST blockhashbyheight, getblock takes yes or no, no block in getrawtransaction."""
    raw = read_block(chaindata, pattern)
    block = parse_block(raw, DOGECOIN)

    def getblock(block_hash: str, verbose: bool) -> str:
        assert (block_hash, verbose) == (hash_hex(block.hash), False)
        return raw.hex()

    def getrawtransaction(txid: str, verbose: bool = False) -> str:
        raise AssertionError("it knows no confirmed transaction without txindex")

    dogecoin.methods |= {"getblock": getblock, "getrawtransaction": getrawtransaction}
    assert dogecoin.node.block(block.hash) == raw
    dogecoin.rest[f"/rest/block/{hash_hex(block.hash)}.bin"] = raw
    assert dogecoin.node.block(block.hash) == raw
    assert dogecoin.node.block_hash(0) == DOGECOIN.genesis_hash
    assert dogecoin.node.spent_outputs(block.hash) is None
    for transaction in block.transactions:
        assert dogecoin.node.transaction(transaction.txid, block.hash) == transaction.serialize()


def test_dogecoin_mempool(dogecoin: Recorded, chaindata: Path) -> None:
    transaction = parse_block(read_block(chaindata, "doge_*_250000_*"), DOGECOIN).transactions[1]
    raw = transaction.serialize()
    dogecoin.methods |= {
        "getrawmempool": lambda: [hash_hex(transaction.txid)],
        "getmempoolentry": lambda txid: {
            "size": len(raw),
            "fee": 1.23456789,
            "modifiedfee": 5.0,
            "time": 1_700_000_000,
        },
        "getrawtransaction": lambda txid: raw.hex(),
    }
    assert dogecoin.node.mempool(frozenset()).added == {
        transaction.txid: MempoolEntry(raw, 1_700_000_000, 123_456_789)
    }


def test_dogecoin_says_less_of_itself(dogecoin: Recorded) -> None:
    dogecoin.methods |= {
        "getblockchaininfo": lambda: {
            "chain": "main",
            "blocks": 4_000_000,
            "headers": 5_000_000,
            "verificationprogress": 0.75,
            "pruned": False,
        },
        "getnetworkinfo": lambda: {
            "subversion": "/Shibetoshi:1.14.9/",
            "relayfee": 0.001,
            "warnings": "Upgrade soon",
        },
        "getmempoolinfo": lambda: {"size": 0, "bytes": 0, "mempoolminfee": 0.0},
        "getpeerinfo": lambda: [
            {
                "addr": "192.0.2.7:22556",
                "subver": "/Shibetoshi:1.14.6/",
                "inbound": False,
                "startingheight": 4_999_999,
                "synced_headers": -1,
                "synced_blocks": -1,
            }
        ],
    }
    info = dogecoin.node.info()
    assert info.version == "Dogecoin Core 1.14.9"
    assert info.initial_download
    assert info.progress == 0.75
    assert info.relay_fee == COIN // 1000
    assert info.warnings == ("Upgrade soon",)
    assert info.size_on_disk is None
    assert [(peer.version, peer.height) for peer in info.peers] == [
        ("Shibetoshi:1.14.6", 4_999_999)
    ]


def test_bitcoin_30_tells_the_spent_outputs(bitcoin: Recorded, chaindata: Path) -> None:
    raw = read_block(chaindata, "btc_mainnet_300025_*")
    block = parse_block(raw, BITCOIN)
    flat = (chaindata / "undo" / "btc_mainnet_300025.outputs.raw").read_bytes()
    expected = parse_spent_outputs(flat, block)
    body = encode_varint(len(expected) + 1) + b"\x00"  # the coinbase spends nothing
    for outputs in expected:
        body += encode_varint(len(outputs)) + b"".join(map(encode_output, outputs))
    path = f"/rest/spenttxouts/{hash_hex(block.hash)}.bin"
    bitcoin.rest |= {
        f"/rest/spenttxouts/{hash_hex(BITCOIN.genesis_hash)}.bin": b"\x01\x00",
        path: body,
    }
    spent = bitcoin.node.spent_outputs(block.hash)
    assert spent is not None
    assert [[(each.value, each.script) for each in outputs] for outputs in spent] == [
        [(each.value, each.script) for each in outputs] for outputs in expected
    ]
    assert bitcoin.node.spent_outputs(BITCOIN.genesis_hash) == []
    assert bitcoin.node.spent_outputs(bytes(32)) is None

    for damaged in (b"", b"\x00", body[:-1], body + b"\x00", b"\x01\x01" + body[2:], b"\xff" * 9):
        bitcoin.rest[path] = damaged
        with pytest.raises(NodeError, match="is damaged"):
            bitcoin.node.spent_outputs(block.hash)


def test_names_of_software() -> None:
    assert software_name("/Satoshi:29.1.0/") == "Bitcoin Core 29.1.0"
    assert software_name("/Satoshi:0.21.0(nick)/Knots:20210130/") == "Bitcoin Core 0.21.0"
    assert software_name("/btcd:0.24/") == "btcd 0.24"
    assert software_name("") == ""


def test_a_real_bitcoind(bitcoind: Daemon) -> None:
    network = get_network("bitcoin-regtest")
    node = CoreNode(network, bitcoind.url, cookie_file=bitcoind.cookie_file)
    assert node.info().version.startswith("Bitcoin Core ")
    txid = hash_from_hex(bitcoind.send(bitcoind.address(), 1))
    entry = node.mempool(frozenset()).added[txid]
    told = bitcoind.rpc("getmempoolentry", hash_hex(txid))["fees"]["base"]
    assert entry.fee == int(Decimal(str(told)) * COIN)
    block_hash = hash_from_hex(bitcoind.mine()[0])
    assert node.tip().hash == node.block_hash(111) == block_hash
    block = parse_block(node.block(block_hash), network)
    assert node.transaction(txid, block_hash) == block.transactions[1].serialize()
    spent = node.spent_outputs(block_hash)
    assert spent is None or [len(outputs) for outputs in spent] == [
        len(transaction.inputs) for transaction in block.transactions[1:]
    ]
    node.close()


@pytest.fixture
def publisher() -> Iterator["zmq.Socket[bytes]"]:
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        yield socket


def test_zeromq_wakes(publisher: "zmq.Socket[bytes]", litecoind: Daemon) -> None:
    """litecoind is built without ZeroMQ; a publisher of our own says what it would say."""
    url = f"tcp://127.0.0.1:{publisher.bind_to_random_port('tcp://127.0.0.1')}"
    notifications = Notifications(url, url)
    message = [b"hashtx", bytes(32), bytes(4)]

    def seconds(topic: bytes | None, timeout: float) -> float:
        timer = threading.Timer(0.1, publisher.send_multipart, ([topic, *message[1:]],))
        started = time.monotonic()
        if topic:
            timer.start()
        notifications.wait(timeout)
        return time.monotonic() - started

    deadline = time.monotonic() + 10
    while seconds(b"hashblock", 0.3) >= 0.3:  # until it has subscribed
        assert time.monotonic() < deadline
    assert seconds(None, 0.3) >= 0.3
    assert 0.1 <= seconds(b"hashblock", 10) < 2
    notifications.close()

    transactions = Notifications(None, url)
    notifications = transactions
    while seconds(b"sequence", 2) >= 2:
        assert time.monotonic() < deadline
    assert 0.5 <= seconds(b"hashtx", 10) < 3  # others may follow: they are taken together
    notifications.close()


def test_zeromq_address_that_is_none() -> None:
    with pytest.raises(NodeError, match="node_zmq_tx is not an address: expected tcp://host:port"):
        Notifications(None, "127.0.0.1:28332")


def test_zeromq_on_a_silent_port_does_no_harm(litecoind: Daemon) -> None:
    silent = f"tcp://127.0.0.1:{free_port()}"
    node = CoreNode(
        get_network("litecoin-regtest"),
        litecoind.url,
        cookie_file=litecoind.cookie_file,
        zmq_block=silent,
        zmq_tx=silent,
    )
    assert "ZMQ" in node.info().interfaces
    node.wait(0)
    timer = threading.Timer(0.2, litecoind.mine, (1, litecoind.address()))
    timer.start()
    started = time.monotonic()
    node.wait(20)
    assert time.monotonic() - started < 4
    timer.join()
    node.close()
