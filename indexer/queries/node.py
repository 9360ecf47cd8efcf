"""What the node told of itself, and how large the index is."""

import json
from dataclasses import dataclass

from sqlalchemy import Column, Connection, func, select

from indexer.node.base import NodeInfo, Peer
from indexer.schema import block, mempool_tx, stale_block, state


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
    chain = connection.execute(
        select(
            block.c.height, block.c.chain_tx_count, block.c.chain_output_count,
            block.c.chain_input_count,
        )
        .order_by(block.c.height.desc())
        .limit(1)
    ).first()  # fmt: skip
    height, transactions, outputs, inputs = chain or (-1, 0, 0, 0)
    return NodeStatus(
        info=_info(row.node_info) if row and row.node_info else None,
        error=row.node_error if row else None,
        error_at=row.node_error_at if row else None,
        rows=TableRows(
            blocks=height + 1,
            transactions=transactions,
            outputs=outputs,
            inputs=inputs,
            stale_blocks=_count(connection, stale_block.c.hash),
            mempool=_count(connection, mempool_tx.c.txid),
        ),
    )


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
