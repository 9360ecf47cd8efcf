"""The validation engine under its wrapper: what it accepts, refuses and keeps."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.chain.encoding import Block
from indexer.chain.network import COIN
from indexer.node.base import BlockRef
from indexer.node.engine import BlockRejectedError, Engine, EngineDamagedError
from indexer.node.mining import build_block
from indexer.node.regtest_chain import REGTEST

ANYONE = b"\x51"


def block_on(
    previous: bytes, height: int, *, seconds: int = 0, value: int | None = None, nonce: int = 0
) -> Block:
    """An empty block, so many seconds from an hour ago, plus ten per height."""
    return build_block(
        previous,
        height,
        int(time.time()) - 3600 + 10 * height + seconds,
        [],
        value=REGTEST.subsidy(height) if value is None else value,
        script=ANYONE,
        text=b"",
        extra_nonce=nonce,
    )


def extend(engine: Engine, previous: BlockRef, count: int, nonce: int = 0) -> list[Block]:
    blocks: list[Block] = []
    for height in range(previous.height + 1, previous.height + 1 + count):
        block = block_on(blocks[-1].hash if blocks else previous.hash, height, nonce=nonce)
        engine.submit(block.serialize(), block.hash)
        blocks.append(block)
    return blocks


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path / "engine")
    yield engine
    engine.close()


def test_it_starts_with_the_genesis_block(engine: Engine) -> None:
    assert engine.tip() == BlockRef(0, REGTEST.genesis_hash)
    assert len(engine.genesis()) == 285
    assert engine.spent_outputs(REGTEST.genesis_hash) == []


def test_what_was_accepted_survives_reopening(engine: Engine) -> None:
    blocks = extend(engine, engine.tip(), 3)
    engine.reopen()
    assert engine.tip() == BlockRef(3, blocks[-1].hash)
    assert all(engine.knows(block.hash) for block in blocks)
    assert not engine.knows(bytes(32))


@pytest.mark.parametrize(
    ("height", "seconds", "value", "reason"),
    [
        (4, 0, 51 * COIN, "bad-cb-amount, coinbase pays too much"),
        (4, -7200, None, "time-too-old, block's timestamp is too early"),
        (4, 3600 + 7300, None, "time-too-new, block timestamp too far in the future"),
        (5, 0, None, "bad-cb-height, block height mismatch in coinbase"),
    ],
)
def test_a_refusal_gives_the_reason_and_leaves_the_tip(
    engine: Engine, height: int, seconds: int, value: int | None, reason: str
) -> None:
    extend(engine, engine.tip(), 3)
    tip = engine.tip()
    block = block_on(tip.hash, height, seconds=seconds, value=value)
    with pytest.raises(BlockRejectedError) as refusal:
        engine.submit(block.serialize(), block.hash)
    assert refusal.value.reason.startswith(reason)
    assert engine.tip() == tip


def test_orphans_and_rubbish_are_refused(engine: Engine) -> None:
    orphan = block_on(b"\x11" * 32, 1)
    with pytest.raises(BlockRejectedError, match="prev-blk-not-found"):
        engine.submit(orphan.serialize(), orphan.hash)
    with pytest.raises(BlockRejectedError, match="block-decode-failed"):
        engine.submit(b"rubbish", bytes(32))


def test_a_longer_side_branch_takes_over(engine: Engine) -> None:
    main = extend(engine, engine.tip(), 3)
    fork = BlockRef(1, main[0].hash)
    side = extend(engine, fork, 2, nonce=1)
    assert engine.tip().hash == main[-1].hash, "the first seen stays at equal work"
    assert engine.spent_outputs(side[-1].hash) is None, "it was never connected"
    longer = block_on(side[-1].hash, 4, nonce=1)
    engine.submit(longer.serialize(), longer.hash)
    assert engine.tip() == BlockRef(4, longer.hash)
    assert engine.spent_outputs(side[-1].hash) == []
    assert engine.spent_outputs(main[-1].hash) == [], "stale, but connected once"


def test_a_branch_that_turns_out_invalid_is_left(engine: Engine) -> None:
    main = extend(engine, engine.tip(), 3)
    rich = block_on(main[1].hash, 3, value=60 * COIN, nonce=1)
    engine.submit(rich.serialize(), rich.hash)  # beside the best chain nobody counts its coins
    longer = block_on(rich.hash, 4, nonce=1)
    with pytest.raises(BlockRejectedError, match="bad-cb-amount"):
        engine.submit(longer.serialize(), longer.hash)
    assert engine.tip() == BlockRef(3, main[-1].hash)


def test_one_directory_has_one_engine(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(EngineDamagedError, match="lock"):
        Engine(tmp_path / "engine")


def test_two_engines_live_side_by_side(engine: Engine, tmp_path: Path) -> None:
    other = Engine(tmp_path / "other")
    extend(other, other.tip(), 2)
    assert engine.tip().height == 0
    other.close()
