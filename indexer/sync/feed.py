"""The blocks of the node's best chain, fetched and drafted ahead of their use."""

import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from indexer.chain.encoding import EncodingError, hash_hex, parse_block
from indexer.node.base import Node
from indexer.sync.rows import (
    BlockDraft,
    InvalidBlockError,
    Position,
    draft_block,
    position_after,
)

BATCH_BLOCKS = 100
BATCH_ROWS = 100_000  # some 100 MB while they are Python objects

Batch: TypeAlias = list[BlockDraft]


def read_drafts(node: Node, position: Position, last_height: int) -> Iterator[BlockDraft]:
    """Blocks from a position up to a height, or up to where the node's chain left our path.

    Raises NodeError.
    """
    while position.height <= last_height:
        draft = _read_draft(node, position)
        if draft is None:
            return
        yield draft
        position = position_after(draft)


def _read_draft(node: Node, position: Position) -> BlockDraft | None:
    """The block at a position; None if the node's best chain does not go through it any more."""
    block_hash = node.block_hash(position.height)
    raw = node.block(block_hash)
    try:
        block = parse_block(raw, node.network)
    except EncodingError as error:
        raise InvalidBlockError(
            f"The node's block {hash_hex(block_hash)} cannot be read: {error}"
        ) from error
    if block.hash != block_hash:
        raise InvalidBlockError(
            f"Asked for block {hash_hex(block_hash)}, the node gave {hash_hex(block.hash)}"
        )
    if block.header.prev_hash != position.prev_hash:
        return None
    return draft_block(block, raw, position)


def read_batches(
    node: Node, position: Position, last_height: int, stop: threading.Event
) -> Generator[Batch, None, None]:
    """The same in batches, made in a thread of their own, one ahead of the one in use.

    Nobody else may use the node meanwhile. Ends early when `stop` is set. Raises NodeError.
    """
    batches = _batches(read_drafts(node, position, last_height), stop)
    with ThreadPoolExecutor(1, "feed") as executor:
        ahead = executor.submit(next, batches, None)
        while (batch := ahead.result()) is not None:
            ahead = executor.submit(next, batches, None)
            yield batch


def _batches(drafts: Iterator[BlockDraft], stop: threading.Event) -> Iterator[Batch]:
    batch: Batch = []
    rows = 0
    for draft in drafts:
        if stop.is_set():
            return
        batch.append(draft)
        rows += draft.row_count
        if len(batch) == BATCH_BLOCKS or rows >= BATCH_ROWS:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch
