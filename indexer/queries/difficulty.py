"""Difficulty of the tip and what the next adjustment is going to do."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from indexer.chain.encoding import parse_header
from indexer.chain.network import Network
from indexer.schema import block

MOST_CHANGE = 4.0  # a period's length counts at most fourfold either way: Core's pow.cpp


@dataclass(frozen=True, slots=True)
class Retarget:
    """The adjustment to come. `change` is the expected factor - 1, None on the first block."""

    height: int
    blocks_left: int
    progress: float  # of the period, 0..1
    expected_at: int
    change: float | None


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
    value = parse_header(bytes(tip.header)).difficulty
    if not network.retargets or network.retarget_interval < 2:
        return Difficulty(value, None)
    start = tip.height - tip.height % network.retarget_interval
    started_at = connection.scalar(select(block.c.time).where(block.c.height == start))
    done = tip.height - start
    left = network.retarget_interval - done
    took = tip.time - started_at if started_at is not None else 0
    per_block = took / done if done and took > 0 else float(network.block_target)
    factor = network.block_target / per_block
    return Difficulty(
        value,
        Retarget(
            height=start + network.retarget_interval,
            blocks_left=left,
            progress=done / network.retarget_interval,
            expected_at=tip.time + round(left * per_block),
            change=max(1 / MOST_CHANGE, min(MOST_CHANGE, factor)) - 1 if done else None,
        ),
    )
