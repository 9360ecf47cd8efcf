"""Row counts, and that nothing is spent twice."""

from sqlalchemy import Connection, func, select

from indexer.check.blocks import Place
from indexer.check.difference import Difference, DifferenceError, differ
from indexer.schema import block, input_, output, tx


def check_counts(connection: Connection, end: Place) -> None:
    """No row lies beyond the last block's."""
    for table, count in (
        (block, end.height),
        (tx, end.tx_count),
        (output, end.output_count),
        (input_, end.input_count),
    ):
        found = connection.scalar(select(func.count()).select_from(table))
        differ(table.name, "all rows", "count", found, count)


def check_spent_once(connection: Connection) -> None:
    """No two inputs spend the same output."""
    twice = connection.scalar(
        select(input_.c.output_id).group_by(input_.c.output_id).having(func.count() > 1).limit(1)
    )
    if twice is not None:
        raise DifferenceError(
            Difference("input", f"output_id {twice}", "output_id", "several rows", "one row")
        )
