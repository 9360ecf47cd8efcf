"""The one row that says where the index stands, as every page and the live watcher read it."""

import time
from dataclasses import dataclass

from sqlalchemy import Connection, select

from indexer.schema import block, state

RECENT_REORG = 86_400  # seconds for which readers are told of one
HEARTBEAT_SILENCE = 60  # seconds after which an indexer that says nothing is taken for stopped


@dataclass(frozen=True, slots=True)
class Pulse:
    """Where the index and the node stand. Times are seconds since 1970."""

    network: str
    phase: str  # "bulk" or "follow"
    tip_height: int  # -1: nothing indexed
    tip_hash: bytes
    tip_time: int | None  # as the tip's header says
    chain_generation: int
    mempool_generation: int
    last_reorg_at: int | None
    last_reorg_depth: int | None
    progress: float  # of the index build after bulk, 0..1
    node_height: int | None
    node_seen_at: int | None
    node_error: str | None
    heartbeat_at: int | None

    @property
    def behind(self) -> int:
        """Blocks that the node has and the index does not."""
        return max(0, (self.node_height or 0) - self.tip_height)

    @property
    def loading(self) -> bool:
        return self.phase == "bulk"

    @property
    def reorganised_lately(self) -> bool:
        return self.last_reorg_at is not None and time.time() - self.last_reorg_at < RECENT_REORG

    @property
    def stopped(self) -> bool:
        """No indexer has written for a while."""
        return self.heartbeat_at is None or time.time() - self.heartbeat_at > HEARTBEAT_SILENCE


_FOUND = {**state.c, "tip_time": block.c.time}
_PULSE = (  # made once, since every page and every poll asks
    select(*(_FOUND[name] for name in Pulse.__dataclass_fields__))
    .join_from(state, block, block.c.height == state.c.tip_height, isouter=True)
    .where(state.c.id == 1)
)


def read_pulse(connection: Connection) -> Pulse | None:
    """The state of the index; None before the indexer has started for the first time."""
    row = connection.execute(_PULSE).first()
    return Pulse(*row) if row else None
