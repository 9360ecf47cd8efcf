"""Find a transaction wherever it is, and page through its inputs and outputs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from indexer.chain.encoding import Transaction, TxOutput, parse_transaction
from indexer.chain.network import Network
from indexer.keys import TxFlag, txid_key
from indexer.raw import RawSource, RawUnavailableError
from indexer.schema import (
    block,
    input_,
    mempool_input,
    mempool_output,
    mempool_tx,
    output,
    replacement,
    stale_block,
    tx,
)
from indexer.sync.rows import flags_of

STALE_BLOCKS_SEARCHED = 12


class Status(StrEnum):
    CONFIRMED = "confirmed"
    PENDING = "pending"
    REPLACED = "replaced"
    STALE = "stale"  # only in a block that was reorganised out


@dataclass(frozen=True, slots=True)
class Summary:
    """A transaction without its parts. `fee` is None where an input's amount is unknown."""

    txid: bytes
    status: Status
    fee: int | None
    size: int
    weight: int
    flags: TxFlag
    input_count: int
    output_count: int
    output_value: int
    tx_id: int | None = None
    first_input_id: int = 0
    first_output_id: int = 0
    height: int | None = None
    position: int | None = None  # in its block
    block_hash: bytes | None = None
    block_time: int | None = None
    first_seen: int | None = None

    @property
    def vsize(self) -> int:
        return -(-self.weight // 4)

    @property
    def fee_rate(self) -> float | None:
        """Smallest unit per virtual byte."""
        return None if self.fee is None else self.fee / (self.weight / 4)

    @property
    def is_coinbase(self) -> bool:
        return TxFlag.COINBASE in self.flags


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A transaction outside the best chain, of which all bytes are known."""

    summary: Summary
    transaction: Transaction


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


def find_confirmed(connection: Connection, txid: bytes) -> Summary | None:
    """The transaction of the best chain with this txid; the later of two (BIP30's two pairs)."""
    return find_all_confirmed(connection, [txid]).get(txid)


def find_all_confirmed(connection: Connection, txids: Sequence[bytes]) -> dict[bytes, Summary]:
    """Those of the best chain by txid; the later of two (BIP30's two pairs)."""
    keys = [txid_key(txid) for txid in txids]
    rows = connection.execute(
        select(tx, block.c.hash.label("block_hash"), block.c.time, block.c.first_tx_id)
        .join(block, block.c.height == tx.c.height)
        .where(tx.c.txid_key.in_(keys), tx.c.txid.in_(txids))
        .order_by(tx.c.tx_id)
    )
    return {bytes(row.txid): _summary(row) for row in rows}


def _summary(row: Row[Any]) -> Summary:
    return Summary(
        txid=bytes(row.txid),
        status=Status.CONFIRMED,
        fee=row.fee,
        size=row.size,
        weight=row.weight,
        flags=TxFlag(row.flags),
        input_count=row.input_count,
        output_count=row.output_count,
        output_value=row.output_value,
        tx_id=row.tx_id,
        first_input_id=row.first_input_id,
        first_output_id=row.first_output_id,
        height=row.height,
        position=row.tx_id - row.first_tx_id,
        block_hash=bytes(row.block_hash),
        block_time=row.time,
    )


def find_at(connection: Connection, height: int, position: int) -> bytes | None:
    """The txid at a position of a block."""
    row = connection.execute(
        select(block.c.first_tx_id, block.c.tx_count).where(block.c.height == height)
    ).first()
    if row is None or not 0 <= position < row.tx_count:
        return None
    txid = connection.scalar(select(tx.c.txid).where(tx.c.tx_id == row.first_tx_id + position))
    return None if txid is None else bytes(txid)


def find_pending(connection: Connection, txid: bytes, network: Network) -> Unconfirmed | None:
    """The mempool's transaction with this txid."""
    row = connection.execute(select(mempool_tx).where(mempool_tx.c.txid == txid)).first()
    if row is None:
        return None
    transaction = parse_transaction(bytes(row.raw), network)
    return Unconfirmed(
        _unconfirmed(
            txid,
            transaction,
            Status.PENDING,
            fee=row.fee,
            size=row.size,
            weight=row.weight,
            first_seen=row.first_seen,
        ),
        transaction,
    )


def find_replaced(connection: Connection, txid: bytes, network: Network) -> Unconfirmed | None:
    """A transaction that another one pushed out of the mempool."""
    row = connection.execute(select(replacement).where(replacement.c.txid == txid)).first()
    if row is None:
        return None
    transaction = parse_transaction(bytes(row.raw), network)
    return Unconfirmed(
        _unconfirmed(
            txid,
            transaction,
            Status.REPLACED,
            fee=row.fee,
            size=transaction.size,
            weight=row.weight,
            first_seen=row.first_seen,
        ),
        transaction,
    )


def find_stale(connection: Connection, txid: bytes, raw: RawSource) -> Unconfirmed | None:
    """A transaction of one of the latest blocks that were reorganised out."""
    newest = connection.execute(
        select(stale_block.c.hash, stale_block.c.height, stale_block.c.time)
        .order_by(stale_block.c.height.desc())
        .limit(STALE_BLOCKS_SEARCHED)
    ).all()
    for row in newest:
        block_hash = bytes(row.hash)
        try:
            position = raw.positions(connection, block_hash).get(txid)
            if position is None:
                continue
            transaction = parse_transaction(
                raw.transaction(connection, txid, block_hash), raw.network
            )
        except RawUnavailableError:
            continue
        summary = _unconfirmed(
            txid,
            transaction,
            Status.STALE,
            fee=0 if transaction.is_coinbase else None,
            size=transaction.size,
            weight=transaction.weight,
            first_seen=None,
        )
        return Unconfirmed(
            replace(
                summary,
                height=row.height,
                position=position,
                block_hash=block_hash,
                block_time=row.time,
            ),
            transaction,
        )
    return None


def confirmed_inputs(
    connection: Connection, summary: Summary, first: int, count: int
) -> tuple[SpentOutpoint, ...]:
    """`count` inputs from number `first` on. Empty for a coinbase."""
    low = summary.first_input_id + first
    high = summary.first_input_id + min(first + count, summary.input_count)
    parent = tx.alias("parent")
    rows = connection.execute(
        select(
            input_.c.input_id,
            input_.c.value,
            output.c.output_id,
            output.c.script,
            parent.c.txid,
            parent.c.first_output_id,
            parent.c.height,
        )
        .join(output, output.c.output_id == input_.c.output_id)
        .join(parent, parent.c.tx_id == output.c.tx_id)
        .where(input_.c.input_id >= low, input_.c.input_id < high)
        .order_by(input_.c.input_id)
    )
    return tuple(
        SpentOutpoint(
            vin=row.input_id - summary.first_input_id,
            prev_txid=bytes(row.txid),
            prev_vout=row.output_id - row.first_output_id,
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
        .join(
            input_,
            and_(
                input_.c.input_id >= tx.c.first_input_id,
                input_.c.input_id < tx.c.first_input_id + tx.c.input_count,
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
        select(tx.c.txid, tx.c.first_output_id, tx.c.output_count, tx.c.height)
        .where(tx.c.txid_key.in_({txid_key(txid) for txid in txids}), tx.c.txid.in_(txids))
        .order_by(tx.c.tx_id)
    ).all()
    by_txid = {bytes(row.txid): row for row in parents}
    ids = {
        by_txid[txid].first_output_id + vout: (txid, vout)
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
    low = summary.first_output_id + first
    high = summary.first_output_id + min(first + count, summary.output_count)
    rows = connection.execute(
        select(output.c.output_id, output.c.value, output.c.script)
        .where(output.c.output_id >= low, output.c.output_id < high)
        .order_by(output.c.output_id)
    ).all()
    spenders: dict[int, Spender] = {}
    if spends_indexed:
        spenders = _pending_spenders(connection, summary.txid, first, count)
        spenders |= _confirmed_spenders(connection, summary.first_output_id, low, high)
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
    connection: Connection, first_output_id: int, low: int, high: int
) -> dict[int, Spender]:
    rows = connection.execute(
        select(input_.c.output_id, input_.c.input_id, tx.c.txid, tx.c.first_input_id, tx.c.height)
        .join(tx, tx.c.tx_id == input_.c.tx_id)
        .where(input_.c.output_id >= low, input_.c.output_id < high)
    )
    return {
        row.output_id - first_output_id: Spender(
            bytes(row.txid), row.input_id - row.first_input_id, row.height
        )
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


def _unconfirmed(
    txid: bytes,
    transaction: Transaction,
    status: Status,
    *,
    fee: int | None,
    size: int,
    weight: int,
    first_seen: int | None,
) -> Summary:
    return Summary(
        txid=txid,
        status=status,
        fee=fee,
        size=size,
        weight=weight,
        flags=TxFlag(flags_of(transaction)),
        input_count=0 if transaction.is_coinbase else len(transaction.inputs),
        output_count=len(transaction.outputs),
        output_value=sum(each.value for each in transaction.outputs),
        first_seen=first_seen,
    )
