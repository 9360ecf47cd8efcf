"""Adding blocks to the tables and taking them off again, each in the caller's SQL transaction."""

import time
from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select, text

from indexer import schema
from indexer.chain.encoding import parse_header
from indexer.sync import aggregates
from indexer.sync.rows import GENESIS_POSITION, MEDIAN_TIME_SPAN, BlockRows, Position
from indexer.sync.state import move_tip
from indexer.sync.writing import insert_rows

_block, _tx, _output, _input = (
    schema.block.c,
    schema.tx.c,
    schema.output.c,
    schema.input_.c,
)


def read_position(connection: Connection) -> Position:
    """Where the next block stands, from the newest rows."""
    blocks = connection.execute(
        select(schema.block).order_by(_block.height.desc()).limit(MEDIAN_TIME_SPAN - 1)
    ).all()
    if not blocks:
        return GENESIS_POSITION
    last = blocks[0]
    return Position(
        last.height + 1,
        last.hash,
        tuple(block.time for block in reversed(blocks)),
        last.next_tx_id,
        last.chain_tx_count,
        last.chain_output_count,
        last.chain_input_count,
    )


def append_blocks(
    connection: Connection, blocks: Sequence[BlockRows], *, keep_raw_blocks: bool
) -> None:
    """Insert consecutive blocks and move the tip, without the aggregates over scripts."""
    last = blocks[-1]
    before = blocks[0].position.prev_hash
    move_tip(connection, before, last.position.height, last.hash, len(blocks))
    insert_rows(connection, schema.block, [rows.block for rows in blocks])
    insert_rows(connection, schema.tx, [row for rows in blocks for row in rows.transactions])
    insert_rows(connection, schema.output, [row for rows in blocks for row in rows.outputs])
    insert_rows(connection, schema.input_, [row for rows in blocks for row in rows.inputs])
    connection.execute(
        text("DELETE FROM stale_block WHERE hash = :hash"), [{"hash": each.hash} for each in blocks]
    )
    if keep_raw_blocks:
        connection.execute(
            text(
                "INSERT INTO raw_block (hash, height, raw) VALUES (:hash, :height, :raw) "
                "ON CONFLICT (hash) DO NOTHING"
            ),
            [
                {"hash": each.hash, "height": each.position.height, "raw": each.raw}
                for each in blocks
            ],
        )


def connect_block(connection: Connection, rows: BlockRows, *, keep_raw_blocks: bool) -> None:
    """Add one block and all that follows from it."""
    aggregates.require_unspent(connection, rows)
    append_blocks(connection, [rows], keep_raw_blocks=keep_raw_blocks)
    aggregates.connect(connection, rows)


def disconnect_block(connection: Connection, *, with_aggregates: bool) -> None:
    """Take the newest block off; what it was is kept in stale_block.

    Needs nothing but the rows. Without aggregates while these are not built yet.
    """
    block = connection.execute(select(schema.block).order_by(_block.height.desc()).limit(1)).one()
    previous_hash = parse_header(block.header).prev_hash
    move_tip(connection, block.hash, block.height - 1, previous_hash, 1)
    if with_aggregates:
        aggregates.disconnect(connection, block)
    connection.execute(delete(schema.input_).where(_input.input_id >= block.first_tx_id))
    connection.execute(delete(schema.output).where(_output.output_id >= block.first_tx_id))
    connection.execute(delete(schema.tx).where(_tx.tx_id >= block.first_tx_id))
    connection.execute(delete(schema.block).where(_block.height == block.height))
    connection.execute(delete(schema.stale_block).where(schema.stale_block.c.hash == block.hash))
    stale = {column.name: block._mapping[column.name] for column in schema.stale_block.c[:-1]}
    connection.execute(insert(schema.stale_block).values(**stale, disconnected_at=int(time.time())))
