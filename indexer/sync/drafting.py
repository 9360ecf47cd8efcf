"""Drafting blocks, here or in a process of its own.

Python runs one thread at a time: only a process parses while another writes rows. It is started
as `python -m indexer.sync.drafting`, reads pickles of blocks from standard input, writes pickles
of batches to standard output, and ends when either is closed, so that it cannot outlive us.
"""

import gc
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import BinaryIO, TypeAlias

from indexer.chain.block import HEADER_SIZE
from indexer.chain.encoding import EncodingError, hash_hex, parse_block, parse_header
from indexer.chain.network import Network
from indexer.node.base import NodeUnavailableError
from indexer.sync.recent import RecentOutputs
from indexer.sync.rows import (
    BlockDraft,
    FilledBlock,
    InvalidBlockError,
    Position,
    draft_block,
    position_after,
)
from indexer.sync.scan import scan_block

BATCH_BLOCKS = 100
BATCH_ROWS = 50_000  # some 50 MB while they are Python objects

Batch: TypeAlias = list[FilledBlock]
FetchedBlock: TypeAlias = tuple[bytes, bytes]  # the hash it was asked for by, and its bytes
Draft: TypeAlias = Callable[[bytes, Network, Position], BlockDraft]


def scan_blocks(
    network: Network, position: Position, blocks: Iterable[FetchedBlock]
) -> Iterator[BlockDraft]:
    """Drafts up to the first block that does not follow the one before, straight from bytes.

    Raises InvalidBlockError.
    """
    return _draft_blocks(network, position, blocks, scan_block)


def parse_blocks(
    network: Network, position: Position, blocks: Iterable[FetchedBlock]
) -> Iterator[BlockDraft]:
    """The same from parsed blocks, in twice the time."""
    return _draft_blocks(network, position, blocks, _parse_and_draft)


def _draft_blocks(
    network: Network, position: Position, blocks: Iterable[FetchedBlock], draft: Draft
) -> Iterator[BlockDraft]:
    for block_hash, raw in blocks:
        try:
            header = parse_header(raw[:HEADER_SIZE])
            if header.hash != block_hash:
                raise InvalidBlockError(
                    f"Asked for block {hash_hex(block_hash)}, the node gave {hash_hex(header.hash)}"
                )
            if header.prev_hash != position.prev_hash:
                return
            drafted = draft(raw, network, position)
        except EncodingError as error:
            raise InvalidBlockError(
                f"The node's block {hash_hex(block_hash)} cannot be read: {error}"
            ) from error
        yield drafted
        position = position_after(drafted)


def _parse_and_draft(raw: bytes, network: Network, position: Position) -> BlockDraft:
    return draft_block(parse_block(raw, network), raw, position)


def fill_batches(drafts: Iterable[BlockDraft], *, keep_raw: bool) -> Iterator[Batch]:
    """The blocks' rows, but for inputs that spend what is not remembered any more.

    That must be in SQL by the time the batch is finished: batches are, one after another.
    """
    recent = RecentOutputs()
    for drafted in in_batches(drafts):
        yield [recent.fill(draft, keep_raw=keep_raw) for draft in drafted]
        recent.evict()


def in_batches(drafts: Iterable[BlockDraft]) -> Iterator[list[BlockDraft]]:
    """As many at a time as one SQL transaction should hold."""
    batch: list[BlockDraft] = []
    rows = 0
    for draft in drafts:
        batch.append(draft)
        rows += draft.row_count
        if len(batch) == BATCH_BLOCKS or rows >= BATCH_ROWS:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch


class Drafter:
    """The process. One thread feeds it while another takes the batches."""

    def __init__(self, network: Network, position: Position, *, keep_raw: bool) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "indexer.sync.drafting"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us; the process ends when we do
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._jobs, self._answers = self._process.stdin, self._process.stdout
        self._beginning = (network, position, keep_raw)

    def feed(self, blocks: Iterable[FetchedBlock]) -> None:
        """Give it all the blocks, as fast as it takes them. Raises what `blocks` raises."""
        # It may have ended, or be closed: `batches` tells why.
        with suppress(BrokenPipeError), self._jobs:
            pickle.dump(self._beginning, self._jobs, pickle.HIGHEST_PROTOCOL)
            for block in blocks:
                pickle.dump(block, self._jobs, pickle.HIGHEST_PROTOCOL)

    def batches(self) -> Iterator[Batch]:
        """What it makes of them. Raises InvalidBlockError."""
        while True:
            try:
                answer: Batch | InvalidBlockError | None = pickle.load(self._answers)  # noqa: S301
            except (EOFError, pickle.UnpicklingError):
                raise NodeUnavailableError(
                    "The process that parses blocks was ended by something else "
                    f"(exit status {self._process.wait()}): is there enough memory?"
                ) from None
            if answer is None:
                return
            if isinstance(answer, InvalidBlockError):
                raise answer
            yield answer

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._answers.close()


def main(jobs: BinaryIO, answers: BinaryIO) -> None:
    """The process's own side: one batch is on its way while the next is made."""
    gc.disable()  # nothing here is circular
    network, position, keep_raw = pickle.load(jobs)  # noqa: S301

    def blocks() -> Iterator[FetchedBlock]:
        while True:
            try:
                yield pickle.load(jobs)  # noqa: S301
            except EOFError:
                return

    def send(answer: Batch | InvalidBlockError | None) -> None:
        pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()

    with ThreadPoolExecutor(1) as executor:
        sent: Future[None] | None = None
        end: InvalidBlockError | None = None
        try:
            for batch in fill_batches(scan_blocks(network, position, blocks()), keep_raw=keep_raw):
                if sent is not None:
                    sent.result()
                sent = executor.submit(send, batch)
        except InvalidBlockError as error:
            end = error
        executor.submit(send, end).result()


if __name__ == "__main__":
    try:
        main(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        sys.stdout = None  # nobody is left to flush it to
