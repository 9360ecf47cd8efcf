"""Whole transactions, with the outputs they spend and the block they are in, many at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from indexer.chain.encoding import Transaction, TxOutput, parse_block, parse_transaction
from indexer.chain.network import Network
from indexer.queries.blocks import BlockSummary
from indexer.queries.spends import Prevout, prevouts, spent_by_all
from indexer.queries.transactions import Summary, find_all_confirmed
from indexer.raw import RawSource
from indexer.schema import mempool_input, mempool_tx, stale_block

DEEPEST_REORG = 200  # stale blocks that are searched for what a stale one spends
OUTPOINTS_AT_ONCE = 5000  # well below what databases allow in one statement


@dataclass(frozen=True, slots=True)
class Place:
    """The block of the best chain that holds a transaction."""

    height: int
    hash: bytes
    time: int


@dataclass(frozen=True, slots=True)
class FullTransaction:
    """`prevouts` stand in the order of the inputs; None for a coinbase's and for unknown ones.

    `fee` is None where an input's amount is unknown; `place` is None outside the best chain.
    """

    transaction: Transaction
    fee: int | None
    size: int
    weight: int
    prevouts: tuple[TxOutput | None, ...]
    place: Place | None


def full_transaction(connection: Connection, raw: RawSource, txid: bytes) -> FullTransaction | None:
    """A transaction of the best chain or the mempool. Raises RawUnavailableError."""
    found = confirmed_transactions(connection, raw, [txid])
    if not found:
        found = pending_transactions(connection, raw.network, [txid])
    return found[0] if found else None


def confirmed_transactions(
    connection: Connection, raw: RawSource, txids: Sequence[bytes]
) -> list[FullTransaction]:
    """Those of the best chain, in the order given. Raises RawUnavailableError."""
    summaries = find_all_confirmed(connection, txids)
    ordered = [summaries[txid] for txid in txids if txid in summaries]
    places = {each.txid: place_of(each) for each in ordered}
    transactions = raw.confirmed(connection, {txid: at.hash for txid, at in places.items()})
    spent = spent_by_all(connection, ordered)
    return [
        _confirmed(transaction, summary, spent, places[summary.txid])
        for transaction, summary in zip(transactions, ordered, strict=True)
    ]


def pending_transactions(
    connection: Connection, network: Network, txids: Sequence[bytes]
) -> list[FullTransaction]:
    """Those of the mempool, in the order given."""
    rows = {
        bytes(row.txid): row
        for row in connection.execute(select(mempool_tx).where(mempool_tx.c.txid.in_(txids)))
    }
    spent = {
        (bytes(row.txid), row.vin): TxOutput(row.value, bytes(row.script))
        for row in connection.execute(
            select(mempool_input).where(mempool_input.c.txid.in_(list(rows)))
        )
    }
    found = []
    for txid in txids:
        row = rows.get(txid)
        if row is None:
            continue
        transaction = parse_transaction(bytes(row.raw), network)
        found.append(
            FullTransaction(
                transaction=transaction,
                fee=row.fee,
                size=row.size,
                weight=row.weight,
                prevouts=tuple(spent.get((txid, vin)) for vin in range(len(transaction.inputs))),
                place=None,
            )
        )
    return found


def transactions_of_block(
    connection: Connection, raw: RawSource, block: BlockSummary, first: int, count: int
) -> list[FullTransaction]:
    """`count` transactions from position `first` on, of a stale block too.

    Raises RawUnavailableError.
    """
    transactions = raw.transactions(connection, block.hash, first, count)
    if block.stale:
        known = _outputs_of_stale(connection, raw, block.hash)
        return [_stale(connection, each, known) for each in transactions]
    summaries = find_all_confirmed(connection, [each.txid for each in transactions])
    spent = spent_by_all(connection, summaries.values())
    place = Place(block.height, block.hash, block.time)
    return [_confirmed(each, summaries[each.txid], spent, place) for each in transactions]


def place_of(summary: Summary) -> Place:
    """Where a transaction of the best chain was confirmed."""
    assert summary.height is not None
    assert summary.block_hash is not None
    assert summary.block_time is not None
    return Place(summary.height, summary.block_hash, summary.block_time)


def _confirmed(
    transaction: Transaction,
    summary: Summary,
    spent: Mapping[bytes, Sequence[TxOutput]],
    place: Place,
) -> FullTransaction:
    prevouts: tuple[TxOutput | None, ...] = (None,)
    if not summary.is_coinbase:
        prevouts = tuple(spent[summary.txid])
    return FullTransaction(transaction, summary.fee, summary.size, summary.weight, prevouts, place)


def _stale(
    connection: Connection, transaction: Transaction, known: Mapping[bytes, Transaction]
) -> FullTransaction:
    outpoints = [(each.prev_txid, each.prev_vout) for each in transaction.inputs]
    elsewhere: dict[tuple[bytes, int], Prevout] = {}
    for start in range(0, len(outpoints), OUTPOINTS_AT_ONCE):
        elsewhere |= prevouts(connection, outpoints[start : start + OUTPOINTS_AT_ONCE])
    spent: list[TxOutput | None] = []
    for txid, vout in outpoints:
        found = elsewhere.get((txid, vout))
        if found is not None:
            spent.append(TxOutput(found.value, found.script))
        else:
            spent.append(known[txid].outputs[vout] if txid in known else None)
    fee = 0 if transaction.is_coinbase else None
    if all(each is not None for each in spent):
        fee = sum(each.value for each in spent if each) - sum(
            each.value for each in transaction.outputs
        )
    return FullTransaction(
        transaction, fee, transaction.size, transaction.weight, tuple(spent), None
    )


def _outputs_of_stale(
    connection: Connection, raw: RawSource, block_hash: bytes
) -> dict[bytes, Transaction]:
    """The transactions of a stale block and of the stale ones below it: perhaps nowhere else."""
    known: dict[bytes, Transaction] = {}
    for _ in range(DEEPEST_REORG):
        found = connection.scalar(
            select(stale_block.c.height).where(stale_block.c.hash == block_hash)
        )
        if found is None:
            break
        block = parse_block(raw.block(connection, block_hash), raw.network)
        known |= {each.txid: each for each in block.transactions}
        block_hash = block.header.prev_hash
    return known
