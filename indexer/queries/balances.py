"""What a script held at a moment of the past."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from indexer.queries.script_moves import LARGEST_ID, output_is, spends_of, totals
from indexer.schema import block, output


@dataclass(frozen=True, slots=True)
class PastBalance:
    """Confirmed sums after a block, in the smallest unit."""

    height: int
    hash: bytes
    time: int
    received: int
    sent: int

    @property
    def balance(self) -> int:
        return self.received - self.sent


def balance_at(connection: Connection, wanted: bytes, height: int) -> PastBalance | None:
    """What a script held after the best chain's block at this height; None if there is none.

    Sums the script's outputs and inputs on that side of the block where fewer are to be expected.
    """
    at = connection.execute(
        select(block.c.hash, block.c.time, block.c.next_tx_id).where(block.c.height == height)
    ).first()
    if at is None:
        return None
    end = at.next_tx_id
    sums = totals(connection, wanted)
    received = sent = 0
    if sums.first_tx_id is not None and sums.last_tx_id is not None and sums.first_tx_id < end:
        if end - sums.first_tx_id <= sums.last_tx_id - end:
            received, sent = _sums(connection, wanted, sums.first_tx_id, end)
        else:
            later = _sums(connection, wanted, end, LARGEST_ID)
            received, sent = sums.received - later[0], sums.sent - later[1]
    return PastBalance(height, bytes(at.hash), at.time, received, sent)


def _sums(connection: Connection, wanted: bytes, first: int, end: int) -> tuple[int, int]:
    """Received and sent by transactions from id `first` to below `end`."""
    received = connection.scalar(
        select(func.coalesce(func.sum(output.c.value), 0)).where(
            output_is(wanted), output.c.output_id >= first, output.c.output_id < end
        )
    )
    spends = spends_of(connection, wanted)
    input_id = spends.selected_columns[0]
    spent = spends.where(input_id >= first, input_id < end).subquery()
    sent = connection.scalar(select(func.coalesce(func.sum(spent.c.value), 0)))
    return int(received or 0), int(sent or 0)
