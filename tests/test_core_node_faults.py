"""What a person is told when the node is down, another, pruned, frozen or refuses the login."""

import contextlib
import hashlib
import os
import signal
import struct
import time
from pathlib import Path

import pytest

from indexer.chain.encoding import hash256, hash_from_hex, hash_hex, parse_block
from indexer.chain.network import get_network
from indexer.node.base import (
    BlockUnavailableError,
    NodeError,
    NodeUnavailableError,
    WrongNetworkError,
)
from indexer.node.core import CoreNode
from tests.fixtures_litecoind import MWEB_HEIGHT, Daemon, NewDaemon, NewNode, free_port

LITECOIN = get_network("litecoin-regtest")
SECRET = "correct horse battery staple"


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
