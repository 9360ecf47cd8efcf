"""Blocks: the list with its stale ones, one block with its transactions, fee rates of a block."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Label, Row, and_, func, select

from indexer.chain.encoding import BlockHeader, parse_header
from indexer.keys import TxFlag
from indexer.schema import block, output, stale_block, tx

MEDIAN_SPAN = 11  # blocks: BIP113
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
RATE_BOUNDS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000)


@dataclass(frozen=True, slots=True)
class BlockSummary:
    """A line of the list. `stale`: reorganised out of the best chain."""

    height: int
    hash: bytes
    time: int
    tx_count: int
    size: int
    weight: int
    fees: int
    coinbase_value: int
    coinbase_script: bytes
    stale: bool

    @property
    def vsize(self) -> int:
        return -(-self.weight // 4)


@dataclass(frozen=True, slots=True)
class BlockList:
    """Newest first. `older` and `newer` are heights to start the neighbouring pages from."""

    blocks: tuple[BlockSummary, ...]
    tip_height: int
    older: int | None
    newer: int | None


@dataclass(frozen=True, slots=True)
class TxLine:
    """A transaction as a line of its block."""

    position: int
    txid: bytes
    fee: int
    weight: int
    flags: TxFlag
    input_count: int
    output_count: int
    output_value: int

    @property
    def vsize(self) -> int:
        return -(-self.weight // 4)

    @property
    def is_coinbase(self) -> bool:
        return TxFlag.COINBASE in self.flags

    @property
    def is_hogex(self) -> bool:
        return TxFlag.HOGEX in self.flags


@dataclass(frozen=True, slots=True)
class RateBand:
    """Transactions that pay at least `low` and less than `high` per vbyte; None: no upper bound."""

    low: int
    high: int | None
    tx_count: int
    vsize: int


@dataclass(frozen=True, slots=True)
class FeeRates:
    """Fee rates weighted by size; the quantiles in the smallest unit per 1000 vbytes."""

    bands: tuple[RateBand, ...]
    minimum: int
    quantiles: tuple[int, ...]  # at QUANTILES
    maximum: int

    @property
    def median(self) -> int:
        return self.quantiles[QUANTILES.index(0.5)]


@dataclass(frozen=True, slots=True)
class BlockDetail:
    """One block of the best chain or a stale one (whose transactions SQL does not hold)."""

    summary: BlockSummary
    header: BlockHeader
    median_time: int | None
    output_value: int | None
    confirmations: int
    next_hash: bytes | None
    disconnected_at: int | None
    replaced_by: bytes | None  # the best chain's block at the height of a stale one
    siblings: tuple[bytes, ...]  # stale blocks at the height of a best one


@dataclass(frozen=True, slots=True)
class BlockHead:
    """A block's header and what it costs to know of it."""

    height: int
    hash: bytes
    header: BlockHeader
    median_time: int  # of this block and the ten before it
    tx_count: int
    size: int
    weight: int


def block_head(connection: Connection, block_hash: bytes) -> BlockHead | None:
    """The head of the block with this hash, stale ones too."""
    row = connection.execute(select(block).where(block.c.hash == block_hash)).first()
    if row is not None:
        return _head(row, row.median_time)
    row = connection.execute(select(stale_block).where(stale_block.c.hash == block_hash)).first()
    return None if row is None else _head(row, _median_time(connection, block_hash))


def block_heads(connection: Connection, start: int | None, count: int) -> tuple[BlockHead, ...]:
    """`count` heads of the best chain from height `start` (None: the tip) downwards."""
    query = select(block).order_by(block.c.height.desc()).limit(count)
    if start is not None:
        query = query.where(block.c.height <= start)
    return tuple(_head(row, row.median_time) for row in connection.execute(query))


def output_value() -> Label[Any]:
    """Of a row of tx: the sum of its outputs, as a column `output_value`."""
    made = output.alias("made")
    return (
        select(func.sum(made.c.value))
        .where(made.c.output_id >= tx.c.tx_id, made.c.output_id < tx.c.tx_id + tx.c.output_count)
        .scalar_subquery()
        .label("output_value")
    )


