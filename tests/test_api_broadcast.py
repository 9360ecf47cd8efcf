"""POST /tx and /txs/package to the end: seen in the mempool, confirmed, refused with the reason."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import urllib3

from indexer.chain.encoding import hash_hex
from tests.fixtures_clients import LiveChain
from tests.fixtures_litecoind import Daemon, NewNode, free_port
from tests.fixtures_site import Site, open_site
from webapp.config import Settings

FEE = 1_000


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False, timeout=20) as pool:
        yield pool


def post(http: urllib3.PoolManager, url: str, body: Any, **headers: str) -> tuple[int, str]:
    answer = http.request("POST", url, body=body, headers=headers)
    return answer.status, answer.data.decode()


def get(http: urllib3.PoolManager, url: str) -> Any:
    return json.loads(http.request("GET", url).data)


def refusal(body: str) -> dict[str, Any]:
    """The node's words in the form that wallets take apart."""
    start, _, said = body.partition(" RPC error: ")
    assert start in ("sendrawtransaction", "submitpackage")
    found: dict[str, Any] = json.loads(said)
    return found


def test_a_transaction_is_sent_and_confirmed(
    live_chain: LiveChain, http: urllib3.PoolManager
) -> None:
    api = live_chain.site.origin + "/api"
    miner = live_chain.miner
    payment = miner.build(miner.coins[:1], FEE)
    raw, name = payment.serialize().hex(), hash_hex(payment.txid)
    assert post(http, f"{api}/tx", raw) == (200, name)
    told = get(http, f"{api}/tx/{name}")  # at once
    assert (told["fee"], told["status"]) == (FEE, {"confirmed": False})
    assert post(http, f"{api}/tx", f" {raw}\n") == (200, name)  # once more does no harm
    height = live_chain.mine()
    assert get(http, f"{api}/tx/{name}/status")["block_height"] == height
    status, body = post(http, f"{api}/tx", raw)
    assert (status, refusal(body)["code"]) == (400, -27)


def test_refusals_hold_the_nodes_reason(live_chain: LiveChain, http: urllib3.PoolManager) -> None:
    api = live_chain.site.origin + "/api"
    miner = live_chain.miner
    cheap = miner.build(miner.coins[:1], 1).serialize().hex()
    status, body = post(http, f"{api}/tx", cheap)
    assert status == 400
    assert refusal(body)["code"] == -26
    assert refusal(body)["message"].startswith("min relay fee not met")
    status, body = post(http, f"{api}/tx", "0200")
    assert (status, refusal(body)["code"]) == (400, -22)
    assert post(http, f"{api}/tx", "nonsense") == (400, "Invalid hex string")
    assert post(http, f"{api}/tx", "")[0] == 400
    assert http.request("GET", f"{api}/tx").status == 405
    assert post(http, f"{api}/tx", "00" * (1 << 20))[0] == 413


def test_other_sites_pages_may_not_send(live_chain: LiveChain, http: urllib3.PoolManager) -> None:
    miner = live_chain.miner
    raw = miner.build(miner.coins[:1], FEE).serialize().hex()
    url = live_chain.site.origin + "/api/tx"
    assert post(http, url, raw, Origin="https://elsewhere.example")[0] == 403
    assert live_chain.node.mempool(frozenset()).added == {}


def test_a_package_is_sent(live_chain: LiveChain, http: urllib3.PoolManager) -> None:
    api = live_chain.site.origin + "/api"
    miner = live_chain.miner
    parent = miner.build(miner.coins[:1], 0)
    child = miner.build([miner.coin_of(parent, 0)], FEE)
    both = [each.serialize().hex() for each in (parent, child)]
    status, body = post(http, f"{api}/txs/package", json.dumps(both))
    assert status == 200
    told = json.loads(body)
    assert told["package_msg"] == "success"
    assert told["replaced-transactions"] == []
    rate = FEE * 1000 // (parent.vsize + child.vsize)
    for each, fee in ((parent, 0), (child, FEE)):
        assert told["tx-results"][hash_hex(each.wtxid)] == {
            "txid": hash_hex(each.txid),
            "vsize": each.vsize,
            "fees": {
                "base": fee / 1e8,
                "effective-feerate": rate / 1e8,
                "effective-includes": [hash_hex(parent.wtxid), hash_hex(child.wtxid)],
            },
        }
    assert get(http, f"{api}/tx/{hash_hex(child.txid)}")["fee"] == FEE


@pytest.mark.parametrize(
    ("query", "body", "status", "words"),
    [
        ("", "nonsense", 400, "JSON array"),
        ("", "{}", 400, "JSON array"),
        ("", "[1]", 400, "JSON array"),
        ("", "[]", 400, "1 to 25"),
        ("", json.dumps(["00"] * 26), 400, "1 to 25"),
        ("", '["xy"]', 400, "Invalid hex string"),
        ("", '["00"]', 400, "TX decode failed"),
        ("?maxfeerate=dear", '["00"]', 400, "maxfeerate"),
        ("?maxburnamount=-1", '["00"]', 400, "maxburnamount"),
    ],
)
def test_what_is_no_package(
    demo_site: Site, query: str, body: str, status: int, words: str
) -> None:
    answer = demo_site.app.test_client().post(f"/api/txs/package{query}", data=body)
    assert answer.status_code == status
    assert words in answer.text


def test_limits_of_a_package(live_chain: LiveChain, http: urllib3.PoolManager) -> None:
    url = live_chain.site.origin + "/api/txs/package?maxfeerate=0.00000001"
    miner = live_chain.miner
    raw = miner.build(miner.coins[:1], FEE).serialize().hex()
    status, body = post(http, url, json.dumps([raw]))
    told = json.loads(body)
    assert (status, told["package_msg"]) == (200, "transaction failed")
    assert [each["error"] for each in told["tx-results"].values()] == ["max-fee-exceeded"]


