"""Following nodes that people run: litecoind over its interfaces, and the embedded engine."""

from collections.abc import Callable
from threading import Event

import pytest
from sqlalchemy import func, select

from indexer import schema
from indexer.check import check
from indexer.database import Database
from indexer.keys import TxFlag
from indexer.node.base import Node
from indexer.node.core import CoreNode
from indexer.node.embedded import EmbeddedNode
from indexer.sync.indexer import Indexer
from tests.fixtures_embedded import Miner
from tests.fixtures_litecoind import Daemon
from tests.tables import make_fresh, read_tables, require_equal


def catch_up(indexer: Indexer) -> None:
    while indexer.step():
        pass


def new_indexer(database: Database, node: Node) -> Indexer:
    return Indexer(database, node, keep_raw_blocks=False, stop=Event(), progress=False)


def require_right(database: Database, node: Node) -> None:
    require_equal(read_tables(database), make_fresh(node))
    result = check(database, node)
    assert result.ok, str(result)


def test_litecoind_past_mweb_and_through_a_reorganisation(
    database: Database, litecoind: Daemon, new_node: Callable[..., CoreNode]
) -> None:
    node = new_node(litecoind.url, cookie_file=litecoind.cookie_file)
    indexer = new_indexer(database, node)
    catch_up(indexer)
    require_right(database, node)
    with database.read() as connection:
        hogex = connection.execute(
            select(schema.tx).where(schema.tx.c.flags.op("&")(int(TxFlag.HOGEX)) != 0)
        ).all()
    assert max(row.input_count for row in hogex) > 1
    assert all(row.fee >= 0 for row in hogex)

    sent = litecoind.send(litecoind.address(), 0.5)
    catch_up(indexer)
    with database.read() as connection:
        waiting = connection.scalar(select(func.count()).select_from(schema.mempool_tx))
    assert waiting
    litecoind.mine(3)
    catch_up(indexer)
    require_right(database, node)
    fork = litecoind.height - 2
    litecoind.rpc("invalidateblock", litecoind.rpc("getblockhash", fork + 1))
    catch_up(indexer)
    require_right(database, node)
    litecoind.mine(4)
    catch_up(indexer)
    require_right(database, node)
    with database.read() as connection:
        txids = connection.scalars(select(schema.tx.c.txid)).all()
    assert bytes.fromhex(sent)[::-1] in txids


@pytest.mark.usefixtures("miner")
def test_the_embedded_engine(database: Database, embedded_node: EmbeddedNode, miner: Miner) -> None:
    indexer = new_indexer(database, embedded_node)
    catch_up(indexer)
    for coin in miner.coins[:4]:
        miner.send([coin], 1000, parts=3)
    miner.mine()
    catch_up(indexer)
    require_right(database, embedded_node)
