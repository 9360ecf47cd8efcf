"""Transactions handed to the embedded node by another process: judged or sent, or as packages."""

import json
import multiprocessing
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.chain.encoding import Transaction, TxInput, TxOutput
from indexer.chain.script import op_return
from indexer.node.base import NodeUnavailableError, TransactionRejectedError
from indexer.node.embedded import EmbeddedNode
from indexer.node.embedded_socket import NodeSocket, NodeSocketClient
from tests.fixtures_embedded import Miner

FEE = 1_000


@pytest.fixture
def client(embedded_node: EmbeddedNode, tmp_path: Path) -> Iterator[NodeSocketClient]:
    with NodeSocket(embedded_node, tmp_path / "node"):
        yield NodeSocketClient(tmp_path / "node")


def waiting(miner: Miner) -> set[bytes]:
    return set(miner.node.mempool(frozenset()).added)


def send_elsewhere(directory: Path, raw: bytes) -> None:
    assert len(NodeSocketClient(directory).submit(raw)) == 32


def test_another_process_sends(client: NodeSocketClient, miner: Miner, tmp_path: Path) -> None:
    payment = miner.build(miner.coins[:1], FEE)
    process = multiprocessing.get_context("spawn").Process(
        target=send_elsewhere, args=(tmp_path / "node", payment.serialize())
    )
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert waiting(miner) == {payment.txid}


def test_only_the_owner_may_connect(client: NodeSocketClient, tmp_path: Path) -> None:
    status = os.stat(tmp_path / "node" / "node.socket")
    assert stat.S_ISSOCK(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o600


def test_a_directory_with_a_long_path(embedded_node: EmbeddedNode, tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 40)
    directory.mkdir()
    for _ in range(2):  # and again where a killed process left its socket
        door = NodeSocket(embedded_node, directory)
        with pytest.raises(TransactionRejectedError, match="TX decode failed"):
            NodeSocketClient(directory).submit(b"")
    door.close()
    assert list(directory.iterdir()) == []


def test_what_the_node_says_arrives(client: NodeSocketClient, miner: Miner) -> None:
    payment = miner.send(miner.coins[:1], FEE)
    assert client.submit(payment.serialize()) == payment.txid  # once more does no harm
    cases = {
        b"\x01\x02": (-22, "TX decode failed"),
        miner.build(miner.coins[1:2], 1).serialize(): (-26, "min relay fee not met"),
        miner.build([replace(miner.coins[2], txid=bytes(32))], FEE).serialize(): (
            -25,
            "bad-txns-inputs-missingorspent",
        ),
    }
    for raw, (code, reason) in cases.items():
        with pytest.raises(TransactionRejectedError) as error:
            client.submit(raw)
        assert error.value.code == code
        assert error.value.reason.startswith(reason)
    miner.mine()
    with pytest.raises(TransactionRejectedError, match="txn-already-known") as error:
        client.submit(payment.serialize())
    assert error.value.code == TransactionRejectedError.IN_A_BLOCK_ALREADY


def test_nobody_there(tmp_path: Path) -> None:
    client = NodeSocketClient(tmp_path)
    with pytest.raises(NodeUnavailableError, match="satchel index"):
        client.submit(b"\x00")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "node.socket"))
    with pytest.raises(NodeUnavailableError, match="satchel index"):
        client.submit(b"\x00")


def test_a_closed_node_says_so(client: NodeSocketClient, miner: Miner) -> None:
    miner.node.close()
    with pytest.raises(NodeUnavailableError, match="closed"):
        client.submit(miner.build(miner.coins[:1], FEE).serialize())


@pytest.mark.parametrize(
    "line",
    [b"\n", b"{}\n", b"[]\n", b'{"method": "submit", "transactions": ["xy"]}\n',
     b'{"method": "stop", "transactions": []}\n', b'{"method": 1, "transactions": 2}\n', b"\xff\n"],
)  # fmt: skip
def test_nonsense_on_the_socket(client: NodeSocketClient, tmp_path: Path, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(tmp_path / "node" / "node.socket"))
        connection.sendall(line)
        assert "unavailable" in json.loads(connection.recv(4096))
    with pytest.raises(TransactionRejectedError):
        client.submit(b"")


