"""What waits to be confirmed: totals, fee bands, projected blocks, the recent and the replaced."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select

from indexer.chain.network import Network
from indexer.keys import TxFlag
from indexer.queries.blocks import FeeRates, fee_rates
from indexer.schema import mempool_input, mempool_tx, replacement, state

COINBASE_RESERVE = 4000  # weight a miner leaves for header and coinbase: Core's default
PROJECTED_BLOCKS = 8
MIN_RATE = 1000  # what most nodes relay
HISTOGRAM_STEP = 50_000  # vbytes of the first, best paying part of the fee histogram
HISTOGRAM_GROWTH = 1.1  # of each part over the one before: those near the top matter most


@dataclass(frozen=True, slots=True)
class PendingLine:
    """A transaction as a line of the mempool."""

    txid: bytes
    first_seen: int
    fee: int
    weight: int
    flags: TxFlag
    output_value: int

    @property
    def vsize(self) -> int:
        return -(-self.weight // 4)


class _Paying(NamedTuple):
    """What a pending transaction pays for its place in a block."""

    fee: int
    weight: int
    size: int


@dataclass(frozen=True, slots=True)
class ReplacedLine:
    """A transaction that another one pushed out."""

    txid: bytes
    replaced_by: bytes
    replaced_at: int
    fee: int
    weight: int

    @property
    def vsize(self) -> int:
        return -(-self.weight // 4)


@dataclass(frozen=True, slots=True)
class ProjectedBlock:
    """What a miner who takes the best paying packages first would put into one block.

    The last one holds all that remains, which may be more than a block's worth.
    """

    tx_count: int
    size: int
    weight: int
    fees: int
    rates: FeeRates
    blocks: int  # 1, more for the last where it holds more than one block's worth

    @property
    def vsize(self) -> int:
        return -(-self.weight // 4)


@dataclass(frozen=True, slots=True)
class FeeEstimate:
    """Smallest unit per 1000 vbytes to be confirmed within so many blocks."""

    blocks: int
    rate: int


@dataclass(frozen=True, slots=True)
class Mempool:
    """The whole mempool in figures. `rates` is None when it is empty."""

    tx_count: int
    weight: int
    fees: int
    output_value: int
    rates: FeeRates | None
    projected: tuple[ProjectedBlock, ...]
    estimates: tuple[FeeEstimate, ...]
    estimated_by_node: bool

    @property
    def vsize(self) -> int:
        return -(-self.weight // 4)


def newest_pending(connection: Connection, count: int) -> tuple[PendingLine, ...]:
    """The latest arrivals."""
    return _lines(connection, mempool_tx.c.first_seen.desc(), count)


def pending_txids(connection: Connection) -> list[bytes]:
    """All, in the order of arrival."""
    columns = mempool_tx.c
    found = connection.scalars(select(columns.txid).order_by(columns.first_seen, columns.txid))
    return [bytes(txid) for txid in found]


def largest_pending(connection: Connection, count: int) -> tuple[PendingLine, ...]:
    """Those that move most."""
    return _lines(connection, mempool_tx.c.output_value.desc(), count)


def newest_replaced(connection: Connection, count: int) -> tuple[ReplacedLine, ...]:
    """The latest that were pushed out."""
    rows = connection.execute(
        select(replacement)
        .order_by(replacement.c.replaced_at.desc(), replacement.c.txid)
        .limit(count)
    )
    return tuple(
        ReplacedLine(bytes(row.txid), bytes(row.replaced_by), row.replaced_at, row.fee, row.weight)
        for row in rows
    )


def mempool(connection: Connection, network: Network) -> Mempool:
    """Reads a narrow row per pending transaction: keep the result while nothing changes."""
    pending = {
        bytes(row.txid): _Paying(row.fee, row.weight, row.size)
        for row in connection.execute(
            select(mempool_tx.c.txid, mempool_tx.c.fee, mempool_tx.c.weight, mempool_tx.c.size)
        )
    }
    projected = _project(pending, _parents(connection), network.max_block_weight)
    estimates, by_node = _estimates(connection, projected)
    return Mempool(
        tx_count=len(pending),
        weight=sum(each.weight for each in pending.values()),
        fees=sum(each.fee for each in pending.values()),
        output_value=connection.scalar(select(func.sum(mempool_tx.c.output_value))) or 0,
        rates=fee_rates([(each.fee, each.weight) for each in pending.values()]),
        projected=projected,
        estimates=estimates,
        estimated_by_node=by_node,
    )


def fee_estimates(connection: Connection) -> dict[int, int]:
    """The node's own: blocks to wait -> smallest unit per 1000 vbytes; empty if it has none."""
    text = connection.scalar(select(state.c.fee_estimates).where(state.c.id == 1))
    return {int(blocks): rate for blocks, rate in json.loads(text or "{}").items()}


