"""What a script held at a moment of the past."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from indexer.keys import script_key
from indexer.queries.scripts import totals
from indexer.schema import block, input_, output


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
        select(block.c.hash, block.c.time, block.c.first_tx_id, block.c.tx_count).where(
            block.c.height == height
        )
    ).first()
    if at is None:
        return None
    end = at.first_tx_id + at.tx_count
    sums = totals(connection, wanted)
    received = sent = 0
    if sums.first_tx_id is not None and sums.last_tx_id is not None and sums.first_tx_id < end:
        if end - sums.first_tx_id <= sums.last_tx_id - end:
            received, sent = _sums(connection, wanted, sums.first_tx_id, end)
        else:
            later = _sums(connection, wanted, end, sums.last_tx_id + 1)
            received, sent = sums.received - later[0], sums.sent - later[1]
    return PastBalance(height, bytes(at.hash), at.time, received, sent)


def _sums(connection: Connection, wanted: bytes, first: int, end: int) -> tuple[int, int]:
    """Received and sent by transactions from tx_id `first` to below `end`."""
    if first >= end:
        return 0, 0
    key = script_key(wanted)
    received = connection.scalar(
        select(func.coalesce(func.sum(output.c.value), 0)).where(
            output.c.script_key == key,
            output.c.tx_id >= first,
            output.c.tx_id < end,
            output.c.script == wanted,
        )
    )
    sent = connection.scalar(
        select(func.coalesce(func.sum(input_.c.value), 0))
        .join(output, output.c.output_id == input_.c.output_id)
        .where(
            input_.c.script_key == key,
            input_.c.tx_id >= first,
            input_.c.tx_id < end,
            output.c.script == wanted,
        )
    )
    return int(received or 0), int(sent or 0)
