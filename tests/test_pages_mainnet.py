"""Pages over the first 4,313 blocks of Bitcoin: what everybody knows of them."""

import re
import threading
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from indexer.chain.network import get_network
from indexer.chain.script import p2pk
from indexer.database import Database
from indexer.queries.transactions import find_confirmed
from indexer.sync.indexer import Indexer
from tests.apps import app_for
from tests.nodes import BlockNode, read_block_file
from webapp.config import Settings
from webapp.script_words import script_hash_hex

GENESIS_COINBASE = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
TO_HAL = "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16"
BLOCK_9_COINBASE = "0437cd7f8525ceed2324359c2d0ba26006d92d856a9c20fa0241106ee5a597c9"
SATOSHIS_KEY = bytes.fromhex(
    "0411db93e1dcdb8a016b49840f8c53bc1eb68a382e97b1482ecad7b148a6909a5c"
    "b2e0eaddfb84ccf9744464f82e160bfa9b8b64f9d4c03f999b8643f656b412a3"
)


@pytest.fixture(scope="module")
def database(chaindata: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    blocks = list(read_block_file(chaindata / "chains" / "btc_mainnet_0-4312.dat"))
    opened = Database.open(f"sqlite:///{tmp_path_factory.mktemp('mainnet') / 'index.sqlite'}")
    opened.upgrade()
    node = BlockNode(get_network("bitcoin-main"), blocks)
    stop = threading.Event()
    Indexer(opened, node, keep_raw_blocks=True, mempool=False, stop=stop, progress=False).step()
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def client(database: Database) -> FlaskClient:
    return app_for(Settings(network="bitcoin-main"), database).test_client()


def read(client: FlaskClient, path: str) -> str:
    """What a person reads of a page."""
    response = client.get(path)
    html = response.get_data(as_text=True)
    assert response.status_code == 200, html
    without = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(without))


def test_the_first_payment(client: FlaskClient) -> None:
    text = read(client, f"/tx/{TO_HAL}")
    assert "4,143 confirmations" in text
    assert "P2PK" in text
    assert "10.00000000" in text.replace(" ", "")
    assert "Change to the same address" in text
    assert "None: it may be in any block." in text
    assert "Verified" in text
    html = client.get(f"/tx/{TO_HAL}").get_data(as_text=True)
    assert f"/tx/{BLOCK_9_COINBASE}#out-0" in html
    assert SATOSHIS_KEY.hex() in html


def test_the_genesis_coinbase_cannot_be_spent(client: FlaskClient, database: Database) -> None:
    text = read(client, f"/tx/{GENESIS_COINBASE}")
    assert "The Times 03/Jan/2009 Chancellor on brink of second bailout for banks" in text
    with database.read() as connection:
        genesis = find_confirmed(connection, bytes.fromhex(GENESIS_COINBASE)[::-1])
    assert genesis is not None
    assert genesis.height == 0
    assert "Unspent" not in text


def test_satoshis_script_by_its_key_and_by_its_hash(client: FlaskClient) -> None:
    found = client.get("/search", query_string={"q": SATOSHIS_KEY.hex()})
    scripthash = script_hash_hex(p2pk(SATOSHIS_KEY))
    assert f"/script/{scripthash}" in found.get_data(as_text=True)
    text = read(client, f"/script/{scripthash}")
    assert "P2PK" in text
    assert "Confirmed balance" in text
    balance = re.search(r"Confirmed balance ([\d. ]+) BTC", text)
    assert balance is not None
    assert balance[1].replace(" ", "") == "18.00000000"


def test_a_day_without_blocks_leads_to_those_before(client: FlaskClient) -> None:
    """Nobody mined between the 3rd and the 9th of January."""
    found = client.get("/search", query_string={"q": "2009-01-05"})
    assert found.headers["Location"].endswith("/blocks?date=2009-01-05")
    assert "Block" in read(client, found.headers["Location"])