def test_a_web_process_of_its_own_sends(
    live_chain: LiveChain, http: urllib3.PoolManager, tmp_path: Path
) -> None:
    """As `satchel web` beside `satchel index`: through the node's socket."""
    port = free_port()
    environment = os.environ | {
        "SATCHEL_NETWORK": "bitcoin-regtest",
        "SATCHEL_NODE_URL": "embedded",
        "SATCHEL_DATA_DIRECTORY": str(tmp_path),
        "SATCHEL_DATABASE_URL": f"sqlite:///{tmp_path / 'index.sqlite'}",
        "SATCHEL_PORT": str(port),
    }
    web = subprocess.Popen([sys.executable, "-m", "webapp", "web"], env=environment)
    try:
        api = f"http://127.0.0.1:{port}/api"
        live_chain.wait_for(lambda: _answers(http, f"{api}/blocks/tip/height"), "web process")
        miner = live_chain.miner
        payment = miner.build(miner.coins[:1], FEE)
        raw = payment.serialize().hex()
        assert post(http, f"{api}/tx", raw) == (200, hash_hex(payment.txid))
        assert payment.txid in live_chain.node.mempool(frozenset()).added
    finally:
        web.send_signal(signal.SIGTERM)
        web.wait(20)


def _answers(http: urllib3.PoolManager, url: str) -> bool:
    try:
        return http.request("GET", url).status == 200
    except urllib3.exceptions.HTTPError:
        return False


@pytest.fixture
def litecoin_site(litecoind: Daemon, new_node: NewNode, tmp_path: Path) -> Iterator[Site]:
    node = new_node(litecoind.url, cookie_file=litecoind.cookie_file)
    settings = Settings(network="litecoin-regtest", node_url=litecoind.url, data_directory=tmp_path)
    yield from open_site(node, tmp_path, settings)


def signed(daemon: Daemon, change: Callable[[dict[str, Any]], None] = lambda _outputs: None) -> str:
    """A transaction of the wallet "miner" that nobody has seen."""
    outputs = {daemon.address(): 0.5}
    change(outputs)
    bare = daemon.rpc("createrawtransaction", [], outputs)
    funded = daemon.rpc("fundrawtransaction", bare, wallet="miner")["hex"]
    raw: str = daemon.rpc("signrawtransactionwithwallet", funded, wallet="miner")["hex"]
    return raw


def test_a_real_node_takes_it_and_says_why_not(
    litecoin_site: Site, litecoind: Daemon, http: urllib3.PoolManager
) -> None:
    api = litecoin_site.origin + "/api"
    raw = signed(litecoind)
    status, txid = post(http, f"{api}/tx", raw)
    assert status == 200
    assert txid in litecoind.rpc("getrawmempool")
    litecoin_site.step()
    told = get(http, f"{api}/tx/{txid}")
    entry = litecoind.rpc("getmempoolentry", txid)
    assert told["fee"] == int(Decimal(str(entry["fee"])).scaleb(8))
    assert told["weight"] == entry["weight"]
    assert http.request("GET", f"{api}/tx/{txid}/hex").data.decode() == raw
    litecoind.mine()
    litecoin_site.step()
    assert get(http, f"{api}/tx/{txid}/status")["confirmed"] is True
    status, body = post(http, f"{api}/tx", raw)
    assert (status, refusal(body)["code"]) == (400, -27)
    status, body = post(http, f"{api}/tx", raw[:-2])
    assert (status, refusal(body)["code"]) == (400, -22)
    assert "decode failed" in refusal(body)["message"]
    status, body = post(http, f"{api}/txs/package", json.dumps([raw]))
    assert status == 503
    assert "submitpackage" in body


def test_a_real_node_only_judges(litecoin_site: Site, litecoind: Daemon, new_node: NewNode) -> None:
    node = new_node(litecoind.url, cookie_file=litecoind.cookie_file)
    raw = bytes.fromhex(signed(litecoind))
    (good,) = node.test_accept([raw])
    assert (good.allowed, good.reason) == (True, None)
    assert good.fee is not None
    assert good.fee > 0
    (dear,) = node.test_accept([raw], max_fee_rate=1)
    assert (dear.allowed, dear.reason) == (False, "max-fee-exceeded")
    assert hash_hex(good.txid) not in litecoind.rpc("getrawmempool")


def test_a_merkleblock_satisfies_a_real_node(
    litecoin_site: Site, litecoind: Daemon, http: urllib3.PoolManager
) -> None:
    api = litecoin_site.origin + "/api"
    block = litecoind.rpc("getblock", litecoind.rpc("getblockhash", 435))
    for txid in block["tx"]:
        proof = http.request("GET", f"{api}/tx/{txid}/merkleblock-proof").data.decode()
        assert litecoind.rpc("verifytxoutproof", proof) == [txid]
        assert proof == litecoind.rpc("gettxoutproof", [txid], block["hash"])


def test_the_genesis_block_is_there(litecoin_site: Site, http: urllib3.PoolManager) -> None:
    api = litecoin_site.origin + "/api"
    genesis = hash_hex(litecoin_site.node.network.genesis_hash)
    assert http.request("GET", f"{api}/block-height/0").data.decode() == genesis
    (coinbase,) = get(http, f"{api}/block/{genesis}/txs")
    assert (coinbase["fee"], coinbase["vin"][0]["is_coinbase"]) == (0, True)
