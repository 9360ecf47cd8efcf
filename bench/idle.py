"""What following a quiet chain costs while pages are open.

    python -m bench.idle [--pages 100] [--seconds 30] [--network NAME --node-url URL
                         --node-cookie-file PATH]

Starts `satchel index` and `satchel web` on an empty SQLite index, opens the live streams that
browsers hold for open pages, and adds up the processor time of all processes of both. By default
the node is the embedded one, whose own work in the indexer's process is then counted too.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import urllib3

from bench.measure import machine, table

WARM_UP = 8  # seconds
START = 60  # seconds
PAGES_PER_ADDRESS = 10  # of the network 127.0.0.0/8: one client may open a few only
TICKS = os.sysconf("SC_CLK_TCK")  # per second
REQUEST = b"GET /live?topics=tip,mempool,status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@contextmanager
def satchel(command: str, environment: dict[str, str]) -> Iterator[int]:
    """A command that leads a session; yields its process."""
    process = subprocess.Popen(  # noqa: S603  "index" or "web"
        [sys.executable, "-m", "webapp", command],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START)


def processor_seconds(leader: int) -> float:
    """Of all processes of a session, those that ended and were waited for included."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it just ended
            continue
        if int(fields[3]) == leader:
            total += sum(map(int, fields[11:15]))
    return total / TICKS


def wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        try:
            answer = urllib3.request("GET", f"http://127.0.0.1:{port}/readyz", retries=False)
            if answer.status == 200:
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit("satchel web is not ready")


def open_page(stack: ExitStack, port: int, number: int) -> None:
    source = f"127.0.1.{1 + number // PAGES_PER_ADDRESS}"
    stream = stack.enter_context(
        socket.create_connection(("127.0.0.1", port), START, source_address=(source, 0))
    )
    stream.sendall(REQUEST)
    told = stream.recv(4096)
    if b" 200 " not in told.partition(b"\r\n")[0]:
        raise SystemExit(f"stream {number} was refused: {told!r}")


def measure(port: int, pages: int, seconds: float, leaders: dict[str, int]) -> dict[str, float]:
    """Share of one core, by command."""
    with ExitStack() as stack:
        for number in range(pages):
            open_page(stack, port, number)
        time.sleep(WARM_UP)
        begun = time.monotonic()
        before = {name: processor_seconds(leader) for name, leader in leaders.items()}
        time.sleep(seconds)
        passed = time.monotonic() - begun
        return {
            name: (processor_seconds(leader) - before[name]) / passed
            for name, leader in leaders.items()
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--network", default="bitcoin-regtest")
    parser.add_argument("--node-url", default="embedded")
    parser.add_argument("--node-cookie-file", default="")
    wanted = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as directory:
        environment = {
            "SATCHEL_DATA_DIRECTORY": directory,
            "SATCHEL_NETWORK": wanted.network,
            "SATCHEL_NODE_URL": wanted.node_url,
            "SATCHEL_NODE_COOKIE_FILE": wanted.node_cookie_file,
            "SATCHEL_PORT": str(port),
        }
        with (
            satchel("index", environment=environment) as index,
            satchel("web", environment=environment) as web,
        ):
            wait_until_ready(port)
            leaders = {"satchel index": index, "satchel web": web}
            found = measure(port, wanted.pages, wanted.seconds, leaders)
    print(f"{wanted.pages} open pages, {wanted.seconds:g} s; {machine()}")
    lines = [*found.items(), ("both", sum(found.values()))]
    print(table([(name, f"{share:.2%} of one core") for name, share in lines]))


if __name__ == "__main__":
    main()
