"""How far a wallet's addresses are used: looked for until a gap of unused ones on each branch."""

from dataclasses import dataclass

from sqlalchemy import Connection

from indexer.queries.script_sets import ScriptSet, used_places
from wallet.descriptor import Descriptor
from wallet.keys import Branch

AT_ONCE = 500  # scripts derived at most before the index is asked about them
LAST_POSITION = 2**31 - 1  # those from 2^31 on are hardened: BIP32


@dataclass(frozen=True, slots=True)
class BranchScan:
    """`looked` addresses were looked at, from position 0 on; `last_used` is None if none was used.
    `complete`: the last `gap_limit` of them are unused."""

    looked: int
    last_used: int | None
    complete: bool


@dataclass(frozen=True, slots=True)
class Extension:
    """Scripts that follow those known, and how far the branch is scanned with them."""

    scripts: tuple[bytes, ...]
    scan: BranchScan


def wanted_count(last_used: int | None, gap_limit: int) -> int:
    """How many scripts of a branch must be watched."""
    used = 0 if last_used is None else last_used + 1
    return min(used + gap_limit, LAST_POSITION + 1)


def extend(
    connection: Connection,
    descriptor: Descriptor,
    branch: Branch,
    *,
    known: int,
    last_used: int | None,
    gap_limit: int,
    most: int,
) -> Extension:
    """Look on behind the `known` scripts of a branch until `gap_limit` ones in a row are unused, or
    until `most` were looked at: `complete` tells which."""
    scripts: list[bytes] = []
    while (wanted := wanted_count(last_used, gap_limit)) > known + len(scripts):
        room = most - len(scripts)
        if room <= 0:
            return Extension(tuple(scripts), BranchScan(known + len(scripts), last_used, False))
        start = known + len(scripts)
        # Twice as many each time, since used ones come in runs; only what is wanted is kept.
        count = min(max(wanted - start, min(len(scripts), AT_ONCE)), room)
        derived = descriptor.scripts(branch, start, count)
        for place in sorted(used_places(connection, ScriptSet(derived))):
            if start + place >= wanted_count(last_used, gap_limit):
                break
            last_used = start + place
        kept = wanted_count(last_used, gap_limit) - start
        scripts += derived[:kept]
    return Extension(tuple(scripts), BranchScan(known + len(scripts), last_used, True))
