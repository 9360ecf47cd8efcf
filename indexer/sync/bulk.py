"""Loading a chain from far behind its tip: append many blocks per SQL transaction, index later."""

import gc
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from indexer.database import Database
from indexer.node.base import Node
from indexer.sync.build import build, drop_indexes
from indexer.sync.connect import append_blocks, read_position
from indexer.sync.feed import read_batches
from indexer.sync.prevouts import finish_batch
from indexer.sync.progress import BuildBar, LoadBar
from indexer.sync.rows import FilledBlock

# A thread that returns from a C call waits this long for another that computes: with Python's
# usual 5 ms SQLite's inserts would crawl beside the thread that feeds the process.
SWITCH_INTERVAL = 0.0001  # seconds


class Bulk:
    """Loads and builds. Stops between two batches, or in a build, when `stop` is set."""

    def __init__(
        self,
        database: Database,
        node: Node,
        *,
        keep_raw_blocks: bool,
        stop: threading.Event,
        progress: bool,
    ) -> None:
        self._database = database
        self._node = node
        self._keep_raw_blocks = keep_raw_blocks
        self._stop = stop
        self._progress = progress

    def load(self, last_height: int) -> bool:
        """Append the node's blocks up to a height; whether there were any. Raises NodeError."""
        drop_indexes(self._database)
        with self._database.read() as connection:
            position = read_position(connection)
        if position.height > last_height:
            return False
        bar = LoadBar(position.height, last_height, visible=self._progress)
        batches = read_batches(
            self._node, position, last_height, self._stop, keep_raw=self._keep_raw_blocks
        )
        loaded = False
        with closing(bar), closing(batches), _undisturbed():
            for batch in batches:
                self._append(batch)
                bar.add(len(batch), sum(len(filled.transactions) for filled in batch))
                loaded = True
                if self._stop.is_set():
                    break
        return loaded

    def build(self) -> None:
        """The end of a load, or the rest of it."""
        with closing(BuildBar(visible=self._progress)) as bar:
            build(self._database, self._stop, bar.show)

    def _append(self, batch: Sequence[FilledBlock]) -> None:
        with self._database.write() as connection:
            blocks = finish_batch(connection, batch)
            append_blocks(connection, blocks, keep_raw_blocks=self._keep_raw_blocks)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """No garbage collection, which would search millions of tuples, and quick thread switches."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        sys.setswitchinterval(interval)
