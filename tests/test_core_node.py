"""CoreNode against a real litecoind whose chain has crossed MWEB activation."""

import logging
import threading
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from indexer.chain.encoding import (
    Transaction,
    hash_from_hex,
    hash_hex,
    parse_block,
    parse_transaction,
)
from indexer.chain.network import get_network
from indexer.node import core_mempool
from indexer.node.base import (
    BlockRef,
    BlockUnavailableError,
    MempoolChange,
    NodeError,
    TransactionRejectedError,
)
from indexer.node.core import CoreNode
from tests.fixtures_litecoind import COIN, MWEB_HEIGHT, Daemon, NewDaemon, free_port

LITECOIN = get_network("litecoin-regtest")


@pytest.fixture
def node(litecoind: Daemon) -> Iterator[CoreNode]:
    node = CoreNode(LITECOIN, litecoind.url, cookie_file=litecoind.cookie_file)
    yield node
    node.close()


def test_it_introduces_itself(node: CoreNode, litecoind: Daemon) -> None:
    info = node.info()
    assert info.version == "Litecoin Core 0.21.2.1"
    assert info.network == "litecoin-regtest"
    assert info.height == info.headers == litecoind.height
    assert info.pruned_height is None
    assert info.size_on_disk is not None
    assert info.size_on_disk > 0
    assert info.relay_fee == 1000
    assert info.interfaces == ("REST", "JSON-RPC")
    assert info.peers == ()


