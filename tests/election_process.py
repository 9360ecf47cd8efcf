"""What the rivals of test_election.py do: index one chain, whoever is elected."""

import pickle
import threading
import time
from pathlib import Path

from indexer.database import Database
from indexer.sync import drafting, election
from indexer.sync.indexer import Indexer
from tests.sync_process import Story, StoryNode

PAUSE = 0.004  # seconds for each block, so that a test can act in between


class SlowNode(StoryNode):
    def block(self, block_hash: bytes) -> bytes:
        time.sleep(PAUSE)
        return super().block(block_hash)


def index_if_elected(
    url: str, schema: str | None, story: Path, bookmark: Path, elected: Path
) -> None:
    """Until the end of the story; the file `elected` appears when this process may begin."""
    drafting.BATCH_BLOCKS = 5
    election.RETRY_SECONDS = 0.1
    database = Database.open(url, schema=schema)
    end = threading.Event()
    told: Story = pickle.loads(story.read_bytes())

    def work() -> None:
        elected.touch()
        node = SlowNode(told, bookmark, end)
        Indexer(database, node, keep_raw_blocks=False, stop=end, progress=False).run()

    election.run_elected(database, end, work)
    database.dispose()
