"""What somebody who is told of changes must know so as to be told each of them once."""

from sqlalchemy import Connection, select

from indexer.queries.headers import last_common_height
from indexer.schema import block, mempool_input


def last_common_tx_id(connection: Connection, height: int, block_hash: bytes) -> int:
    """The tx_id up to which the chain that ended in this block is still the best; -1 if none."""
    fork = last_common_height(connection, height, block_hash)
    row = connection.execute(select(block.c.next_tx_id).where(block.c.height == fork)).first()
    return -1 if row is None else int(row.next_tx_id - 1)


def pending_spends(connection: Connection, txid: bytes) -> frozenset[tuple[int, int, bytes]]:
    """(vout, vin, txid) of unconfirmed transactions that spend outputs of this one."""
    columns = mempool_input.c
    rows = connection.execute(
        select(columns.prev_vout, columns.vin, columns.txid).where(columns.prev_txid == txid)
    )
    return frozenset((row.prev_vout, row.vin, bytes(row.txid)) for row in rows)
