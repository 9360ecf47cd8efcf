"""An Electrum server in a thread, over any site."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from indexer.database import Database
from indexer.node.base import Node
from indexer.raw import RawSource
from indexer.replica import ReadDatabase
from tests.fixtures_site import Site
from webapp.config import EMBEDDED, PREFIX
from webapp.electrum.call import Sources
from webapp.electrum.limits import Limits
from webapp.electrum.server import ElectrumServer


class Indexed(Protocol):
    """A chain and its index, as a Site is."""

    node: Node
    database: Database


@dataclass
class RunningServer:
    server: ElectrumServer
    port: int


@contextmanager
def electrum_server(site: Indexed, *, limits: Limits | None = None) -> Iterator[RunningServer]:
    """Serves until the end of the block."""
    started = threading.Event()
    running: list[RunningServer] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        network = site.node.network
        sources = Sources(
            network, ReadDatabase(site.database), RawSource(network, site.node), site.node
        )
        server = ElectrumServer(sources, limits)
        port = await server.listen("127.0.0.1", 0)
        running.append(RunningServer(server, port))
        started.set()
        await stop.wait()
        await server.close()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="electrum")
    thread.start()
    try:
        assert started.wait(10)
        yield running[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@contextmanager
def electrum_command(
    site: Site, data_directory: Path, **settings: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`satchel electrum` in a process of its own, and its port."""
    port = free_port()
    environment = clean_environment(site, data_directory) | {
        "SATCHEL_ELECTRUM_PORT": str(port),
        **settings,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "webapp", "electrum"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert f"127.0.0.1:{port}:t" in process.stdout.readline()
            yield process, port
        finally:
            process.kill()


def clean_environment(site: Site, data_directory: Path) -> dict[str, str]:
    """That of a process which serves the site's index."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return clean | {
        "SATCHEL_NETWORK": site.node.network.name,
        "SATCHEL_NODE_URL": EMBEDDED,
        "SATCHEL_DATABASE_URL": site.database.url.render_as_string(),
        "SATCHEL_DATA_DIRECTORY": str(data_directory),
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
    return port


@pytest.fixture(scope="session")
def demo_electrum(demo_site: Site) -> Iterator[RunningServer]:
    """Over the demo's chain, which stands still. Nobody is slowed down here."""
    with electrum_server(demo_site, limits=Limits(cost_per_second=1e9)) as running:
        yield running
