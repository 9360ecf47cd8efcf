"""When a transaction may be mined: locktime, and the relative locks of BIP68."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FINAL_SEQUENCE: Final = 0xFFFFFFFF
MAX_REPLACEABLE_SEQUENCE: Final = 0xFFFFFFFD  # BIP125
LOCKTIME_THRESHOLD: Final = 500_000_000  # below: a height, from here on: a time
_DISABLED: Final = 1 << 31
_IN_SECONDS: Final = 1 << 22
_VALUE: Final = 0xFFFF
_GRANULARITY: Final = 512  # seconds


class LockKind(StrEnum):
    NONE = "none"
    HEIGHT = "height"
    TIME = "time"
    RELATIVE_BLOCKS = "relative-blocks"
    RELATIVE_SECONDS = "relative-seconds"


@dataclass(frozen=True, slots=True)
class Lock:
    """`value`: a height, seconds since 1970, blocks or seconds after the spent output's block.

    A transaction locked to a height or time may stand in blocks above that height, or whose
    median time past is later.
    """

    kind: LockKind
    value: int = 0


def locktime_of(locktime: int, sequences: tuple[int, ...]) -> Lock:
    """What a transaction's locktime demands; nothing when every input is final."""
    if not locktime or all(sequence == FINAL_SEQUENCE for sequence in sequences):
        return Lock(LockKind.NONE)
    kind = LockKind.HEIGHT if locktime < LOCKTIME_THRESHOLD else LockKind.TIME
    return Lock(kind, locktime)


def relative_lock_of(sequence: int, version: int) -> Lock:
    """What an input's sequence demands (BIP68); nothing before transaction version 2."""
    if version < 2 or sequence & _DISABLED:
        return Lock(LockKind.NONE)
    value = sequence & _VALUE
    if not value:
        return Lock(LockKind.NONE)
    if sequence & _IN_SECONDS:
        return Lock(LockKind.RELATIVE_SECONDS, value * _GRANULARITY)
    return Lock(LockKind.RELATIVE_BLOCKS, value)


def signals_replacement(sequences: tuple[int, ...]) -> bool:
    """BIP125: some input's sequence is below 0xfffffffe."""
    return any(sequence <= MAX_REPLACEABLE_SEQUENCE for sequence in sequences)
