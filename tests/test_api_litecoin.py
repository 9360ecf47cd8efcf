"""The Esplora API on a Litecoin chain across MWEB activation: every figure is the daemon's."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.fixtures_litecoind import MWEB_HEIGHT, Daemon, NewNode
from tests.fixtures_site import Site, open_site
from webapp.config import Settings

LAST = MWEB_HEIGHT + 4


@pytest.fixture
def site(litecoind: Daemon, new_node: NewNode, tmp_path: Path) -> Iterator[Site]:
    node = new_node(litecoind.url, cookie_file=litecoind.cookie_file)
    settings = Settings(
        network="litecoin-regtest",
        node_url=litecoind.url,
        data_directory=tmp_path,
        rate_limit=10_000,
    )
    yield from open_site(node, tmp_path, settings)


def get(client: FlaskClient, path: str) -> Any:
    response = client.get("/api" + path)
    assert response.status_code == 200, response.text
    return json.loads(response.text)


def units(coins: float) -> int:
    return int(Decimal(str(coins)).scaleb(8))


def test_blocks_and_transactions(site: Site, litecoind: Daemon) -> None:
    client = site.app.test_client()
    hogex_inputs = []
    for height in (0, 1, *range(MWEB_HEIGHT - 2, LAST + 1)):
        said = litecoind.rpc("getblock", litecoind.rpc("getblockhash", height), 2)
        name = said["hash"]
        block = get(client, f"/block/{name}")
        assert (block["size"], block["weight"], block["tx_count"]) == (
            said["size"],
            said["weight"],
            said["nTx"],
        )
        assert (block["mediantime"], block["merkle_root"]) == (
            said["mediantime"],
            said["merkleroot"],
        )
        listed = get(client, f"/block/{name}/txs")
        assert [each["txid"] for each in listed] == [each["txid"] for each in said["tx"]]
        for ours, theirs in zip(listed, said["tx"], strict=True):
            compare(ours, theirs)
            assert get(client, f"/tx/{ours['txid']}") == ours
            assert client.get(f"/api/tx/{ours['txid']}/hex").text == theirs["hex"]
        if height > MWEB_HEIGHT:
            hogex_inputs.append(len(listed[-1]["vin"]))
    assert max(hogex_inputs) >= 3


def compare(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    same = ("version", "locktime", "size", "weight")
    assert [ours[key] for key in same] == [theirs[key] for key in same]
    assert [each["value"] for each in ours["vout"]] == [
        units(each["value"]) for each in theirs["vout"]
    ]
    assert [each["scriptpubkey"] for each in ours["vout"]] == [
        each["scriptPubKey"]["hex"] for each in theirs["vout"]
    ]
    for output, said in zip(ours["vout"], theirs["vout"], strict=True):
        if said["scriptPubKey"].get("type") in {"pubkeyhash", "scripthash", "witness_v0_keyhash"}:
            assert [output["scriptpubkey_address"]] == said["scriptPubKey"]["addresses"]
    for spend, said in zip(ours["vin"], theirs["vin"], strict=True):
        if spend["is_coinbase"]:
            assert spend["prevout"] is None
            continue
        assert (spend["txid"], spend["vout"]) == (said["txid"], said["vout"])
        assert spend.get("witness", []) == said.get("txinwitness", [])
        assert spend["prevout"]["value"] > 0
    if not ours["vin"][0]["is_coinbase"]:
        paid = sum(each["prevout"]["value"] for each in ours["vin"])
        assert ours["fee"] == paid - sum(each["value"] for each in ours["vout"])


def test_an_address_of_the_wallet(site: Site, litecoind: Daemon) -> None:
    client = site.app.test_client()
    coins = litecoind.rpc("listunspent", wallet="miner")
    public = [coin for coin in coins if not coin["address"].startswith("tmweb")]
    for coin in public[:8]:
        found = get(client, f"/address/{coin['address']}/utxo")
        mine = [
            each for each in found if (each["txid"], each["vout"]) == (coin["txid"], coin["vout"])
        ]
        assert [each["value"] for each in mine] == [units(coin["amount"])]
        depth = litecoind.height - mine[0]["status"]["block_height"] + 1
        assert depth == coin["confirmations"]
        stats = get(client, f"/address/{coin['address']}")["chain_stats"]
        balance = stats["funded_txo_sum"] - stats["spent_txo_sum"]
        assert balance == sum(each["value"] for each in found)
