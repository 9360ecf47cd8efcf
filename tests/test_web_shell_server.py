"""The real server process: many streams at once, a prompt and clean end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from indexer.database import Database
from tests.showcase import change_state, write_state

STREAMS = 64
START_SECONDS = 30
END_SECONDS = 5


@dataclass
class WebProcess:
    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def web(sqlite_database: Database, tmp_path: Path) -> Iterator[WebProcess]:
    """`satchel web` on an index without a node."""
    write_state(sqlite_database)
    port = free_port()
    log = tmp_path / "log"
    environment = {name: value for name, value in os.environ.items() if "SATCHEL" not in name}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "webapp", "web", "--network", "bitcoin-regtest",
             "--database-url", str(sqlite_database.url), "--port", str(port)],
            env=environment, stdout=output, stderr=subprocess.STDOUT, text=True, cwd=tmp_path,
        )  # fmt: skip
    started = WebProcess(process, port, log)
    deadline = time.monotonic() + START_SECONDS
    while not _answers(started):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    yield started
    if process.poll() is None:
        process.kill()
        process.wait()


def _answers(web: WebProcess) -> bool:
    try:
        return urllib3.request("GET", f"{web.origin}/live/status", retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def open_stream(stack: ExitStack, web: WebProcess) -> socket.socket:
    stream = stack.enter_context(socket.create_connection(("127.0.0.1", web.port)))
    stream.settimeout(20)
    stream.sendall(b"GET /live?topics=tip HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return stream


def read_until(stream: socket.socket, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        chunk = stream.recv(4096)
        assert chunk, f"the stream ended after {received!r}"
        received += chunk
    return received


def test_a_stop_ends_many_streams_at_once(web: WebProcess, sqlite_database: Database) -> None:
    with ExitStack() as stack:
        streams = [open_stream(stack, web) for _ in range(STREAMS)]
        refused = sum(b" 503 " in stream.recv(64) for stream in streams)
        assert refused < STREAMS  # one client may hold only some; the others are told to poll
        told = [stream for stream in streams if _is_open(stream)]
        assert len(told) == STREAMS - refused
        change_state(sqlite_database, chain_generation=400)
        for stream in told:
            read_until(stream, b"event: live:tip")
        assert _answers(web)
        started = time.monotonic()
        web.process.send_signal(signal.SIGTERM)
        assert web.process.wait(END_SECONDS) == 0
        assert time.monotonic() - started < END_SECONDS
        for stream in told:
            while stream.recv(4096):
                pass
    assert "Traceback" not in web.log.read_text()


def _is_open(stream: socket.socket) -> bool:
    try:
        read_until(stream, b"live:hello")
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once(web: WebProcess, number: signal.Signals) -> None:
    web.process.send_signal(number)
    assert web.process.wait(END_SECONDS) == 0
    assert "Traceback" not in web.log.read_text()


def test_the_server_leaves_nothing_in_the_home_directory(web: WebProcess, tmp_path: Path) -> None:
    assert _answers(web)
    assert not (tmp_path / "gunicorn.ctl").exists()
    assert "control" not in web.log.read_text().lower()


def test_a_reader_who_walks_on_leaves_no_stream_behind(web: WebProcess) -> None:
    for _ in range(STREAMS):
        with ExitStack() as stack:
            read_until(open_stream(stack, web), b"live:hello")
