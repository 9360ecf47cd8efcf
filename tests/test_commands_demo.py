"""`satchel demo` as processes: starts, ends, refuses, reorganises, survives a kill -9."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fixtures_litecoind import free_port
from tests.satchel_process import (
    Satchel,
    answers,
    get,
    indexed_height,
    run_satchel,
    running,
    wait_until,
)
from webapp.demo.history import HISTORY_BLOCKS

PAGES = ("/", "/blocks", "/mempool", "/node", "/metrics", "/healthz")
STALE_ROW = re.compile(r'<tr id="block-([0-9a-f]{64})" class="is-stale"')


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where one demo lives, whose chain all these tests carry on."""
    return tmp_path_factory.mktemp("home")


@contextmanager
def started(home: Path) -> Iterator[tuple[Satchel, str]]:
    """A demo in a hurry, once it says that it is ready; and its origin."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    arguments = ("--data-directory", str(home / "data"), "--port", str(port))
    pace = ("--block-interval", "0.7", "--tx-rate", "4")
    with running("demo", *arguments, *pace, directory=home, log=home / "log") as demo:
        demo.wait_for(lambda: f"Satchel is ready: {origin}" in demo.said)
        yield demo, origin


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_ends_cleanly(home: Path, number: signal.Signals) -> None:
    with started(home) as (demo, origin):
        for page in PAGES:
            assert get(origin + page).status == 200, page
        before = indexed_height(origin)
        assert before >= HISTORY_BLOCKS
        demo.wait_for(lambda: indexed_height(origin) > before + 1)
        demo.end(number)
        assert not answers(origin)


def test_the_first_start_can_be_stopped_in_the_middle(tmp_path: Path) -> None:
    arguments = ("demo", "--data-directory", str(tmp_path), "--port", str(free_port()))
    with running(*arguments, directory=tmp_path, log=tmp_path / "log") as demo:
        demo.wait_for(lambda: "Writing the history" in demo.said)
        demo.end(signal.SIGINT)
    assert not (tmp_path / "demo" / "history-complete").exists()


def test_a_second_one_is_refused_and_can_ask_for_a_reorganisation(home: Path) -> None:
    data = ("--data-directory", str(home / "data"))
    with started(home) as (demo, origin):
        second = run_satchel("demo", *data, "--port", str(free_port()), directory=home)
        assert second.returncode == 2
        assert second.stderr.startswith("satchel: data_directory: a demo already runs in")
        assert str(demo.process.pid) in second.stderr
        assert second.stderr.count("\n") == 1
        assert demo.process.poll() is None

        before = set(STALE_ROW.findall(get(f"{origin}/blocks").data.decode()))
        asked = run_satchel("demo", *data, "--reorg", directory=home)
        assert (asked.returncode, asked.stderr) == (0, "")
        assert "told the running demo" in asked.stdout

        def stale() -> set[str]:
            return set(STALE_ROW.findall(get(f"{origin}/blocks").data.decode())) - before

        demo.wait_for(lambda: len(stale()) >= 3)
        page = get(f"{origin}/block/{stale().pop()}").data.decode()
        assert "not part of the chain any more" in page
        demo.end(signal.SIGTERM)


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = ("demo", "--data-directory", str(tmp_path), "--port", port)
        result = run_satchel(*arguments, directory=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith(f"satchel: host, port: found 127.0.0.1:{port}, which cannot")
    assert result.stderr.count("\n") == 1


def test_it_goes_on_after_everything_was_killed(home: Path) -> None:
    with started(home) as (demo, origin):
        begin = indexed_height(origin)
        demo.wait_for(lambda: indexed_height(origin) > begin + 2)
        reached = indexed_height(origin)
        demo.kill()
    with started(home) as (demo, origin):
        assert indexed_height(origin) >= reached
        demo.wait_for(lambda: indexed_height(origin) > reached)
        demo.end(signal.SIGTERM)
    result = run_satchel("check", "--demo", "--all", directory=home, data_directory=_data(home))
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.match(r"(\d+) of \1 blocks with \d+ transactions agree", result.stdout)


def test_pages_end_with_the_process_that_started_them(home: Path) -> None:
    with started(home) as (demo, origin):
        os.kill(demo.process.pid, signal.SIGKILL)
        wait_until(lambda: demo.members() == [])
        assert not answers(origin)


def test_a_running_demo_is_not_checked(home: Path) -> None:
    with started(home) as (demo, _origin):
        result = run_satchel("check", "--demo", "--all", directory=home, data_directory=_data(home))
        assert result.returncode == 2
        assert result.stderr.count("\n") == 1
        assert "in use" in result.stderr or "another process" in result.stderr
        assert demo.process.poll() is None


def _data(home: Path) -> str:
    return str(home / "data")
