"""Two clients in JavaScript that wallets and sites use, against our API and nothing else."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from indexer.chain.encoding import hash_hex
from tests.fixtures_clients import FEE, LiveChain
from tests.javascript import call

GIFT = 250_000_000
PAYMENT = 90_000_000
SCURE_FEE = 1_000
KEY = sha256(b"frida").hexdigest()
Holds = Callable[[Any], object]

FOE = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


def scure(chain: LiveChain, *calls: list[Any]) -> list[Any]:
    return call("scure", chain.site.origin, *calls)


def test_scure_is_paid_pays_and_sees_it_confirmed(live_chain: LiveChain) -> None:
    (mine,) = scure(live_chain, ["address", KEY])
    gift = live_chain.pay(mine, GIFT)
    live_chain.wait_for(lambda: scure(live_chain, ["balance", mine])[0]["txCount"], "gift")
    height = live_chain.mine()
    gift_name = hash_hex(gift.txid)
    coins, balance, name = scure(
        live_chain, ["unspent", mine], ["balance", mine], ["pay", KEY, FOE, PAYMENT]
    )
    assert balance["balance"] == GIFT
    assert [(coin["txid"], coin["index"]) for coin in coins["utxo"]] == [(gift_name, 0)]
    waiting, history = scure(live_chain, ["txInfo", name], ["history", mine])
    assert waiting["status"] == {"confirmed": False}
    assert waiting["fee"] == SCURE_FEE
    assert [row["txid"] for row in history] == [name, gift_name]
    assert live_chain.mine() == height + 1
    status, after, newest, tip, block, transfers, merged, fee = scure(
        live_chain,
        ["waitForTx", name],
        ["balance", mine],
        ["history", mine, {"limit": 1}],
        ["height"],
        ["blockInfo", height + 1],
        ["transfers", mine],
        ["historyMulti", [mine, FOE]],
        ["fee"],
    )
    assert (status["confirmed"], status["block"]) == (True, height + 1)
    assert after["balance"] == GIFT - PAYMENT - SCURE_FEE
    assert [row["txid"] for row in newest] == [name]
    assert tip == height + 1
    assert block["transactions"][1:] == [name]
    assert block["parentHash"] == hash_hex(live_chain.node.block_hash(height))
    assert [row["txid"] for row in transfers] == [gift_name, name]
    assert [row["info"]["fee"] for row in transfers] == [FEE, SCURE_FEE]
    assert [row["txid"] for row in merged] == [name, gift_name]
    assert fee >= 1


def test_scure_hears_why_not(live_chain: LiveChain) -> None:
    absent, refused, wrong = scure(
        live_chain, ["txInfo", "ab" * 32], ["sendTx", "0200"], ["blockInfo", 10**6]
    )
    assert (absent["status"], wrong["status"], refused["status"]) == (404, 404, 400)
    assert "Transaction not found" in absent["error"]
    assert "TX decode failed" in refused["error"]


def test_mempool_js(live_chain: LiveChain) -> None:
    (mine,) = scure(live_chain, ["address", KEY])
    gift = live_chain.pay(mine, GIFT)
    height = live_chain.mine()
    later = live_chain.pay(mine, PAYMENT)
    api = live_chain.site.app.test_client()
    live_chain.wait_for(lambda: api.get("/api/mempool/txids").json, "payment in the API")
    name, tip = hash_hex(gift.txid), hash_hex(live_chain.node.tip().hash)
    pending = hash_hex(later.txid)
    tx, address, block = {"txid": name}, {"address": mine}, {"hash": tip}
    unspent = {"spent": False}
    expected: dict[str, tuple[dict[str, Any], Holds]] = {
        "transactions.getTx": (tx, lambda got: got["status"]["block_hash"] == tip),
        "transactions.getTxStatus": (tx, lambda got: got["block_height"] == height),
        "transactions.getTxHex": (tx, lambda got: got == gift.serialize().hex()),
        "transactions.getTxRaw": (tx, len),
        "transactions.getTxOutspends": (tx, lambda got: got == [unspent, unspent]),
        "transactions.getTxOutspend": (tx | {"vout": 0}, lambda got: got == unspent),
        "transactions.getTxMerkleProof": (tx, lambda got: got["pos"] == 1),
        "transactions.getTxMerkleBlockProof": (tx, lambda got: len(got) > 200),
        "transactions.postTx": (
            {"txhex": later.serialize().hex()},
            lambda got: got == pending,
        ),
        "addresses.getAddress": (address, lambda got: got["chain_stats"]["tx_count"] == 1),
        "addresses.getAddressTxs": (address, lambda got: names(got) == [pending, name]),
        "addresses.getAddressTxsChain": (address, lambda got: names(got) == [name]),
        "addresses.getAddressTxsMempool": (address, lambda got: names(got) == [pending]),
        "addresses.getAddressTxsUtxo": (
            address,
            lambda got: [coin["value"] for coin in got] == [PAYMENT, GIFT],
        ),
        "blocks.getBlock": (block, lambda got: got["id"] == tip),
        "blocks.getBlocks": ({"start_height": height}, lambda got: got[0]["id"] == tip),
        "blocks.getBlockTxids": (block, lambda got: got[1] == name),
        "blocks.getBlockTxs": (block, lambda got: names(got)[1] == name),
        "blocks.getBlockTxid": (block | {"index": 1}, lambda got: got == name),
        "blocks.getBlockStatus": (block, lambda got: got["in_best_chain"] is True),
        "blocks.getBlockRaw": (block, len),
        "blocks.getBlockHeader": (block, lambda got: len(got) == 160),
        "blocks.getBlockHeight": ({"height": height}, lambda got: got == tip),
        "blocks.getBlocksTipHeight": ({}, lambda got: got == height),
        "blocks.getBlocksTipHash": ({}, lambda got: got == tip),
        "mempool.getMempool": ({}, lambda got: got["count"] == 1),
        "mempool.getMempoolTxids": ({}, lambda got: got == [pending]),
        "mempool.getMempoolRecent": ({}, lambda got: names(got) == [pending]),
        "fees.getFeesRecommended": (
            {},
            lambda got: got["fastestFee"] >= got["minimumFee"] > 0,
        ),
        "fees.getFeesMempoolBlocks": ({}, lambda got: got[0]["nTx"] == 1),
        "fees.getCPFP": ({"txid": pending}, lambda got: got["effectiveFeePerVsize"] > 0),
        "difficulty.getDifficultyAdjustment": ({}, lambda got: got["remainingBlocks"] > 0),
    }
    answers = call(
        "mempool", live_chain.site.origin, *([key, given] for key, (given, _) in expected.items())
    )
    wrong = {
        key: answer
        for (key, (_, holds)), answer in zip(expected.items(), answers, strict=True)
        if not _holds(holds, answer)
    }
    assert wrong == {}


def names(listed: Any) -> list[str]:
    return [each["txid"] for each in listed]


def _holds(holds: Holds, answer: Any) -> bool:
    try:
        return bool(holds(answer))
    except (KeyError, IndexError, TypeError):
        return False


def test_mempool_js_pages_through_a_history(live_chain: LiveChain) -> None:
    (mine,) = scure(live_chain, ["address", KEY])
    paid = [live_chain.pay(mine, 1_000_000) for _ in range(9)]
    live_chain.mine()
    names = [hash_hex(each.txid) for each in paid]
    (page,) = call(
        "mempool", live_chain.site.origin, ["addresses.getAddressTxs", {"address": mine}]
    )
    order = [each["txid"] for each in page]
    assert sorted(order) == sorted(names)
    (rest,) = call(
        "mempool",
        live_chain.site.origin,
        ["addresses.getAddressTxs", {"address": mine, "after_txid": order[4]}],
    )
    assert [each["txid"] for each in rest] == order[5:]


def test_an_error_reaches_the_reader(live_chain: LiveChain) -> None:
    (absent, refused) = call(
        "mempool",
        live_chain.site.origin,
        ["transactions.getTx", {"txid": "ab" * 32}],
        ["transactions.postTx", {"txhex": "00"}],
    )
    assert absent == {"error": "Transaction not found", "status": 404}
    assert refused["status"] == 400
    assert "TX decode failed" in refused["error"]