def fee_histogram(connection: Connection) -> tuple[tuple[float, int], ...]:
    """(fee rate per vbyte, vsize) from the best paying down, as Electrum and Esplora tell it.

    A pair counts the transactions that pay less than the pair before and at least its own rate.
    Reads a narrow row per pending transaction.
    """
    rows = connection.execute(select(mempool_tx.c.fee, mempool_tx.c.weight))
    queue = sorted(((4 * fee / weight, -(-weight // 4)) for fee, weight in rows), reverse=True)
    histogram: list[tuple[float, int]] = []
    least, gathered = float(HISTOGRAM_STEP), 0
    last = None
    for rate, vsize in queue:
        if gathered > least and last is not None and rate != last:
            histogram.append((last, gathered))
            least, gathered = least * HISTOGRAM_GROWTH, 0
        gathered += vsize
        last = rate
    if last is not None:
        histogram.append((last, gathered))
    return tuple(histogram)


def _lines(
    connection: Connection, order: ColumnElement[int], count: int
) -> tuple[PendingLine, ...]:
    columns = mempool_tx.c
    rows = connection.execute(
        select(
            columns.txid,
            columns.first_seen,
            columns.fee,
            columns.weight,
            columns.flags,
            columns.output_value,
        )
        .order_by(order, columns.txid)
        .limit(count)
    )
    return tuple(
        PendingLine(
            bytes(row.txid),
            row.first_seen,
            row.fee,
            row.weight,
            TxFlag(row.flags),
            row.output_value,
        )
        for row in rows
    )


def _parents(connection: Connection) -> dict[bytes, set[bytes]]:
    """Child -> its unconfirmed parents."""
    parent = mempool_tx.alias("parent")
    parents: dict[bytes, set[bytes]] = {}
    for child, prev in connection.execute(
        select(mempool_input.c.txid, mempool_input.c.prev_txid).join(
            parent, parent.c.txid == mempool_input.c.prev_txid
        )
    ):
        parents.setdefault(bytes(child), set()).add(bytes(prev))
    return parents


def _project(
    pending: Mapping[bytes, _Paying],
    parents: Mapping[bytes, set[bytes]],
    max_block_weight: int,
) -> tuple[ProjectedBlock, ...]:
    room = max_block_weight - COINBASE_RESERVE
    groups: list[list[_Paying]] = [[]]
    rates: list[list[tuple[int, int]]] = [[]]
    filled = 0
    for package in _packages(pending, parents):
        fee = sum(pending[txid].fee for txid in package)
        weight = sum(pending[txid].weight for txid in package)
        if filled + weight > room and groups[-1] and len(groups) < PROJECTED_BLOCKS:
            groups.append([])
            rates.append([])
            filled = 0
        filled += weight
        groups[-1] += [pending[txid] for txid in package]
        rates[-1].append((fee, weight))
    blocks = []
    for group, paid in zip(groups, rates, strict=True):
        banded = fee_rates(paid)
        if banded is None:
            continue
        weight = sum(each.weight for each in group)
        blocks.append(
            ProjectedBlock(
                tx_count=len(group),
                size=sum(each.size for each in group),
                weight=weight,
                fees=sum(each.fee for each in group),
                rates=banded,
                blocks=max(1, -(-weight // room)),
            )
        )
    return tuple(blocks)


def _packages(
    pending: Mapping[bytes, _Paying], parents: Mapping[bytes, set[bytes]]
) -> list[list[bytes]]:
    """Transactions grouped with the ancestors they pay for, best paying package first."""
    children: dict[bytes, list[bytes]] = {}
    for child, above in parents.items():
        for parent in above:
            children.setdefault(parent, []).append(child)
    left = set(pending)

    def ancestry(txid: bytes) -> list[bytes]:
        order: list[bytes] = []
        seen = {txid}
        stack = [txid]
        while stack:
            each = stack.pop()
            order.append(each)
            fresh = [one for one in parents.get(each, ()) if one in left and one not in seen]
            seen.update(fresh)
            stack += fresh
        order.reverse()
        return order

    def rate(txid: bytes) -> float:
        members = ancestry(txid)
        fee = sum(pending[each].fee for each in members)
        return fee / sum(pending[each].weight for each in members)

    heap = [(-rate(txid), txid) for txid in pending]
    heapify(heap)
    packages = []
    while heap:
        claimed, txid = heappop(heap)
        if txid not in left:
            continue
        now = -rate(txid)
        if now != claimed:  # an ancestor was taken since
            heappush(heap, (now, txid))
            continue
        package = ancestry(txid)
        packages.append(package)
        left.difference_update(package)
        for descendant in _below(package, children) & left:
            heappush(heap, (-rate(descendant), descendant))
    return packages


def _below(package: list[bytes], children: Mapping[bytes, list[bytes]]) -> set[bytes]:
    """All descendants: taking a package changes what each of them still has to pay for."""
    found: set[bytes] = set()
    stack = list(package)
    while stack:
        fresh = set(children.get(stack.pop(), ())) - found
        found |= fresh
        stack += fresh
    return found


def _estimates(
    connection: Connection, projected: tuple[ProjectedBlock, ...]
) -> tuple[tuple[FeeEstimate, ...], bool]:
    """The node's own estimates, else what the projected blocks ask for."""
    told = fee_estimates(connection)
    if told:
        return tuple(FeeEstimate(blocks, told[blocks]) for blocks in sorted(told)), True
    return tuple(
        FeeEstimate(number, max(MIN_RATE, block.rates.minimum))
        for number, block in enumerate(projected, 1)
    ), False
