"""Locktimes and sequences in structured form: BIP65, BIP68 and BIP125."""

import pytest

from indexer.chain.timelock import (
    Lock,
    LockKind,
    locktime_of,
    relative_lock_of,
    signals_replacement,
)

FINAL = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("locktime", "sequences", "lock"),
    [
        (0, (0,), Lock(LockKind.NONE)),
        (840_000, (FINAL, FINAL), Lock(LockKind.NONE)),
        (840_000, (FINAL, FINAL - 1), Lock(LockKind.HEIGHT, 840_000)),
        (499_999_999, (0,), Lock(LockKind.HEIGHT, 499_999_999)),
        (500_000_000, (0,), Lock(LockKind.TIME, 500_000_000)),
        (1_700_000_000, (FINAL - 1,), Lock(LockKind.TIME, 1_700_000_000)),
    ],
)
def test_locktime(locktime: int, sequences: tuple[int, ...], lock: Lock) -> None:
    assert locktime_of(locktime, sequences) == lock


@pytest.mark.parametrize(
    ("sequence", "version", "lock"),
    [
        (144, 2, Lock(LockKind.RELATIVE_BLOCKS, 144)),
        (144, 1, Lock(LockKind.NONE)),
        (0, 2, Lock(LockKind.NONE)),
        (0xFFFF, 3, Lock(LockKind.RELATIVE_BLOCKS, 65535)),
        (1 << 22 | 10, 2, Lock(LockKind.RELATIVE_SECONDS, 5120)),
        (1 << 31 | 144, 2, Lock(LockKind.NONE)),
        (FINAL, 2, Lock(LockKind.NONE)),
        (0x10000 | 3, 2, Lock(LockKind.RELATIVE_BLOCKS, 3)),
    ],
)
def test_relative_lock(sequence: int, version: int, lock: Lock) -> None:
    assert relative_lock_of(sequence, version) == lock


def test_replacement_signal() -> None:
    assert signals_replacement((FINAL, 0xFFFFFFFD))
    assert not signals_replacement((FINAL, 0xFFFFFFFE))
