"""The Esplora API answers alike on SQLite and PostgreSQL, whether blocks are kept or not."""

import json
import threading
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from indexer.chain.encoding import hash_hex
from indexer.database import Database
from indexer.node.embedded import EmbeddedNode
from indexer.sync.indexer import Indexer
from tests.apps import app_for
from tests.esplora_reference import Reference, scripthash
from tests.fixtures_embedded import Miner
from webapp.config import Settings

FEE = 1_000
PAYMENTS = 30


@pytest.fixture
def lively_node(miner: Miner) -> EmbeddedNode:
    """Payments in one block, in later ones, in a stale one and waiting."""
    first = miner.send(miner.coins[:1], FEE, parts=PAYMENTS)
    coins = [miner.coin_of(first, vout) for vout in range(PAYMENTS)]
    for coin in coins[: PAYMENTS - 6]:
        miner.send([coin], FEE)
    miner.mine(2)
    miner.send(coins[-6:-4], FEE)
    miner.mine()
    miner.node.reorganise(1, miner.spend.script)
    miner.mine()
    parent = miner.send(coins[-4:-2], FEE, parts=2)
    miner.send([miner.coin_of(parent, 0)], FEE)
    return miner.node


@pytest.mark.parametrize("kept", [True, False], ids=["kept blocks", "the node's blocks"])
def test_the_same_answers(
    database: Database, lively_node: EmbeddedNode, tmp_path: Path, kept: bool
) -> None:
    database.upgrade()
    indexer = Indexer(
        database, lively_node, keep_raw_blocks=kept, stop=threading.Event(), progress=False
    )
    while indexer.step():
        pass
    settings = Settings(network="bitcoin-regtest", data_directory=tmp_path, rate_limit=10_000)
    client = app_for(settings, database, lively_node).test_client()
    compare(client, Reference.read(lively_node), lively_node)


def compare(client: FlaskClient, reference: Reference, node: EmbeddedNode) -> None:
    def same(path: str, expected: object) -> None:
        response = client.get("/api" + path)
        assert response.status_code == 200, response.text
        assert json.dumps(json.loads(response.text)) == json.dumps(expected), path

    tip = node.tip().height
    for height in (0, 1, *range(tip - 5, tip + 1)):
        name = hash_hex(node.block_hash(height))
        txids = [each.txid for each in reference.blocks[height].transactions]
        same(f"/block/{name}", reference.block(height))
        for first in range(0, len(txids), 25):
            page = [reference.transaction(txid) for txid in txids[first : first + 25]]
            same(f"/block/{name}/txs/{first}", page)
        for txid in txids[:3]:
            same(f"/tx/{hash_hex(txid)}", reference.transaction(txid))
            same(f"/tx/{hash_hex(txid)}/outspends", reference.outspends(txid))
            proof = client.get(f"/api/tx/{hash_hex(txid)}/merkleblock-proof").text
            reference.check_merkleblock(txid, bytes.fromhex(proof))
    (script,) = {each for each in reference.touched if each.startswith(b"\0\x14")}
    here = f"/scripthash/{scripthash(script)}"
    confirmed, pending = reference.script_stats(script)
    stats = {"chain_stats": confirmed, "mempool_stats": pending}
    same(here, {"scripthash": scripthash(script), **stats})
    waiting = [reference.transaction(txid) for txid in reference.pending_history(script)]
    newest = [reference.transaction(txid) for txid in reference.confirmed_history(script)[:25]]
    assert len(waiting) == 2
    same(f"{here}/txs", waiting + newest)
    same(f"{here}/utxo", reference.utxo(script))
    assert client.get("/api/address-prefix/bcrt1").json
