"""The first 4,313 blocks of Bitcoin, against what is known of them without an index."""

from collections.abc import Sequence
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Row, func, select

from indexer.chain.encoding import hash_hex, parse_block
from indexer.chain.merkle import merkle_root
from indexer.chain.network import get_network
from indexer.database import Database
from indexer.schema import block, output, tx, tx_of
from indexer.sync.indexer import Indexer
from indexer.unspent import is_coin
from tests.nodes import BlockNode, read_block_file
from tests.tables import make_fresh, read_tables, require_equal

NETWORK = get_network("bitcoin-main")
LAST_HASH = "00000000a9da635727dce622d78361b153ce3334e6a60d4377fad529abfc7863"
TRANSACTIONS = 4371


@pytest.fixture(scope="module")
def raw_blocks(chaindata: Path) -> list[bytes]:
    return list(read_block_file(chaindata / "chains" / "btc_mainnet_0-4312.dat"))


def index(database: Database, node: BlockNode) -> None:
    Indexer(database, node, keep_raw_blocks=False, stop=Event(), progress=False).step()


def test_totals_are_those_of_the_chain(database: Database, raw_blocks: list[bytes]) -> None:
    index(database, BlockNode(NETWORK, raw_blocks))
    with database.read() as connection:
        blocks: Sequence[Row[tuple[object, ...]]] = connection.execute(
            select(block).order_by(block.c.height)
        ).all()
        txids = dict(connection.execute(select(tx.c.tx_id, tx.c.txid)).all())
        unspent = connection.scalar(
            select(func.sum(output.c.value))
            .join(tx, tx.c.tx_id == tx_of(output.c.output_id))
            .where(is_coin())
        )
    assert len(blocks) == 4313
    assert hash_hex(blocks[-1].hash) == LAST_HASH
    assert len(txids) == TRANSACTIONS
    for raw, row in zip(raw_blocks, blocks, strict=True):
        parsed = parse_block(raw, NETWORK)
        ids = range(row.first_tx_id, row.next_tx_id)
        in_block = [txids[tx_id] for tx_id in ids if tx_id in txids]
        assert row.hash == parsed.hash
        assert row.header == raw[:80]
        assert row.size == len(raw)
        assert merkle_root(in_block) == parsed.header.merkle_root
        assert row.coinbase_value <= NETWORK.subsidy(row.height) + row.fees
    subsidies = sum(NETWORK.subsidy(height) for height in range(1, len(blocks)))
    assert unspent == subsidies


def test_following_gives_the_same_as_loading(database: Database, raw_blocks: list[bytes]) -> None:
    index(database, BlockNode(NETWORK, raw_blocks[:300]))
    followed = BlockNode(NETWORK, raw_blocks[:1000])
    index(database, followed)
    found = read_tables(database)
    require_equal(found, make_fresh(followed))
