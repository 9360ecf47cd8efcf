"""The mempool of a real litecoind: replacements, chains of transactions, and MWEB."""

from collections.abc import Callable, Iterator
from threading import Event

import pytest
from sqlalchemy import select

from indexer.check import check
from indexer.database import Database
from indexer.keys import TxFlag
from indexer.node.core import CoreNode
from indexer.schema import mempool_input, mempool_tx, replacement
from indexer.sync.indexer import Indexer
from tests.fixtures_litecoind import COIN, Daemon


class Followed:
    """The daemon, a database, and the indexer between them."""

    def __init__(self, database: Database, daemon: Daemon, node: CoreNode) -> None:
        self.database = database
        self.daemon = daemon
        self.node = node
        self.indexer = Indexer(database, node, keep_raw_blocks=False, stop=Event(), progress=False)

    def sync(self) -> dict[str, dict[str, object]]:
        """The mempool after it, by txid as displayed; it must be right, and the node's."""
        while self.indexer.step():
            pass
        result = check(self.database, self.node, sample=1)
        assert result.ok, str(result)
        with self.database.read() as connection:
            rows = connection.execute(select(mempool_tx)).mappings().all()
        waiting = {shown(row["txid"]): dict(row) for row in rows}
        entries = self.daemon.rpc("getrawmempool", True)
        assert waiting.keys() == entries.keys()
        for txid, entry in entries.items():
            inside = entry.get("mweb", {}).get("fee", 0)
            assert waiting[txid]["fee"] == round((entry["fees"]["base"] - inside) * COIN), txid
            assert waiting[txid]["weight"] == entry["weight"], txid
        return waiting

    def replaced(self) -> dict[str, str]:
        with self.database.read() as connection:
            rows = connection.execute(select(replacement)).all()
        return {shown(row.txid): shown(row.replaced_by) for row in rows}


def spend_all(daemon: Daemon, parent: str, fee: int = 10_000) -> str:
    """A replaceable transaction of the miner's wallet that spends all outputs of another."""
    outputs = daemon.rpc("gettransaction", parent, None, True, wallet="miner")["decoded"]["vout"]
    total = sum(round(output["value"] * COIN) for output in outputs) - fee
    raw = daemon.rpc(
        "createrawtransaction",
        [{"txid": parent, "vout": output["n"]} for output in outputs],
        {daemon.address(): f"{total / COIN:.8f}"},
        0,
        True,
    )
    signed = daemon.rpc("signrawtransactionwithwallet", raw, wallet="miner")
    txid: str = daemon.rpc("sendrawtransaction", signed["hex"])
    return txid


def shown(txid: bytes) -> str:
    return txid[::-1].hex()


@pytest.fixture
def followed(
    sqlite_database: Database, litecoind: Daemon, new_node: Callable[..., CoreNode]
) -> Iterator[Followed]:
    node = new_node(litecoind.url, cookie_file=litecoind.cookie_file)
    followed = Followed(sqlite_database, litecoind, node)
    litecoind.mine()
    assert followed.sync() == {}
    yield followed
    litecoind.mine()


def test_raising_a_fee_twice_leaves_a_timeline(
    sqlite_database: Database,
    new_litecoind: Callable[..., Daemon],
    new_node: Callable[..., CoreNode],
) -> None:
    daemon = new_litecoind("mempoolreplacement=1")  # Litecoin's nodes refuse it by default
    daemon.start()
    daemon.create_wallet("miner")
    daemon.mine(101)
    node = new_node(daemon.url, cookie_file=daemon.cookie_file)
    followed = Followed(sqlite_database, daemon, node)
    paid = daemon.send(daemon.address(), 0.3)
    daemon.mine()
    versions = []
    for fee in (10_000, 20_000, 40_000):
        versions.append(spend_all(daemon, paid, fee))
        (row,) = followed.sync().values()
        assert row["flags"] == TxFlag.SEGWIT | TxFlag.REPLACEABLE
    first, second, third = versions
    assert followed.replaced() == {first: second, second: third}
    daemon.mine()
    assert followed.sync() == {}
    assert followed.replaced() == {first: second, second: third}


def test_a_child_spends_what_waits_and_a_reorganisation_brings_both_back(
    followed: Followed,
) -> None:
    daemon = followed.daemon
    parent = daemon.send(daemon.address(), 1)
    child = spend_all(daemon, parent)
    assert followed.sync().keys() == {parent, child}
    with followed.database.read() as connection:
        spent = connection.scalars(
            select(mempool_input.c.prev_txid).where(
                mempool_input.c.txid == bytes.fromhex(child)[::-1]
            )
        ).all()
    assert {shown(txid) for txid in spent} == {parent}

    (block_hash,) = daemon.mine()
    assert followed.sync() == {}
    daemon.rpc("invalidateblock", block_hash)
    assert followed.sync().keys() == {parent, child}
    daemon.rpc("reconsiderblock", block_hash)
    assert followed.sync() == {}
    assert followed.replaced() == {}


def test_a_peg_in_waits(followed: Followed) -> None:
    daemon = followed.daemon
    daemon.peg_in(1)
    (pegin,) = followed.sync().values()
    assert pegin["flags"] == TxFlag.SEGWIT | TxFlag.MWEB
    daemon.mine()
    assert followed.sync() == {}


def test_what_moves_inside_mweb_only_is_confidential(followed: Followed) -> None:
    daemon = followed.daemon
    (inside,) = daemon.peg_in(1)
    daemon.mine()
    daemon.send(daemon.address(kind="mweb"), 0.25, wallet=inside)
    assert len(daemon.rpc("getrawmempool")) == 1
    while followed.indexer.step():
        pass
    with followed.database.read() as connection:
        assert connection.execute(select(mempool_tx)).all() == []
