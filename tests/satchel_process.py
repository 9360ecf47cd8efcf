"""The command `satchel` as a person runs it: a process of its own, in a clean environment."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

START_SECONDS = 120
END_SECONDS = 30
DISTRESS = ("Traceback", "Fatal", "ERROR", "SIGABRT")  # must not be said by what ends cleanly
ASK_SECONDS = 10


def run_satchel(
    *arguments: str, directory: Path, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run it to its end. `settings` become SATCHEL_* variables; `directory` is its home."""
    return subprocess.run(
        [sys.executable, "-m", "webapp", *arguments],
        env=_environment(directory, settings),
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS,
    )


class Satchel:
    """A running command that leads a session, so that all its descendants can be found."""

    def __init__(self, *arguments: str, directory: Path, log: Path, **settings: str) -> None:
        self.log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "webapp", *arguments],
                env=_environment(directory, settings),
                cwd=directory,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Fails with what the command said if it ends before, or takes far too long."""

        def looked() -> bool:
            assert self.process.poll() is None, self.said
            return condition()

        wait_until(looked)

    def end(self, number: signal.Signals) -> None:
        """Ask it to end, as an operator or Ctrl-C does: it does so cleanly, with all it started."""
        self.process.send_signal(number)
        assert self.process.wait(END_SECONDS) == 0, self.said
        assert not any(word in self.said for word in DISTRESS), self.said
        assert self.members() == [], self.said

    def members(self) -> list[int]:
        """The processes of its session."""
        return [process for process in _processes() if _session(process) == self.process.pid]

    def kill(self) -> None:
        """Nothing of it gets to do anything any more."""
        for process in self.members():
            os.kill(process, signal.SIGKILL)
        self.process.wait(END_SECONDS)


@contextmanager
def running(*arguments: str, directory: Path, log: Path, **settings: str) -> Iterator[Satchel]:
    """Killed at the end if it still runs."""
    satchel = Satchel(*arguments, directory=directory, log=log, **settings)
    try:
        yield satchel
    finally:
        satchel.kill()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def get(address: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", address, retries=False, timeout=ASK_SECONDS)


def answers(address: str) -> bool:
    """Whether a page is there."""
    try:
        return get(address).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def indexed_height(origin: str) -> int:
    height: int = get(f"{origin}/readyz").json()["height"]
    return height


def _environment(directory: Path, settings: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if "SATCHEL" not in name}
    ours = {f"SATCHEL_{name.upper()}": value for name, value in settings.items()}
    return kept | {"HOME": str(directory), "XDG_DATA_HOME": str(directory)} | ours


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _session(process: int) -> int | None:
    """The leader of a process's session; None for one that has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[3])