def txids_of_block(connection: Connection, height: int) -> list[bytes]:
    """All txids of a best chain's block, in its order."""
    txids = connection.scalars(
        select(tx.c.txid)
        .join(block, and_(tx.c.tx_id >= block.c.first_tx_id, tx.c.tx_id < block.c.next_tx_id))
        .where(block.c.height == height)
        .order_by(tx.c.tx_id)
    )
    return [bytes(txid) for txid in txids]


def newest_blocks(connection: Connection, count: int) -> tuple[BlockSummary, ...]:
    """The latest blocks of the best chain."""
    rows = connection.execute(select(block).order_by(block.c.height.desc()).limit(count))
    return tuple(_summary(row, stale=False) for row in rows)


def list_blocks(connection: Connection, start: int | None, count: int) -> BlockList:
    """`count` heights from `start` downwards (None: from the tip), stale blocks among them."""
    tip = connection.scalar(select(func.max(block.c.height)))
    tip_height = -1 if tip is None else tip
    high = tip_height if start is None else min(start, tip_height)
    low = max(0, high - count + 1)
    lines = [
        _summary(row, stale=stale)
        for table, stale in ((block, False), (stale_block, True))
        for row in connection.execute(select(table).where(table.c.height.between(low, high)))
    ]
    lines.sort(key=lambda line: (-line.height, line.stale))
    return BlockList(
        blocks=tuple(lines),
        tip_height=tip_height,
        older=low - 1 if low > 0 else None,
        newer=min(high + count, tip_height) if high < tip_height else None,
    )


def height_at(connection: Connection, time: int) -> int | None:
    """The last height whose block says it was made before `time`; None if none was."""
    return connection.scalar(
        select(block.c.height)
        .where(block.c.time < time)
        .order_by(block.c.time.desc(), block.c.height.desc())
        .limit(1)
    )


def hash_at(connection: Connection, height: int) -> bytes | None:
    """The best chain's block hash at a height."""
    found = connection.scalar(select(block.c.hash).where(block.c.height == height))
    return None if found is None else bytes(found)


def find_block(connection: Connection, block_hash: bytes) -> BlockDetail | None:
    """The block with this hash, stale ones too."""
    row = connection.execute(select(block).where(block.c.hash == block_hash)).first()
    if row is not None:
        return _best(connection, row)
    row = connection.execute(select(stale_block).where(stale_block.c.hash == block_hash)).first()
    return None if row is None else _stale(connection, row)


def block_transactions(
    connection: Connection, height: int, first: int, count: int
) -> tuple[TxLine, ...]:
    """`count` transactions of a best chain's block from position `first` on."""
    rows = connection.execute(
        select(tx, output_value())
        .join(block, and_(tx.c.tx_id >= block.c.first_tx_id, tx.c.tx_id < block.c.next_tx_id))
        .where(block.c.height == height, tx.c.position >= first)
        .order_by(tx.c.tx_id)
        .limit(count)
    )
    return tuple(_line(row, row.position) for row in rows)


def newest_transactions(connection: Connection, count: int) -> tuple[TxLine, ...]:
    """The last transactions of the chain, newest first; `position` counts from the newest."""
    rows = connection.execute(select(tx, output_value()).order_by(tx.c.tx_id.desc()).limit(count))
    return tuple(_line(row, position) for position, row in enumerate(rows))


def block_fee_rates(connection: Connection, height: int) -> FeeRates | None:
    """The distribution of a best chain's block; None if it has only a coinbase.

    Reads a narrow row per transaction of the block.
    """
    rows = connection.execute(
        select(tx.c.fee, tx.c.weight)
        .join(block, and_(tx.c.tx_id > block.c.first_tx_id, tx.c.tx_id < block.c.next_tx_id))
        .where(block.c.height == height, tx.c.flags.op("&")(int(TxFlag.HOGEX)) == 0)
    ).all()
    return fee_rates([(fee, weight) for fee, weight in rows])


