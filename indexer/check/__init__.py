"""Whether the index holds what the node's blocks say it should, found out without the sync code."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from indexer.check.blocks import Place, check_block, place_at
from indexer.check.difference import Difference, DifferenceError, differ
from indexer.check.history import check_scripts, check_scripts_of_block
from indexer.check.side import check_mempool, check_replacements, check_stale_blocks
from indexer.check.totals import check_counts, check_spent_once
from indexer.database import Database
from indexer.node.base import BlockUnavailableError, Node
from indexer.schema import block, state

__all__ = ["CheckResult", "Difference", "check"]

Progress = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was compared, and the first difference found."""

    blocks: int
    transactions: int
    height: int  # the index's tip; -1 for an empty index
    aggregates: bool  # False: not compared, the index is still loading
    difference: Difference | None

    @property
    def ok(self) -> bool:
        return self.difference is None

    def __str__(self) -> str:
        if self.difference is not None:
            return f"The index differs from the node: {self.difference}"
        text = (
            f"{self.blocks} of {self.height + 1} blocks with {self.transactions} transactions "
            "agree with the node"
        )
        if not self.aggregates:
            text += "; addresses were not compared, as their tables are built after loading"
        return text


def check(
    database: Database,
    node: Node,
    *,
    sample: int | None = None,
    progress: Progress = lambda done, total: None,
) -> CheckResult:
    """Compare all blocks and all totals, or `sample` blocks chosen at random and what they touch.

    Looks at one state of the database, so that the indexer may go on meanwhile. Raises NodeError
    where the node does not answer; `progress` is told blocks done and blocks in all.
    """
    database.require_schema()
    with database.read() as connection:
        return _Check(connection, node, progress).run(sample)


class _Check:
    def __init__(self, connection: Connection, node: Node, progress: Progress) -> None:
        self._connection = connection
        self._node = node
        self._progress = progress
        self._blocks = 0
        self._transactions = 0
        self._height = -1
        self._follows = False

    def run(self, sample: int | None) -> CheckResult:
        difference = None
        try:
            self._check_state()
            if sample is None:
                self._check_all()
            else:
                self._check_sample(sample)
            if self._follows:
                check_mempool(self._connection, self._node.network)
                check_replacements(self._connection, self._node.network)
            check_stale_blocks(self._connection, self._node)
        except DifferenceError as error:
            difference = error.difference
        return CheckResult(
            self._blocks, self._transactions, self._height, self._follows, difference
        )

    def _check_state(self) -> None:
        """The state row against the node's network and the newest block row."""
        network = self._node.network
        row = self._connection.execute(select(state)).first()
        if row is None:
            return  # the indexer never ran
        self._follows = row.phase == "follow"
        differ("state", "row 1", "network", row.network, network.name)
        differ("state", "row 1", "genesis", row.genesis, network.genesis_hash)
        newest = self._connection.execute(
            select(block.c.height, block.c.hash).order_by(block.c.height.desc()).limit(1)
        ).first()
        height, block_hash = (-1, bytes(32)) if newest is None else newest
        differ("state", "row 1", "tip_height", row.tip_height, height)
        differ("state", "row 1", "tip_hash", row.tip_hash, block_hash)
        if row.phase not in ("bulk", "follow"):
            differ("state", "row 1", "phase", row.phase, "bulk or follow")
        self._height = height

    def _check_all(self) -> None:
        place = Place(0, bytes(32), (), 0, 0, 0, 0)
        while place.height <= self._height:
            place = self._check_block(place)
            self._progress(place.height, self._height + 1)
        check_counts(self._connection, place)
        if self._follows:
            check_spent_once(self._connection)
            check_scripts(self._connection)

    def _check_sample(self, sample: int) -> None:
        count = min(sample, self._height + 1)
        heights = sorted(random.sample(range(self._height + 1), count))
        for done, height in enumerate(heights, 1):
            before = place_at(self._connection, height)
            after = self._check_block(before)
            if self._follows:
                check_scripts_of_block(self._connection, before, after)
            self._progress(done, count)

    def _check_block(self, place: Place) -> Place:
        try:
            block_hash = self._node.block_hash(place.height)
        except BlockUnavailableError:
            raise DifferenceError(
                Difference(
                    "block",
                    f"height {place.height}",
                    "height",
                    str(place.height),
                    f"nothing, as the node's tip is at height {self._node.tip().height}",
                )
            ) from None
        after = check_block(self._connection, self._node, block_hash, place)
        self._blocks += 1
        self._transactions += after.tx_count - place.tx_count
        return after
