"""What transactions spend and create: inputs with their prevouts, outputs with their spenders."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, select

from indexer.chain.encoding import Transaction, TxOutput
from indexer.queries.transactions import Summary
from indexer.schema import (
    has_txid,
    input_,
    mempool_input,
    mempool_output,
    output,
    tx,
    tx_of,
)


@dataclass(frozen=True, slots=True)
class Prevout:
    value: int
    script: bytes
    height: int | None  # None: unconfirmed


@dataclass(frozen=True, slots=True)
class Spender:
    txid: bytes
    vin: int
    height: int | None  # None: unconfirmed


@dataclass(frozen=True, slots=True)
class SpentOutpoint:
    """An input as SQL knows it; value and script are None if the prevout is not known."""

    vin: int
    prev_txid: bytes
    prev_vout: int
    value: int | None
    script: bytes | None
    height: int | None  # of the prevout's transaction; None: unconfirmed or unknown


@dataclass(frozen=True, slots=True)
class CreatedOutput:
    vout: int
    value: int
    script: bytes
    spender: Spender | None


def confirmed_inputs(
    connection: Connection, summary: Summary, first: int, count: int
) -> tuple[SpentOutpoint, ...]:
    """`count` inputs from number `first` on. Empty for a coinbase."""
    assert summary.tx_id is not None
    low = summary.tx_id + first
    high = summary.tx_id + min(first + count, summary.input_count)
    parent = tx.alias("parent")
    rows = connection.execute(
        select(
            input_.c.input_id,
            output.c.value,
            output.c.output_id,
            output.c.script,
            parent.c.txid,
            parent.c.tx_id,
            parent.c.height,
        )
        .join_from(input_, output, output.c.output_id == input_.c.output_id)
        .join(parent, parent.c.tx_id == tx_of(output.c.output_id))
        .where(input_.c.input_id >= low, input_.c.input_id < high)
        .order_by(input_.c.input_id)
    )
    return tuple(
        SpentOutpoint(
            vin=row.input_id - summary.tx_id,
            prev_txid=bytes(row.txid),
            prev_vout=row.output_id - row.tx_id,
            value=row.value,
            script=bytes(row.script),
            height=row.height,
        )
        for row in rows
    )


def spent_by_all(
    connection: Connection, summaries: Iterable[Summary]
) -> dict[bytes, list[TxOutput]]:
    """What confirmed transactions spend, in the order of their inputs, in one question."""
    by_id = {each.tx_id: each.txid for each in summaries if each.input_count}
    rows = connection.execute(
        select(tx.c.tx_id, output.c.value, output.c.script)
        .join_from(
            tx,
            input_,
            and_(
                input_.c.input_id >= tx.c.tx_id,
                input_.c.input_id < tx.c.tx_id + tx.c.input_count,
            ),
        )
        .join(output, output.c.output_id == input_.c.output_id)
        .where(tx.c.tx_id.in_(list(by_id)))
        .order_by(tx.c.tx_id, input_.c.input_id)
    )
    found: dict[bytes, list[TxOutput]] = {txid: [] for txid in by_id.values()}
    for tx_id, value, script in rows:
        found[by_id[tx_id]].append(TxOutput(value, bytes(script)))
    return found


def unconfirmed_inputs(
    connection: Connection, transaction: Transaction, first: int, count: int
) -> tuple[SpentOutpoint, ...]:
    """The same for a transaction known by its bytes only."""
    if transaction.is_coinbase:
        return ()
    page = transaction.inputs[first : first + count]
    known = prevouts(connection, [(each.prev_txid, each.prev_vout) for each in page])
    spent = []
    for vin, each in enumerate(page, first):
        found = known.get((each.prev_txid, each.prev_vout))
        spent.append(
            SpentOutpoint(
                vin=vin,
                prev_txid=each.prev_txid,
                prev_vout=each.prev_vout,
                value=found.value if found else None,
                script=found.script if found else None,
                height=found.height if found else None,
            )
        )
    return tuple(spent)


def prevouts(
    connection: Connection, outpoints: Sequence[tuple[bytes, int]]
) -> dict[tuple[bytes, int], Prevout]:
    """The outputs at these outpoints, of the chain or else the mempool; unknown ones left out."""
    txids = {txid for txid, _ in outpoints}
    parents = connection.execute(
        select(tx.c.txid, tx.c.tx_id, tx.c.output_count, tx.c.height)
        .where(has_txid(txids))
        .order_by(tx.c.tx_id)
    ).all()
    by_txid = {bytes(row.txid): row for row in parents}
    ids = {
        by_txid[txid].tx_id + vout: (txid, vout)
        for txid, vout in outpoints
        if txid in by_txid and vout < by_txid[txid].output_count
    }
    found = {}
    for row in connection.execute(
        select(output.c.output_id, output.c.value, output.c.script).where(
            output.c.output_id.in_(ids)
        )
    ):
        txid, vout = ids[row.output_id]
        found[txid, vout] = Prevout(row.value, bytes(row.script), by_txid[txid].height)
    unconfirmed = txids - by_txid.keys()
    wanted = {outpoint for outpoint in outpoints if outpoint[0] in unconfirmed}
    for pending in connection.execute(
        select(mempool_output).where(mempool_output.c.txid.in_(unconfirmed))
    ):
        outpoint = bytes(pending.txid), pending.vout
        if outpoint in wanted:
            found[outpoint] = Prevout(pending.value, bytes(pending.script), None)
    return found


def confirmed_outputs(
    connection: Connection, summary: Summary, first: int, count: int, *, spends_indexed: bool
) -> tuple[CreatedOutput, ...]:
    """`count` outputs from number `first` on; spenders only once the spends are indexed."""
    assert summary.tx_id is not None
    low = summary.tx_id + first
    high = summary.tx_id + min(first + count, summary.output_count)
    rows = connection.execute(
        select(output.c.output_id, output.c.value, output.c.script)
        .where(output.c.output_id >= low, output.c.output_id < high)
        .order_by(output.c.output_id)
    ).all()
    spenders: dict[int, Spender] = {}
    if spends_indexed:
        spenders = _pending_spenders(connection, summary.txid, first, count)
        spenders |= _confirmed_spenders(connection, summary.tx_id, low, high)
    return tuple(
        CreatedOutput(vout, row.value, bytes(row.script), spenders.get(vout))
        for vout, row in enumerate(rows, first)
    )


def unconfirmed_outputs(
    connection: Connection, transaction: Transaction, first: int, count: int
) -> tuple[CreatedOutput, ...]:
    """The same for a transaction known by its bytes only."""
    spenders = _pending_spenders(connection, transaction.txid, first, count)
    return tuple(
        CreatedOutput(vout, each.value, each.script, spenders.get(vout))
        for vout, each in enumerate(transaction.outputs[first : first + count], first)
    )


def _confirmed_spenders(
    connection: Connection, tx_id: int, low: int, high: int
) -> dict[int, Spender]:
    rows = connection.execute(
        select(input_.c.output_id, input_.c.input_id, tx.c.txid, tx.c.tx_id, tx.c.height)
        .join_from(input_, tx, tx.c.tx_id == tx_of(input_.c.input_id))
        .where(input_.c.output_id >= low, input_.c.output_id < high)
    )
    return {
        row.output_id - tx_id: Spender(bytes(row.txid), row.input_id - row.tx_id, row.height)
        for row in rows
    }


def _pending_spenders(
    connection: Connection, txid: bytes, first: int, count: int
) -> dict[int, Spender]:
    rows = connection.execute(
        select(mempool_input.c.prev_vout, mempool_input.c.txid, mempool_input.c.vin)
        .where(mempool_input.c.prev_txid == txid)
        .where(mempool_input.c.prev_vout >= first, mempool_input.c.prev_vout < first + count)
    )
    return {row.prev_vout: Spender(bytes(row.txid), row.vin, None) for row in rows}