def test_asking_changes_nothing(client: NodeSocketClient, miner: Miner) -> None:
    parent = miner.build(miner.coins[:1], FEE, parts=2)
    child = miner.build([miner.coin_of(parent, 1)], FEE)
    low = miner.build(miner.coins[1:2], 1)
    (good,) = client.test_accept([parent.serialize()])
    assert (good.txid, good.wtxid, good.allowed) == (parent.txid, parent.wtxid, True)
    assert (good.vsize, good.fee, good.effective_rate) == (
        parent.vsize,
        FEE,
        FEE * 1000 // parent.vsize,
    )
    assert good.effective_includes == (parent.wtxid,)
    (bad,) = client.test_accept([low.serialize()])
    assert bad.allowed is False
    assert bad.reason is not None
    assert bad.reason.startswith("min relay fee not met")
    both = client.test_accept([parent.serialize(), child.serialize()])
    assert [each.allowed for each in both] == [True, True]
    stopped = client.test_accept([low.serialize(), parent.serialize()])
    assert [each.allowed for each in stopped] == [False, None]
    (dear,) = client.test_accept([parent.serialize()], max_fee_rate=1)
    assert dear.reason == "max-fee-exceeded"
    assert waiting(miner) == set()
    miner.node.submit(parent.serialize())
    (again,) = client.test_accept([parent.serialize()])
    assert again.reason == "txn-already-in-mempool"


def test_a_child_pays_for_its_parent(client: NodeSocketClient, miner: Miner) -> None:
    parent = miner.build(miner.coins[:1], 0)
    child = miner.build([miner.coin_of(parent, 0)], FEE)
    with pytest.raises(TransactionRejectedError, match="min relay fee"):
        client.submit(parent.serialize())
    result = client.submit_package([parent.serialize(), child.serialize()])
    assert result.message == "success"
    assert waiting(miner) == {parent.txid, child.txid}
    for verdict, each, fee in zip(result.verdicts, (parent, child), (0, FEE), strict=True):
        assert (verdict.txid, verdict.fee, verdict.allowed) == (each.txid, fee, True)
        assert verdict.effective_includes == (parent.wtxid, child.wtxid)
        assert verdict.effective_rate == FEE * 1000 // (parent.vsize + child.vsize)
    again = client.submit_package([parent.serialize(), child.serialize()])
    assert again.message == "success"
    tip = miner.mine()
    assert waiting(miner) == set()
    assert tip == miner.node.tip()


def test_a_package_that_pays_too_little(client: NodeSocketClient, miner: Miner) -> None:
    parent = miner.build(miner.coins[:1], 0)
    child = miner.build([miner.coin_of(parent, 0)], 1)
    good = miner.build(miner.coins[1:2], FEE)
    poor = miner.build([miner.coin_of(good, 0)], 1)
    result = client.submit_package([parent.serialize(), child.serialize()])
    assert result.message == "transaction failed"
    assert [each.allowed for each in result.verdicts] == [False, False]
    assert waiting(miner) == set()
    result = client.submit_package([good.serialize(), poor.serialize()])
    assert [each.allowed for each in result.verdicts] == [True, False]
    assert waiting(miner) == {good.txid}  # what is good by itself stays, as Core has it


def test_what_is_no_package(client: NodeSocketClient, miner: Miner) -> None:
    first = miner.build(miner.coins[:1], FEE, parts=2)
    second = miner.build([miner.coin_of(first, 0)], FEE)
    third = miner.build([miner.coin_of(first, 1), miner.coin_of(second, 0)], FEE)
    other = miner.build(miner.coins[1:2], FEE)
    twice = miner.build(miner.coins[:1], 2 * FEE)
    burning = Transaction(2, [TxInput(first.txid, 0, b"", 0)], [TxOutput(5, op_return(b"ash"))], 0)
    refused = {
        "between 1 and 25": [other] * 26,
        "package-contains-duplicates": [other, other],
        "package-not-sorted": [second, first],
        "conflict-in-package": [first, twice],
        "not child-with-parents": [other, first],
        "parents depend": [first, second, third],
        "maxburnamount": [first, burning],
    }
    for reason, transactions in refused.items():
        with pytest.raises(TransactionRejectedError, match=reason):
            client.submit_package([each.serialize() for each in transactions])
    assert waiting(miner) == set()
