"""Outpoints and txids found in SQL, many at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, select

from indexer.schema import (
    has_txid,
    input_,
    mempool_input,
    mempool_output,
    output,
    tx,
    tx_of,
)

Outpoint = tuple[bytes, int]
T = TypeVar("T")

BATCH = 500  # values per IN (...)


def batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some


def mempool_spenders(
    connection: Connection, outpoints: Iterable[Outpoint]
) -> dict[Outpoint, bytes]:
    """Which unconfirmed transaction spends each of these."""
    wanted = set(outpoints)
    found: dict[Outpoint, bytes] = {}
    for some in batches({txid for txid, _ in wanted}):
        columns = (mempool_input.c.prev_txid, mempool_input.c.prev_vout, mempool_input.c.txid)
        for row in connection.execute(select(*columns).where(mempool_input.c.prev_txid.in_(some))):
            if (row.prev_txid, row.prev_vout) in wanted:
                found[row.prev_txid, row.prev_vout] = row.txid
    return found


def mempool_outputs(
    connection: Connection, outpoints: Iterable[Outpoint]
) -> dict[Outpoint, tuple[int, bytes]]:
    """Value and script of the unconfirmed ones."""
    wanted = set(outpoints)
    found: dict[Outpoint, tuple[int, bytes]] = {}
    for some in batches({txid for txid, _ in wanted}):
        for row in connection.execute(
            select(mempool_output).where(mempool_output.c.txid.in_(some))
        ):
            if (row.txid, row.vout) in wanted:
                found[row.txid, row.vout] = (row.value, row.script)
    return found


def confirmed_among(connection: Connection, txids: Iterable[bytes]) -> set[bytes]:
    """Those of the txids that are in the chain."""
    wanted = set(txids)
    found: set[bytes] = set()
    for some in batches(wanted):
        found.update(connection.scalars(select(tx.c.txid).where(has_txid(some))))
    return found & wanted


def confirmed_outputs(
    connection: Connection, outpoints: Iterable[Outpoint]
) -> dict[Outpoint, tuple[int, bytes]]:
    """Value and script of those that the chain made, spent or not."""
    by_id = _output_ids(connection, outpoints)
    found: dict[Outpoint, tuple[int, bytes]] = {}
    for some in batches(by_id):
        columns = (output.c.output_id, output.c.value, output.c.script)
        for row in connection.execute(select(*columns).where(output.c.output_id.in_(some))):
            found[by_id[row.output_id]] = (row.value, row.script)
    return found


def confirmed_spenders(
    connection: Connection, outpoints: Iterable[Outpoint]
) -> dict[Outpoint, bytes]:
    """Which confirmed transaction spends each of these."""
    by_id = _output_ids(connection, outpoints)
    found: dict[Outpoint, bytes] = {}
    for some in batches(by_id):
        for row in connection.execute(
            select(input_.c.output_id, tx.c.txid)
            .join_from(input_, tx, tx.c.tx_id == tx_of(input_.c.input_id))
            .where(input_.c.output_id.in_(some))
        ):
            found[by_id[row.output_id]] = row.txid
    return found


def _output_ids(connection: Connection, outpoints: Iterable[Outpoint]) -> dict[int, Outpoint]:
    vouts: dict[bytes, list[int]] = {}
    for txid, vout in outpoints:
        vouts.setdefault(txid, []).append(vout)
    first_ids: dict[bytes, tuple[int, int]] = {}
    for some in batches(vouts):
        rows = connection.execute(
            select(tx.c.txid, tx.c.tx_id, tx.c.output_count)
            .where(has_txid(some))
            .order_by(tx.c.tx_id)  # before BIP30 a txid could come twice: the later one counts
        )
        first_ids |= {row.txid: (row.tx_id, row.output_count) for row in rows}
    return {
        first + vout: (txid, vout)
        for txid, (first, count) in first_ids.items()
        for vout in vouts.get(txid, ())
        if vout < count
    }
