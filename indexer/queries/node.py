"""What the node told of itself, and how large the index is."""

import json
from dataclasses import dataclass

from sqlalchemy import Column, Connection, func, select

from indexer.node.base import NodeInfo, Peer
from indexer.schema import block, input_, mempool_tx, output, stale_block, state, tx


@dataclass(frozen=True, slots=True)
class TableRows:
    """Rows of the tables that grow with the chain."""

    blocks: int
    transactions: int
    outputs: int
    inputs: int
    stale_blocks: int
    mempool: int


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """`info` is None until the node has answered once."""

    info: NodeInfo | None
    error: str | None
    error_at: int | None
    rows: TableRows


def node_info(connection: Connection) -> NodeInfo | None:
    """What the node told of itself when it answered last."""
    told = connection.scalar(select(state.c.node_info).where(state.c.id == 1))
    return _info(told) if told else None


def node_status(connection: Connection) -> NodeStatus:
    """Reads a fixed number of rows, whatever the size of the index."""
    row = connection.execute(
        select(state.c.node_info, state.c.node_error, state.c.node_error_at).where(state.c.id == 1)
    ).first()
    return NodeStatus(
        info=_info(row.node_info) if row and row.node_info else None,
        error=row.node_error if row else None,
        error_at=row.node_error_at if row else None,
        rows=TableRows(
            blocks=_dense(connection, block.c.height),
            transactions=_dense(connection, tx.c.tx_id),
            outputs=_dense(connection, output.c.output_id),
            inputs=_dense(connection, input_.c.input_id),
            stale_blocks=_count(connection, stale_block.c.hash),
            mempool=_count(connection, mempool_tx.c.txid),
        ),
    )


def _dense(connection: Connection, identifier: Column[int]) -> int:
    """The number of rows of a table whose ids have no gaps."""
    low = connection.scalar(select(func.min(identifier)))
    high = connection.scalar(select(func.max(identifier)))
    return 0 if low is None or high is None else high - low + 1


def _count(connection: Connection, column: Column[bytes]) -> int:
    return connection.scalar(select(func.count(column))) or 0


def _info(text: str) -> NodeInfo:
    told = json.loads(text)
    return NodeInfo(
        **told
        | {
            "interfaces": tuple(told["interfaces"]),
            "warnings": tuple(told["warnings"]),
            "peers": tuple(Peer(**peer) for peer in told["peers"]),
        }
    )
