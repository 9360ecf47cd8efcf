"""One of several indexers writes; another takes over when it is killed or loses its lock."""

import multiprocessing
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from sqlalchemy import func, select

from indexer import schema
from indexer.database import Database
from indexer.sync import election
from indexer.sync.election import AdvisoryLock, FileLock, LostElectionError, open_lock, run_elected
from tests.election_process import index_if_elected
from tests.fixtures_litecoind import Daemon, free_port
from tests.nodes import BlockNode
from tests.satchel_process import answers, indexed_height, running, wait_until
from tests.sync_process import Story
from tests.synthetic import SyntheticNode
from tests.tables import make_fresh, read_tables, require_equal

PATIENCE = 60  # seconds
TAKE_OVER = 5  # seconds

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.election_process"])


@pytest.fixture
def node() -> SyntheticNode:
    node = SyntheticNode(3)
    node.mine(300, transactions=3)
    return node


@pytest.fixture
def rival(
    database: Database, node: SyntheticNode, tmp_path: Path
) -> Iterator[Callable[[str], ForkServerProcess]]:
    """Starts a process of this name that indexes the node's chain once it is elected."""
    story = tmp_path / "story"
    story.write_bytes(pickle.dumps(Story(node.network, node.raw, [node.path])))
    started: list[ForkServerProcess] = []

    def start(name: str) -> ForkServerProcess:
        url = database.url.render_as_string(hide_password=False)
        paths = (story, tmp_path / f"{name}-bookmark", tmp_path / name)
        process = _context.Process(target=index_if_elected, args=(url, database.schema, *paths))
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


def height_of(database: Database) -> int:
    with database.read() as connection:
        return connection.scalar(select(func.max(schema.block.c.height))) or 0


def test_the_second_goes_on_where_the_first_was_killed(
    database: Database,
    node: SyntheticNode,
    rival: Callable[[str], ForkServerProcess],
    tmp_path: Path,
) -> None:
    first = rival("first")
    wait_until((tmp_path / "first").exists)
    second = rival("second")
    wait_until(lambda: height_of(database) > 100)
    assert not (tmp_path / "second").exists()
    first.kill()
    first.join()
    killed_at = height_of(database)
    assert killed_at < len(node.path) - 1
    second.join(PATIENCE)
    assert second.exitcode == 0
    assert (tmp_path / "second").exists()
    path = [node.raw[each] for each in node.path]
    require_equal(read_tables(database), make_fresh(BlockNode(node.network, path)))


def test_a_second_command_waits_says_for_whom_and_takes_over(
    litecoind: Daemon, tmp_path: Path
) -> None:
    settings = {
        "network": litecoind.network.name,
        "node_url": litecoind.url,
        "node_cookie_file": str(litecoind.cookie_file),
        "database_url": f"sqlite:///{tmp_path / 'index.sqlite'}",
    }
    port = str(free_port())
    origin = f"http://127.0.0.1:{port}"
    with (
        running("index", directory=tmp_path, log=tmp_path / "1.log", **settings) as first,
        running(
            "web", "--port", port, directory=tmp_path, log=tmp_path / "web.log", **settings
        ) as web,
    ):
        web.wait_for(lambda: answers(f"{origin}/readyz"))
        with running("index", directory=tmp_path, log=tmp_path / "2.log", **settings) as second:
            second.wait_for(lambda: "Waiting for" in second.said)
            assert f"satchel index, process {first.process.pid} on " in second.said
            first.kill()
            litecoind.mine()
            second.wait_for(lambda: indexed_height(origin) == litecoind.height)
            assert second.said.count("Waiting for") == 1
            assert second.said.count("This process is now the indexer") == 1
            second.end(signal.SIGTERM)


def test_one_that_waits_can_be_told_to_stop(database: Database) -> None:
    stop = threading.Event()
    with closing(open_lock(database)) as lock:
        assert lock.take() is None
        waiting = threading.Thread(target=run_elected, args=(database, stop, pytest.fail))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        stop.set()
        waiting.join(TAKE_OVER)
        assert not waiting.is_alive()


def test_each_schema_has_an_indexer_of_its_own(postgres_url: str) -> None:
    locks = []
    for name in ("main", "test"):
        database = Database.open(postgres_url, schema=f"election_{name}")
        database.upgrade()
        locks.append(AdvisoryLock(database))
    assert [lock.take() for lock in locks] == [None, None]
    for lock in locks:
        lock.close()


def test_a_lock_is_free_again_at_once(database: Database) -> None:
    for _ in range(3):
        with closing(open_lock(database)) as lock, closing(open_lock(database)) as other:
            assert lock.take() is None
            assert "process" in str(other.take())


def test_a_file_lock_stands_beside_what_a_link_names(sqlite_database: Database) -> None:
    path = sqlite_database.path
    assert path is not None
    link = path.with_name("link.db")
    link.symlink_to(path)
    with (
        closing(FileLock(path)) as lock,
        closing(open_lock(Database.open(f"sqlite:///{link}"))) as other,
    ):
        assert lock.take() is None
        assert other.take() is not None


def end_connection(database: Database, lock: AdvisoryLock) -> None:
    """As a network that fails between the two, or an administrator, ends it."""
    with database.autocommit() as connection:
        connection.exec_driver_sql("SELECT pg_terminate_backend(%s, 5000)", (lock._process,))


def test_who_loses_the_lock_writes_no_more(postgres_database: Database) -> None:
    """A transaction that was under way is waited for, and is the last."""
    database = postgres_database
    administrator = Database.open(
        database.url.render_as_string(hide_password=False), schema=database.schema
    )
    with closing(AdvisoryLock(database)) as first, closing(AdvisoryLock(administrator)) as second:
        assert first.take() is None
        database.guard = first.require
        with database.write():
            assert second.take() is not None
            end_connection(administrator, first)
            assert second.take() == "the last transaction of the indexer before"
            assert second.take() == "the last transaction of the indexer before"
        assert second.take() is None
        with pytest.raises(LostElectionError), database.write():
            pytest.fail("it writes")
        administrator.guard = second.require
        with administrator.write(), pytest.raises(LostElectionError), database.write():
            pytest.fail("two write")
        database.guard = None
    administrator.dispose()


def test_who_lost_the_lock_stands_for_election_again(
    postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a restart of the server: with a fresh view of the tables."""
    monkeypatch.setattr(election, "RETRY_SECONDS", 0.05)
    database = postgres_database
    begun: list[None] = []

    def work() -> None:
        begun.append(None)
        if len(begun) == 1:
            with database.autocommit() as connection:
                connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE application_name LIKE 'satchel index%%'"
                )
        with database.write():
            return

    run_elected(database, threading.Event(), work)
    assert len(begun) == 2