def fee_rates(fees_and_weights: Sequence[tuple[int, int]]) -> FeeRates | None:
    """Bands and quantiles of (fee, weight) pairs; None for an empty sequence."""
    if not fees_and_weights:
        return None
    rates = sorted((4000 * fee // weight, weight) for fee, weight in fees_and_weights)
    counts = [0] * (len(RATE_BOUNDS) + 1)
    weights = [0] * (len(RATE_BOUNDS) + 1)
    for rate, weight in rates:
        band = bisect_right(RATE_BOUNDS, rate / 1000)
        counts[band] += 1
        weights[band] += weight
    used = [band for band, count in enumerate(counts) if count]
    lows = (0, *RATE_BOUNDS)
    highs = (*RATE_BOUNDS, None)
    return FeeRates(
        bands=tuple(
            RateBand(lows[band], highs[band], counts[band], -(-weights[band] // 4))
            for band in range(used[0], used[-1] + 1)
        ),
        minimum=rates[0][0],
        quantiles=_quantiles(rates, sum(weights)),
        maximum=rates[-1][0],
    )


def _quantiles(rates: Sequence[tuple[int, int]], total: int) -> tuple[int, ...]:
    """The rates that a tenth, a quarter ... of the weight pays at most; `rates` rise."""
    found: list[int] = []
    passed = 0
    for rate, weight in rates:
        passed += weight
        while len(found) < len(QUANTILES) and passed >= QUANTILES[len(found)] * total:
            found.append(rate)
    return tuple(found)


def _best(connection: Connection, row: Row[tuple[object, ...]]) -> BlockDetail:
    tip = connection.scalar(select(func.max(block.c.height))) or 0
    siblings = connection.scalars(
        select(stale_block.c.hash)
        .where(stale_block.c.height == row.height)
        .order_by(stale_block.c.disconnected_at)
    )
    return BlockDetail(
        summary=_summary(row, stale=False),
        header=parse_header(bytes(row.header)),
        median_time=row.median_time,
        output_value=row.output_value,
        confirmations=tip - row.height + 1,
        next_hash=hash_at(connection, row.height + 1),
        disconnected_at=None,
        replaced_by=None,
        siblings=tuple(bytes(sibling) for sibling in siblings),
    )


def _stale(connection: Connection, row: Row[tuple[object, ...]]) -> BlockDetail:
    return BlockDetail(
        summary=_summary(row, stale=True),
        header=parse_header(bytes(row.header)),
        median_time=None,
        output_value=None,
        confirmations=0,
        next_hash=None,
        disconnected_at=row.disconnected_at,
        replaced_by=hash_at(connection, row.height),
        siblings=(),
    )


def _head(row: Row[tuple[object, ...]], median_time: int) -> BlockHead:
    return BlockHead(
        height=row.height,
        hash=bytes(row.hash),
        header=parse_header(bytes(row.header)),
        median_time=median_time,
        tx_count=row.tx_count,
        size=row.size,
        weight=row.weight,
    )


def _median_time(connection: Connection, block_hash: bytes) -> int:
    """Of a stale block, whose ancestors may be stale or of the best chain."""
    times: list[int] = []
    while len(times) < MEDIAN_SPAN:
        for table in (stale_block, block):
            header = connection.scalar(select(table.c.header).where(table.c.hash == block_hash))
            if header is not None:
                break
        else:
            break
        parsed = parse_header(bytes(header))
        times.append(parsed.time)
        block_hash = parsed.prev_hash
    return sorted(times)[len(times) // 2]


def _summary(row: Row[tuple[object, ...]], *, stale: bool) -> BlockSummary:
    return BlockSummary(
        height=row.height,
        hash=bytes(row.hash),
        time=row.time,
        tx_count=row.tx_count,
        size=row.size,
        weight=row.weight,
        fees=row.fees,
        coinbase_value=row.coinbase_value,
        coinbase_script=bytes(row.coinbase_script),
        stale=stale,
    )


def _line(row: Row[tuple[object, ...]], position: int) -> TxLine:
    return TxLine(
        position=position,
        txid=bytes(row.txid),
        fee=row.fee,
        weight=row.weight,
        flags=TxFlag(row.flags),
        input_count=row.input_count,
        output_count=row.output_count,
        output_value=int(row.output_value),
    )
