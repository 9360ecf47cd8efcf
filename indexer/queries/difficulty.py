"""Difficulty of the tip and what the next adjustment is going to do."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from indexer.chain.encoding import parse_header
from indexer.chain.network import Network
from indexer.schema import block

MOST_CHANGE = 4.0  # a period's length counts at most fourfold either way: Core's pow.cpp


@dataclass(frozen=True, slots=True)
class Retarget:
    """The adjustment to come. Changes are a factor - 1; None where there is nothing to tell from:
    on the first block of a period, and before the first adjustment."""

    height: int
    blocks_left: int
    progress: float  # of the period, 0..1
    started_at: int
    seconds_per_block: float
    expected_at: int
    change: float | None
    last_change: float | None


@dataclass(frozen=True, slots=True)
class Difficulty:
    """`retarget` is None where the difficulty never moves or moves with every block."""

    value: float
    retarget: Retarget | None


def difficulty(connection: Connection, network: Network) -> Difficulty | None:
    """Of the best chain's tip; None while nothing is indexed."""
    tip = connection.execute(
        select(block.c.height, block.c.header, block.c.time)
        .order_by(block.c.height.desc())
        .limit(1)
    ).first()
    if tip is None:
        return None
    value = _difficulty(tip.header)
    if not network.retargets or network.retarget_interval < 2:
        return Difficulty(value, None)
    start = tip.height - tip.height % network.retarget_interval
    first = connection.execute(
        select(block.c.time, block.c.header).where(block.c.height == start)
    ).one()
    before = connection.scalar(select(block.c.header).where(block.c.height == start - 1))
    done = tip.height - start
    left = network.retarget_interval - done
    took = tip.time - first.time
    per_block = took / done if done and took > 0 else float(network.block_target)
    factor = network.block_target / per_block
    return Difficulty(
        value,
        Retarget(
            height=start + network.retarget_interval,
            blocks_left=left,
            progress=done / network.retarget_interval,
            started_at=first.time,
            seconds_per_block=per_block,
            expected_at=tip.time + round(left * per_block),
            change=max(1 / MOST_CHANGE, min(MOST_CHANGE, factor)) - 1 if done else None,
            last_change=None
            if before is None
            else _difficulty(first.header) / _difficulty(before) - 1,
        ),
    )


def _difficulty(header: bytes) -> float:
    return parse_header(bytes(header)).difficulty
