"""What one block of the best chain holds in sums and averages, as Core's getblockstats tells."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from sqlalchemy import Connection, select

from indexer.keys import TxFlag
from indexer.queries.blocks import QUANTILES, FeeRates, fee_rates
from indexer.schema import block, output, stale_block, tx


@dataclass(frozen=True, slots=True)
class StaleSibling:
    """A block of the same height that was reorganised out."""

    hash: bytes
    prev_hash: bytes


@dataclass(frozen=True, slots=True)
class BlockStatistics:
    """Amounts in the smallest unit. But for `output_count` the coinbase does not count.

    `rates` is None for a block with a coinbase only. `fees` are the lowest fee, those of
    blocks.QUANTILES of the transactions, and the highest; empty without transactions.
    """

    total_fees: int
    reward: int  # what the coinbase creates
    rates: FeeRates | None
    fees: tuple[int, ...]
    median_fee: int
    average_fee: int
    average_rate: int  # per virtual byte
    average_size: int
    input_count: int
    output_count: int
    output_value: int
    segwit_count: int
    segwit_size: int
    segwit_weight: int
    coinbase_script: bytes  # of its input
    reward_script: bytes  # of its first output
    stale: tuple[StaleSibling, ...]


def block_statistics(connection: Connection, height: int) -> BlockStatistics:
    """Of the best chain's block at a height. Reads a narrow row per transaction of it."""
    head = connection.execute(select(block).where(block.c.height == height)).one()
    columns = (
        tx.c.fee, tx.c.size, tx.c.weight, tx.c.flags, tx.c.input_count, tx.c.output_count,
    )  # fmt: skip
    coinbase, *rows = connection.execute(
        select(*columns)
        .where(tx.c.tx_id >= head.first_tx_id, tx.c.tx_id < head.next_tx_id)
        .order_by(tx.c.tx_id)
    ).all()
    segwit = [row for row in rows if row.flags & TxFlag.SEGWIT]
    paying = [row for row in rows if not row.flags & TxFlag.HOGEX]
    fees = sorted(row.fee for row in paying)
    count = max(1, len(rows))
    weight = sum(row.weight for row in rows)
    return BlockStatistics(
        total_fees=head.fees,
        reward=head.coinbase_value,
        rates=fee_rates([(row.fee, row.weight) for row in paying]),
        fees=_spread(fees),
        median_fee=int(median(fees)) if fees else 0,
        average_fee=head.fees // count,
        average_rate=4 * head.fees // weight if weight else 0,
        average_size=sum(row.size for row in rows) // count,
        input_count=sum(row.input_count for row in rows),
        output_count=coinbase.output_count + sum(row.output_count for row in rows),
        output_value=head.output_value,
        segwit_count=len(segwit),
        segwit_size=sum(row.size for row in segwit),
        segwit_weight=sum(row.weight for row in segwit),
        coinbase_script=bytes(head.coinbase_script),
        reward_script=_reward_script(connection, head.first_tx_id),
        stale=_stale_siblings(connection, height),
    )


def _spread(fees: Sequence[int]) -> tuple[int, ...]:
    """The least of the sorted fees, those that a tenth, a quarter ... pays at most, the highest."""
    if not fees:
        return ()
    inner = (fees[max(0, ceil(quantile * len(fees)) - 1)] for quantile in QUANTILES)
    return (fees[0], *inner, fees[-1])


def _reward_script(connection: Connection, output_id: int) -> bytes:
    return bytes(
        connection.execute(
            select(output.c.script).where(output.c.output_id == output_id)
        ).scalar_one()
    )


def _stale_siblings(connection: Connection, height: int) -> tuple[StaleSibling, ...]:
    rows = connection.execute(
        select(stale_block.c.hash, stale_block.c.header)
        .where(stale_block.c.height == height)
        .order_by(stale_block.c.disconnected_at, stale_block.c.hash)
    )
    return tuple(StaleSibling(bytes(row.hash), bytes(row.header)[4:36]) for row in rows)
