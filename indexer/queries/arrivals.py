"""When transactions came into the mempool, and how much comes."""

import time
from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from indexer.schema import mempool_tx, replacement


def first_seen(connection: Connection, txids: Sequence[bytes]) -> dict[bytes, int]:
    """txid -> when it was seen first, of those that wait or were replaced."""
    seen: dict[bytes, int] = {}
    for table in (replacement, mempool_tx):
        rows = connection.execute(
            select(table.c.txid, table.c.first_seen).where(table.c.txid.in_(txids))
        )
        seen |= {bytes(txid): moment for txid, moment in rows}
    return seen


def arriving_vsize(connection: Connection, seconds: int) -> float:
    """Virtual bytes per second that came in the last `seconds` and still wait."""
    weight = connection.scalar(
        select(func.coalesce(func.sum(mempool_tx.c.weight), 0)).where(
            mempool_tx.c.first_seen > time.time() - seconds
        )
    )
    return int(weight or 0) / 4 / seconds
