"""The state row: one row that says how far the index is and how the node does."""

import json
import time
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select, update

from indexer import schema
from indexer.chain.network import Network
from indexer.database import DatabaseError
from indexer.node.base import NodeInfo

BULK, FOLLOW = "bulk", "follow"

_state = schema.state


class WrongDatabaseError(DatabaseError):
    """The database holds another chain than the one configured. The message is for people."""


class TipMovedError(DatabaseError):
    """Somebody else moved the tip."""


@dataclass(frozen=True, slots=True)
class State:
    """What the indexer itself needs of the row."""

    phase: str
    tip_height: int  # -1: nothing indexed
    tip_hash: bytes
    progress: float  # of the index build after bulk; above 0 it has begun


def ensure_state(connection: Connection, network: Network) -> None:
    """Write the row into an empty database; WrongDatabaseError if it is another network's."""
    row = connection.execute(select(_state.c.network, _state.c.genesis)).first()
    if row is None:
        connection.execute(
            insert(_state).values(
                id=1,
                network=network.name,
                genesis=network.genesis_hash,
                phase=BULK,
                tip_height=-1,
                tip_hash=bytes(32),
                chain_generation=0,
                mempool_generation=0,
                progress=0.0,
            )
        )
    elif row.network != network.name:
        raise WrongDatabaseError(
            f"This database is the index of {row.network}, but the node follows {network.name}. "
            "Give each network a database of its own"
        )
    elif row.genesis != network.genesis_hash:
        raise WrongDatabaseError(
            f"This database is the index of another {network.name}: its genesis block differs"
        )


def read_state(connection: Connection) -> State:
    row = connection.execute(
        select(_state.c.phase, _state.c.tip_height, _state.c.tip_hash, _state.c.progress)
    ).one()
    return State(row.phase, row.tip_height, row.tip_hash, row.progress)


def move_tip(
    connection: Connection, before: bytes, height: int, tip_hash: bytes, moves: int
) -> None:
    """Set the new tip after so many connects or disconnects.

    TipMovedError if the tip is not `before`: then what the caller read is no longer true.
    """
    now = int(time.time())
    moved = connection.execute(
        update(_state)
        .where(_state.c.tip_hash == before)
        .values(
            tip_height=height,
            tip_hash=tip_hash,
            chain_generation=_state.c.chain_generation + moves,
            node_seen_at=now,
            heartbeat_at=now,
        )
    )
    if moved.rowcount != 1:
        raise TipMovedError("Another indexer is writing to this database: stop one of the two")


def write_reorg(connection: Connection, depth: int) -> None:
    """A reorganisation of so many blocks is under way."""
    connection.execute(
        update(_state).values(last_reorg_at=int(time.time()), last_reorg_depth=depth)
    )


def write_phase(connection: Connection, phase: str, progress: float) -> None:
    connection.execute(update(_state).values(phase=phase, progress=progress))


def write_node(connection: Connection, info: NodeInfo, fee_estimates: dict[int, int]) -> None:
    """The node answered."""
    now = int(time.time())
    connection.execute(
        update(_state).values(
            node_height=info.height,
            node_seen_at=now,
            node_error=None,
            node_error_at=None,
            node_info=json.dumps(asdict(info)),
            fee_estimates=json.dumps(fee_estimates),
            heartbeat_at=now,
        )
    )


def write_node_error(connection: Connection, message: str) -> None:
    """The node did not answer, or not as it should."""
    now = int(time.time())
    connection.execute(
        update(_state).values(node_error=message, node_error_at=now, heartbeat_at=now)
    )
