"""What the killed process of test_sync_kill.py does: index a story told by a node."""

import os
import pickle
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from sqlalchemy import Connection
from tqdm import tqdm

from indexer.chain.network import Network
from indexer.database import Database
from indexer.sync import build, drafting, state
from indexer.sync.indexer import Indexer
from tests.nodes import BlockNode


@dataclass(frozen=True, slots=True)
class Story:
    """The best chains that a node has one after the other, each as hashes from genesis on."""

    network: Network
    raw: dict[bytes, bytes]
    chapters: list[list[bytes]]


class StoryNode(BlockNode):
    """Turns to the next chapter when the indexer has nothing left to do, and remembers it."""

    def __init__(self, story: Story, bookmark: Path, end: threading.Event) -> None:
        super().__init__(story.network, [])
        self.raw = story.raw
        self._chapters = story.chapters
        self._bookmark = bookmark
        self._end = end
        self._turn(int(bookmark.read_text()) if bookmark.exists() else 0)

    def wait(self, timeout: float) -> None:
        if self._number + 1 == len(self._chapters):
            self._end.set()
        else:
            self._turn(self._number + 1)

    def _turn(self, number: int) -> None:
        self._number = number
        self.path = self._chapters[number]
        new = self._bookmark.with_suffix(".new")
        new.write_text(str(number))
        new.replace(self._bookmark)


def index_story(
    url: str, schema: str | None, story: Path, bookmark: Path, ready: Path, fatal: float | None
) -> None:
    """Until the end of the story, in batches that are small enough to be killed between.

    Dies in the SQL transaction of the build step that reaches `fatal`, if given.
    """
    drafting.BATCH_BLOCKS = 5
    tqdm.set_lock(threading.RLock())  # its own would be a semaphore that a kill leaves behind
    if fatal is not None:
        _die_at(fatal)
    database = Database.open(url, schema=schema)
    end = threading.Event()
    node = StoryNode(pickle.loads(story.read_bytes()), bookmark, end)
    indexer = Indexer(database, node, keep_raw_blocks=False, stop=end, progress=False)
    ready.touch()
    indexer.run()
    database.dispose()


def _die_at(fatal: float) -> None:
    def write(connection: Connection, phase: str, progress: float) -> None:
        state.write_phase(connection, phase, progress)
        if progress == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    mock.patch.object(build, "write_phase", write).start()
