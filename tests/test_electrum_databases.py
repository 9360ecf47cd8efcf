"""The Electrum server on SQLite and PostgreSQL, with blocks kept or read from the node."""

import threading
from dataclasses import dataclass

import pytest
from sqlalchemy import update

from indexer.chain.wire import hash_hex
from indexer.database import Database
from indexer.node.base import Node
from indexer.node.embedded import EmbeddedNode
from indexer.schema import state
from indexer.sync.indexer import Indexer
from tests.books import Books
from tests.electrum_client import ElectrumClient, ElectrumError
from tests.fixtures_electrum import electrum_server
from tests.fixtures_embedded import Miner
from tests.test_electrum_answers import compare_details, root_of, scripthash, status_of

FEE = 1_000
PAYMENTS = 30


@dataclass
class Indexed:
    node: Node
    database: Database


@pytest.mark.parametrize("kept", [True, False], ids=["kept blocks", "the node's blocks"])
def test_the_same_answers(
    database: Database, embedded_node: EmbeddedNode, miner: Miner, kept: bool
) -> None:
    """Payments in one block, in later ones, in a stale one and waiting; then they move on."""
    stop = threading.Event()
    indexer = Indexer(database, embedded_node, keep_raw_blocks=kept, stop=stop, progress=False)

    def step() -> None:
        while indexer.step():
            pass

    first = miner.send(miner.coins[:1], FEE, parts=PAYMENTS)
    coins = [miner.coin_of(first, vout) for vout in range(PAYMENTS)]
    for coin in coins[: PAYMENTS - 6]:
        miner.send([coin], FEE)
    miner.mine(2)
    parent = miner.send(coins[-4:-2], FEE, parts=2)
    miner.send([miner.coin_of(parent, 0)], FEE)
    step()
    name = scripthash(miner.spend.script)
    site = Indexed(embedded_node, database)
    with electrum_server(site) as running, ElectrumClient(running.port) as client:
        told = client.call("blockchain.scripthash.subscribe", name)
        tip = client.call("blockchain.headers.subscribe")
        for move in (
            lambda: None,
            miner.mine,
            lambda: embedded_node.reorganise(2, miner.spend.script),
            miner.mine,
        ):
            move()
            step()
            books = Books(embedded_node)
            account = books.accounts[miner.spend.script]
            while told != status_of(account) or tip["height"] != len(books.blocks) - 1:
                method, parameters = client.next_news()
                if method == "blockchain.headers.subscribe":
                    tip = parameters[0]
                else:
                    told = parameters[1]
            compare_details(client, name, account)
            compare_blocks(client, books)


def compare_blocks(client: ElectrumClient, books: Books) -> None:
    tip = len(books.blocks) - 1
    for height, block in enumerate(books.blocks[-4:], tip - 3):
        proof = client.call("blockchain.block.header", height, tip)
        assert proof["header"] == block.header.serialize80().hex()
        assert hash_hex(root_of(block.hash, height, proof["branch"])) == proof["root"]
        for position, transaction in enumerate(block.transactions):
            txid = hash_hex(transaction.txid)
            raw = client.call("blockchain.transaction.get", txid)
            assert raw == transaction.serialize().hex()
            merkle = client.call("blockchain.transaction.get_merkle", txid, height)["merkle"]
            assert root_of(transaction.txid, position, merkle) == block.header.merkle_root


def test_while_the_chain_is_being_loaded(
    sqlite_database: Database, embedded_node: EmbeddedNode, miner: Miner
) -> None:
    """What needs no script works; the rest says why not, and works as soon as it can."""
    site = Indexed(embedded_node, sqlite_database)
    name = scripthash(miner.spend.script)
    with electrum_server(site) as running, ElectrumClient(running.port) as client:
        assert client.call("server.ping") is None
        with pytest.raises(ElectrumError, match="nothing is indexed yet"):
            client.call("blockchain.headers.subscribe")
        stop = threading.Event()
        Indexer(
            sqlite_database, embedded_node, keep_raw_blocks=True, stop=stop, progress=False
        ).step()
        phase = update(state).values(phase="bulk")
        with sqlite_database.write() as connection:
            connection.execute(phase)
        assert client.call("blockchain.headers.subscribe")["height"] == 109
        for method in ("subscribe", "get_balance", "get_history", "get_mempool", "listunspent"):
            with pytest.raises(ElectrumError, match="still being loaded") as error:
                client.call(f"blockchain.scripthash.{method}", name)
            assert error.value.code == -102
        with sqlite_database.write() as connection:
            connection.execute(phase.values(phase="follow"))
        assert len(client.call("blockchain.scripthash.get_history", name)) == 109


def test_a_database_that_fails(
    sqlite_database: Database, embedded_node: EmbeddedNode, miner: Miner
) -> None:
    """The client is told, its connection lives on."""
    site = Indexed(embedded_node, sqlite_database)
    with electrum_server(site) as running, ElectrumClient(running.port) as client:
        with sqlite_database.write() as connection:
            connection.exec_driver_sql("ALTER TABLE block RENAME TO elsewhere")
        with pytest.raises(ElectrumError, match="the index cannot be read now"):
            client.call("blockchain.block.header", 1)
        with sqlite_database.write() as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO block")
        with pytest.raises(ElectrumError, match="there is no block 1"):
            client.call("blockchain.block.header", 1)
