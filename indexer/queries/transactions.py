"""Find a transaction wherever it is, and page through its inputs and outputs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from indexer.chain.encoding import Transaction, parse_transaction
from indexer.chain.network import Network
from indexer.keys import TxFlag
from indexer.queries.blocks import output_value
from indexer.raw import RawSource, RawUnavailableError
from indexer.schema import (
    block,
    has_txid,
    mempool_tx,
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


def find_confirmed(connection: Connection, txid: bytes) -> Summary | None:
    """The transaction of the best chain with this txid; the later of two (BIP30's two pairs)."""
    return find_all_confirmed(connection, [txid]).get(txid)


def find_all_confirmed(connection: Connection, txids: Sequence[bytes]) -> dict[bytes, Summary]:
    """Those of the best chain by txid; the later of two (BIP30's two pairs)."""
    rows = connection.execute(
        select(tx, output_value(), block.c.hash.label("block_hash"), block.c.time)
        .join(block, block.c.height == tx.c.height)
        .where(has_txid(txids))
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
        output_value=int(row.output_value),
        tx_id=row.tx_id,
        height=row.height,
        position=row.position,
        block_hash=bytes(row.block_hash),
        block_time=row.time,
    )


def find_at(connection: Connection, height: int, position: int) -> bytes | None:
    """The txid at a position of a block."""
    txid = connection.scalar(
        select(tx.c.txid)
        .join(block, and_(tx.c.tx_id >= block.c.first_tx_id, tx.c.tx_id < block.c.next_tx_id))
        .where(block.c.height == height, tx.c.position == position)
    )
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


def is_pending(connection: Connection, txid: bytes) -> bool:
    """Whether it is in the mempool."""
    found = connection.scalar(select(mempool_tx.c.first_seen).where(mempool_tx.c.txid == txid))
    return found is not None


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
