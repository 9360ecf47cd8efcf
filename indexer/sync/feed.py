"""The blocks of the node's best chain, fetched and drafted ahead of their use."""

import threading
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeAlias

from indexer.node.base import Node
from indexer.sync.drafting import (
    Batch,
    Drafter,
    FetchedBlock,
    fill_batches,
    parse_blocks,
    scan_blocks,
)
from indexer.sync.rows import BlockDraft, Position

Batches: TypeAlias = Generator[Batch, None, None]

WORTH_A_PROCESS = 150  # blocks: fewer are drafted before a process has started


def read_drafts(node: Node, position: Position, last_height: int) -> Iterator[BlockDraft]:
    """Blocks from a position up to a height, or up to where the node's chain left our path.

    Raises NodeError.
    """
    heights = range(position.height, last_height + 1)
    return parse_blocks(node.network, position, _fetch(node, heights))


def read_batches(
    node: Node, position: Position, last_height: int, stop: threading.Event, *, keep_raw: bool
) -> Batches:
    """The same in batches; long ones are fetched by a thread and drafted by a process ahead.

    Nobody else may use the node meanwhile. Ends early when `stop` is set. Raises NodeError.
    """
    heights = range(position.height, last_height + 1)
    blocks = _until(stop, _fetch(node, heights))
    if len(heights) < WORTH_A_PROCESS:
        yield from fill_batches(scan_blocks(node.network, position, blocks), keep_raw=keep_raw)
        return
    with (
        ThreadPoolExecutor(1, "feed") as executor,
        closing(Drafter(node.network, position, keep_raw=keep_raw)) as drafter,
    ):
        fed = executor.submit(drafter.feed, blocks)
        yield from drafter.batches()
        fed.result()


def _fetch(node: Node, heights: Iterable[int]) -> Iterator[FetchedBlock]:
    for height in heights:
        block_hash = node.block_hash(height)
        yield block_hash, node.block(block_hash)


def _until(stop: threading.Event, blocks: Iterator[FetchedBlock]) -> Iterator[FetchedBlock]:
    while not stop.is_set():
        block = next(blocks, None)
        if block is None:
            return
        yield block
