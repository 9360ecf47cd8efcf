"""kill -9 at any moment of loading, of building and of following loses and doubles nothing."""

import multiprocessing
import pickle
import random
import signal
import time
from collections import Counter
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from indexer.database import Database
from indexer.sync.state import read_state
from tests.nodes import BlockNode
from tests.sync_process import Story, index_story
from tests.synthetic import SyntheticNode
from tests.tables import clear, make_fresh, read_tables, require_equal

KILLS = 10  # per test and database
PATIENCE = 60  # seconds

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.sync_process"])


class Stage:
    """Starts the process on a database and a story, and kills it."""

    def __init__(self, database: Database, story: Story, directory: Path) -> None:
        self.database = database
        self.story = story
        self._directory = directory
        self._bookmark = directory / "bookmark"
        self._ready = directory / "ready"
        (directory / "story").write_bytes(pickle.dumps(story))

    def start(self, fatal: float | None = None) -> ForkServerProcess:
        """The process, about to begin its work."""
        self._ready.unlink(missing_ok=True)
        url = self.database.url.render_as_string(hide_password=False)
        process = _context.Process(
            target=index_story,
            args=(
                url,
                self.database.schema,
                self._directory / "story",
                self._bookmark,
                self._ready,
                fatal,
            ),
        )
        process.start()
        deadline = time.monotonic() + PATIENCE
        while not self._ready.exists():
            assert time.monotonic() < deadline
            time.sleep(0.002)
        return process

    def finish(self) -> float:
        """Let it run to the end of the story; how long it took."""
        process = self.start()
        begun = time.monotonic()
        process.join(PATIENCE)
        assert process.exitcode == 0
        return time.monotonic() - begun

    def kill_often(self, rng: random.Random, longest: float) -> Counter[str]:
        """Kill it KILLS times, each time to go on; what it was doing."""
        killed: Counter[str] = Counter()
        while killed.total() < KILLS:
            process = self.start()
            process.join(rng.uniform(0, longest))
            if process.exitcode is None:
                process.kill()
                process.join()
                killed[self.where()] += 1
            else:
                self.require_fresh()
                self.start_over()
        return killed

    def start_over(self) -> None:
        self._bookmark.unlink(missing_ok=True)
        clear(self.database)

    def where(self) -> str:
        """What the process was doing when it was killed."""
        with self.database.read() as connection:
            if not connection.exec_driver_sql("SELECT count(*) FROM state").scalar():
                return "start"
            state = read_state(connection)
        if state.phase == "follow":
            return "follow"
        return "build" if state.progress > 0 else "load"

    def require_fresh(self) -> None:
        path = self.story.chapters[-1]
        node = BlockNode(self.story.network, [self.story.raw[each] for each in path])
        require_equal(read_tables(self.database), make_fresh(node))


@pytest.fixture
def rng() -> random.Random:
    return random.Random()


@pytest.fixture
def loading(database: Database, tmp_path: Path) -> Stage:
    node = SyntheticNode(1)
    node.mine(300, transactions=6)
    return Stage(database, Story(node.network, node.raw, [node.path]), tmp_path)


@pytest.fixture
def following(database: Database, tmp_path: Path, rng: random.Random) -> Stage:
    node = SyntheticNode(2)
    node.mine(30)
    chapters = [list(node.path)]
    while len(chapters) < 80:
        if rng.random() < 0.3:
            depth = rng.randint(1, 20)
            node.reorganise(depth, depth + rng.randint(-1, 2))
        else:
            node.mine(rng.randint(1, 3))
        chapters.append(list(node.path))
    return Stage(database, Story(node.network, node.raw, chapters), tmp_path)


def test_killed_while_loading(loading: Stage, rng: random.Random) -> None:
    duration = loading.finish()
    loading.require_fresh()
    loading.start_over()
    killed = loading.kill_often(rng, duration)
    loading.finish()
    loading.require_fresh()
    assert killed["load"], killed


def test_killed_in_each_step_of_the_build(loading: Stage) -> None:
    for step in range(1, 4):
        process = loading.start(fatal=step / 3)
        process.join(PATIENCE)
        assert process.exitcode == -signal.SIGKILL
        assert loading.where() == ("load" if step == 1 else "build")
    loading.finish()
    loading.require_fresh()


def test_killed_while_following(following: Stage, rng: random.Random) -> None:
    duration = following.finish()
    following.require_fresh()
    following.start_over()
    killed = following.kill_often(rng, duration / 4)
    following.finish()
    following.require_fresh()
    assert killed["follow"], killed