def test_peers_are_told(new_litecoind: NewDaemon, node: CoreNode, litecoind: Daemon) -> None:
    port = free_port()
    listening = new_litecoind("listen=1", f"bind=127.0.0.1:{port}")
    listening.start()
    litecoind.rpc("addnode", f"127.0.0.1:{port}", "onetry")
    deadline = time.monotonic() + 10
    while not (peers := node.info().peers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [(peer.address, peer.inbound) for peer in peers] == [(f"127.0.0.1:{port}", False)]


def test_the_chain_is_what_the_daemon_says(node: CoreNode, litecoind: Daemon) -> None:
    height = litecoind.height
    assert node.tip() == BlockRef(height, hash_from_hex(litecoind.rpc("getbestblockhash")))
    for each in range(height + 1):
        block_hash = node.block_hash(each)
        assert hash_hex(block_hash) == litecoind.rpc("getblockhash", each)
        if each % 50 == 0 or each >= MWEB_HEIGHT - 1:
            assert node.block(block_hash).hex() == litecoind.rpc(
                "getblock", hash_hex(block_hash), 0
            )


def test_a_height_beyond_the_tip_is_unavailable(node: CoreNode, litecoind: Daemon) -> None:
    for height in (litecoind.height + 1, -1):
        with pytest.raises(BlockUnavailableError, match=f"no block at height {height}"):
            node.block_hash(height)


def test_an_unknown_block_is_unavailable(node: CoreNode) -> None:
    with pytest.raises(BlockUnavailableError, match="Block not found"):
        node.block(bytes(32))


def test_hogex_with_several_inputs(node: CoreNode) -> None:
    first = parse_block(node.block(node.block_hash(MWEB_HEIGHT)), LITECOIN)
    second = parse_block(node.block(node.block_hash(MWEB_HEIGHT + 2)), LITECOIN)
    pegs_out = parse_block(node.block(node.block_hash(MWEB_HEIGHT + 3)), LITECOIN)
    assert [len(block.transactions[-1].inputs) for block in (first, second)] == [3, 4]
    assert all(block.transactions[-1].is_hogex for block in (first, second, pegs_out))
    assert len(pegs_out.transactions[-1].outputs) == 2
    # The other one that waited for this block lies wholly inside MWEB and is not in it.
    assert len(pegs_out.transactions) == 2


def test_transactions_of_a_block_without_txindex(node: CoreNode) -> None:
    for height in (0, MWEB_HEIGHT, MWEB_HEIGHT + 2, MWEB_HEIGHT + 3):
        block_hash = node.block_hash(height)
        for transaction in parse_block(node.block(block_hash), LITECOIN).transactions:
            assert node.transaction(transaction.txid, block_hash) == transaction.serialize()


def test_a_transaction_of_another_block_is_not_found(node: CoreNode) -> None:
    block = parse_block(node.block(node.block_hash(MWEB_HEIGHT)), LITECOIN)
    with pytest.raises(NodeError, match="has no transaction"):
        node.transaction(block.transactions[0].txid, node.block_hash(1))
    with pytest.raises(BlockUnavailableError, match="Block not found"):
        node.transaction(block.transactions[0].txid, bytes(32))


def test_stale_blocks_are_still_served(node: CoreNode, litecoind: Daemon) -> None:
    address = litecoind.address()
    stale = hash_from_hex(litecoind.mine(1, address)[0])
    litecoind.rpc("invalidateblock", hash_hex(stale))
    fresh = [hash_from_hex(each) for each in litecoind.mine(2, litecoind.address())]
    assert node.tip() == BlockRef(litecoind.height, fresh[1])
    assert node.block_hash(litecoind.height - 1) == fresh[0]
    assert parse_block(node.block(stale), LITECOIN).hash == stale


def test_spent_outputs_are_not_told_by_litecoin(node: CoreNode, litecoind: Daemon) -> None:
    assert node.spent_outputs(node.block_hash(MWEB_HEIGHT)) is None


def mempool_of(node: CoreNode) -> MempoolChange:
    return node.mempool(frozenset())


def test_mempool_from_arrival_to_block(node: CoreNode, litecoind: Daemon) -> None:
    litecoind.mine()
    before = int(time.time())
    txids = [litecoind.send(litecoind.address(), 0.1 + i / 10) for i in range(3)]
    change = mempool_of(node)
    assert {hash_hex(txid) for txid in change.added} == set(txids)
    assert not change.removed
    for txid, entry in change.added.items():
        assert parse_transaction(entry.raw, LITECOIN).txid == txid
        told = litecoind.rpc("getmempoolentry", hash_hex(txid))["fees"]["base"]
        assert entry.fee == int(Decimal(str(told)) * COIN) > 0
        assert before - 2 <= entry.time <= time.time() + 2

    known = frozenset(change.added)
    assert node.mempool(known) == MempoolChange()
    more = hash_from_hex(litecoind.send(litecoind.address(), 1))
    assert set(node.mempool(known).added) == {more}
    litecoind.mine()
    assert node.mempool(known | {more}) == MempoolChange(removed=known | {more})


def test_mempool_comes_in_bounded_batches_parents_first(
    node: CoreNode, litecoind: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_mempool, "ENTRY_BATCH", 2)
    monkeypatch.setattr(core_mempool, "RAW_BATCH_BYTES", 1000)
    monkeypatch.setattr(core_mempool, "MAX_ADDED", 4)
    litecoind.mine()
    wallet = "chain-of-payments"
    litecoind.send(litecoind.create_wallet(wallet), 1)
    litecoind.mine()
    expected = [
        litecoind.send(litecoind.address(wallet), 0.5, wallet=wallet) for _ in range(6)
    ]  # each spends the change of the one before
    first = node.mempool(frozenset())
    assert [hash_hex(txid) for txid in first.added] == expected[:4]
    started = time.monotonic()
    node.wait(5)  # there is more to fetch: no waiting
    assert time.monotonic() - started < 1
    second = node.mempool(frozenset(first.added))
    assert [hash_hex(txid) for txid in second.added] == expected[4:]
    litecoind.mine()


def test_a_transaction_that_vanishes_meanwhile_is_skipped(
    node: CoreNode, litecoind: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    litecoind.mine()
    litecoind.send(litecoind.address(), 0.1)
    call, batch = node._rpc.call, node._rpc.batch

    def mine_after_call(*args: object) -> object:
        answer = call(*args)  # type: ignore[arg-type]
        litecoind.mine()
        return answer

    monkeypatch.setattr(node._rpc, "call", mine_after_call)
    assert node._mempool.change(frozenset()) == MempoolChange()
    monkeypatch.undo()

    litecoind.send(litecoind.address(), 0.1)

    def mine_after_entries(calls: list[tuple[str, object]]) -> object:
        answers = batch(calls)  # type: ignore[arg-type]
        if calls and calls[0][0] == "getmempoolentry":
            litecoind.mine()
        return answers

    monkeypatch.setattr(node._rpc, "batch", mine_after_entries)
    assert node._mempool.change(frozenset()) == MempoolChange()


def test_mempool_with_mweb(node: CoreNode, litecoind: Daemon) -> None:
    litecoind.mine()
    wallet = litecoind.peg_in(1)[0]
    inside = litecoind.send(litecoind.address(kind="mweb"), 0.1, wallet=wallet)
    outside = litecoind.send(litecoind.address(), 0.1)
    waiting = set(litecoind.rpc("getrawmempool"))
    assert inside in waiting
    assert len(waiting) == 3

    change = mempool_of(node)
    assert {hash_hex(txid) for txid in change.added} == waiting - {inside}
    assert outside in waiting
    for entry in change.added.values():
        transaction = parse_transaction(entry.raw, LITECOIN)
        spent = value_spent(transaction, litecoind, wallet if transaction.mweb else "miner")
        assert entry.fee == spent - sum(output.value for output in transaction.outputs)
    assert node.mempool(frozenset(change.added)) == MempoolChange()
    litecoind.mine()


def value_spent(transaction: Transaction, litecoind: Daemon, wallet: str) -> int:
    """The sum of the inputs of a transaction that a wallet sent."""
    spent = 0
    for each in transaction.inputs:
        found = litecoind.rpc("gettransaction", hash_hex(each.prev_txid), wallet=wallet)
        parent = parse_transaction(bytes.fromhex(found["hex"]), LITECOIN)
        spent += parent.outputs[each.prev_vout].value
    return spent


def test_fee_estimates_are_the_daemons(node: CoreNode, litecoind: Daemon) -> None:
    for _ in range(4):  # enough for it to have an idea
        litecoind.send(litecoind.address(), 0.1)
        litecoind.mine()
    estimates = node.fee_estimates()
    assert estimates
    for target, rate in estimates.items():
        told = litecoind.rpc("estimatesmartfee", target)
        assert rate == int(Decimal(str(told["feerate"])) * COIN)
        assert target == told["blocks"]


def signed_payment(litecoind: Daemon, coins: str) -> bytes:
    """Spends one coin of the miner, but for so much left as fee."""
    coin = litecoind.rpc("listunspent", wallet="miner")[0]
    raw = litecoind.rpc(
        "createrawtransaction",
        [{"txid": coin["txid"], "vout": coin["vout"]}],
        {litecoind.address(): str(Decimal(str(coin["amount"])) - Decimal(coins))},
    )
    signed: str = litecoind.rpc("signrawtransactionwithwallet", raw, wallet="miner")["hex"]
    return bytes.fromhex(signed)


def test_submit_and_refusal(node: CoreNode, litecoind: Daemon) -> None:
    litecoind.mine()
    first, second = signed_payment(litecoind, "0.001"), signed_payment(litecoind, "0.0010001")
    txid = node.submit(first)
    assert txid == parse_transaction(first, LITECOIN).txid
    assert set(mempool_of(node).added) == {txid}
    assert node.submit(first) == txid  # once more does no harm
    with pytest.raises(TransactionRejectedError, match="txn-mempool-conflict"):
        node.submit(second)
    with pytest.raises(TransactionRejectedError, match="decode failed"):
        node.submit(b"\x01\x02")
    litecoind.mine()
    with pytest.raises(TransactionRejectedError, match="inputs-missingorspent"):
        node.submit(second)


def seconds_of_wait(node: CoreNode, timeout: float) -> float:
    started = time.monotonic()
    node.wait(timeout)
    return time.monotonic() - started


def test_wait_ends_with_news_or_the_time(node: CoreNode, litecoind: Daemon) -> None:
    litecoind.mine()
    node.wait(0)  # takes note of what is
    assert 1.0 <= seconds_of_wait(node, 1.0) < 3
    address = litecoind.address()
    block = threading.Timer(0.3, litecoind.mine, (1, address))
    block.start()
    assert 0.2 < seconds_of_wait(node, 20) < 1.5
    block.join()
    payment = threading.Timer(0.3, litecoind.send, (address, 1))
    payment.start()
    assert 0.2 < seconds_of_wait(node, 20) < 4
    payment.join()
    litecoind.mine()
    assert seconds_of_wait(node, 20) < 1  # it happened before we waited


def test_without_rest_all_goes_by_json_rpc(
    new_litecoind: NewDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    daemon = new_litecoind("rest=0")
    daemon.start()
    daemon.create_wallet("miner")
    hashes = [hash_from_hex(each) for each in daemon.mine(3)]
    node = CoreNode(LITECOIN, daemon.url, cookie_file=daemon.cookie_file)
    with caplog.at_level(logging.INFO):
        assert [node.block_hash(height) for height in (1, 2, 3)] == hashes
        blocks = [node.block(each) for each in hashes]
    assert [parse_block(raw, LITECOIN).hash for raw in blocks] == hashes
    assert node.info().interfaces == ("JSON-RPC",)
    assert node.spent_outputs(hashes[0]) is None
    assert node.fee_estimates() == {}  # nothing was ever paid here
    assert len([record for record in caplog.records if "no REST" in record.message]) == 1
    node.close()
