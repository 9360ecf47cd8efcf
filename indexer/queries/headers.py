"""Headers of the best chain, and proofs that one of them is a leaf of the tree over all."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from indexer.chain.merkle import merkle_branch, merkle_root
from indexer.chain.wire import hash256
from indexer.schema import block, stale_block

SEGMENT_LEVELS = 11
SEGMENT = 1 << SEGMENT_LEVELS  # headers below one remembered node of the tree


@dataclass(frozen=True, slots=True)
class HeaderProof:
    """The way from a header's hash to the root over all headers up to a checkpoint."""

    branch: tuple[bytes, ...]
    root: bytes


def headers_from(connection: Connection, height: int, count: int) -> tuple[bytes, ...]:
    """Up to `count` headers of 80 bytes from a height on."""
    rows = connection.scalars(
        select(block.c.header)
        .where(block.c.height >= height, block.c.height < height + count)
        .order_by(block.c.height)
    )
    return tuple(bytes(header) for header in rows)


def hashes_from(connection: Connection, height: int, count: int) -> tuple[bytes, ...]:
    """The same for the hashes of the blocks."""
    rows = connection.scalars(
        select(block.c.hash)
        .where(block.c.height >= height, block.c.height < height + count)
        .order_by(block.c.height)
    )
    return tuple(bytes(each) for each in rows)


def last_common_height(connection: Connection, height: int, block_hash: bytes) -> int:
    """The height up to which the chain that ended in this block is still the best; -1 if it
    cannot be told."""
    while height >= 0:
        best = connection.scalar(select(block.c.hash).where(block.c.height == height))
        if best is not None and bytes(best) == block_hash:
            return height
        header = connection.scalar(
            select(stale_block.c.header).where(stale_block.c.hash == block_hash)
        )
        if header is None:
            return -1
        block_hash = bytes(header)[4:36]
        height -= 1
    return -1


class HeaderTree:
    """Proves headers without hashing the whole chain each time.

    Each whole segment of the chain has one node of the tree above it, remembered together with
    the hash of the segment's last block, so that a reorganisation is noticed.
    """

    def __init__(self) -> None:
        self._nodes: dict[int, tuple[bytes, bytes]] = {}

    def prove(self, connection: Connection, height: int, checkpoint: int) -> HeaderProof:
        """ValueError unless 0 <= height <= checkpoint <= tip."""
        if not 0 <= height <= checkpoint or not hashes_from(connection, checkpoint, 1):
            raise ValueError(f"there is no header {height} below a checkpoint {checkpoint}")
        segment = height // SEGMENT
        within = self._leaves(connection, segment, checkpoint)
        if checkpoint < SEGMENT:
            return HeaderProof(tuple(merkle_branch(within, height)), merkle_root(within))
        nodes = self._above(connection, checkpoint)
        lower = _levels(within)
        index = height - segment * SEGMENT
        branch = [_sibling(level, index >> depth) for depth, level in enumerate(lower[:-1])]
        branch += merkle_branch(nodes, segment)
        return HeaderProof(tuple(branch), merkle_root(nodes))

    def _above(self, connection: Connection, checkpoint: int) -> list[bytes]:
        """The tree's nodes over each segment, the last of which may be cut short."""
        whole = (checkpoint + 1) // SEGMENT
        ends = [(number + 1) * SEGMENT - 1 for number in range(whole)]
        known = self._ends(connection, ends)
        nodes = []
        for number, end in enumerate(ends):
            remembered = self._nodes.get(number)
            if remembered is None or remembered[0] != known[end]:
                leaves = self._leaves(connection, number, checkpoint)
                remembered = known[end], _levels(leaves)[-1][0]
                self._nodes[number] = remembered
            nodes.append(remembered[1])
        if (checkpoint + 1) % SEGMENT:
            nodes.append(_levels(self._leaves(connection, whole, checkpoint))[-1][0])
        return nodes

    def _ends(self, connection: Connection, heights: Sequence[int]) -> dict[int, bytes]:
        rows = connection.execute(
            select(block.c.height, block.c.hash).where(block.c.height.in_(heights))
        )
        return {row.height: bytes(row.hash) for row in rows}

    def _leaves(self, connection: Connection, segment: int, checkpoint: int) -> tuple[bytes, ...]:
        first = segment * SEGMENT
        return hashes_from(connection, first, min(SEGMENT, checkpoint - first + 1))


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Always SEGMENT_LEVELS above the leaves: in a larger tree a short segment is paired with
    itself up to there."""
    levels = [list(leaves)]
    for _ in range(SEGMENT_LEVELS):
        level = levels[-1]
        if len(level) & 1:
            level = [*level, level[-1]]
        levels.append(
            [hash256(level[index] + level[index + 1]) for index in range(0, len(level), 2)]
        )
    return levels


def _sibling(level: Sequence[bytes], index: int) -> bytes:
    return level[index ^ 1] if index ^ 1 < len(level) else level[index]
