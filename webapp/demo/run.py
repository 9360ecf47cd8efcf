"""`satchel demo`: chain, economy and indexer in this process, the web app in a second one."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import urllib3
from tqdm import tqdm

from indexer.node.embedded import EmbeddedNode
from indexer.node.embedded_socket import NodeSocket
from indexer.sync.indexer import Indexer
from webapp.broadcast import NODE_DIRECTORY
from webapp.commands import open_database, stop_on_signals
from webapp.config import EMBEDDED, ConfigError, Settings
from webapp.demo.economy import Economy
from webapp.demo.live import run_live
from webapp.server import require_free_address

STOP_SECONDS = 4
HISTORY_COMPLETE = "history-complete"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Seconds between blocks, transactions per second, and what to do at the start."""

    block_interval: float
    tx_rate: float
    fresh: bool
    reorg: bool


def demo_settings(settings: Settings) -> Settings:
    """The same settings for the demo's own chain, kept apart from everything real."""
    return settings.model_copy(
        update={
            "network": "bitcoin-regtest",
            "node_url": EMBEDDED,
            "data_directory": settings.data_directory / "demo",
            "accounts_database_url": None,  # its guests are nobody's accounts
        }
    )


def run_demo(settings: Settings, options: DemoOptions) -> None:
    """Run until SIGTERM or Ctrl-C; SIGUSR1 reorganises the chain."""
    settings = demo_settings(settings)
    directory = settings.data_directory
    directory.mkdir(parents=True, exist_ok=True)
    with _single_instance(directory) as running:
        if running is not None:
            _tell_running(running, directory, options)
            return
        require_free_address(settings)
        stop = stop_on_signals()
        reorganise = threading.Event()
        signal.signal(signal.SIGUSR1, lambda _number, _frame: reorganise.set())
        if options.reorg:
            reorganise.set()
        if options.fresh or not (directory / HISTORY_COMPLETE).exists():
            _forget(settings)
        _run(settings, options, stop, reorganise)


def _run(
    settings: Settings, options: DemoOptions, stop: threading.Event, reorganise: threading.Event
) -> None:
    database = open_database(settings, upgrade=True)
    node = EmbeddedNode(settings.data_directory / NODE_DIRECTORY)
    door: NodeSocket | None = None
    web: subprocess.Popen[bytes] | None = None
    threads: list[threading.Thread] = []
    try:
        _write_history(node, settings.data_directory, stop)
        if stop.is_set():
            return
        door = NodeSocket(node, settings.data_directory / NODE_DIRECTORY)
        web = _start_web(settings)
        indexer = Indexer(database, node, keep_raw_blocks=True, stop=stop)
        threads = [
            threading.Thread(target=indexer.run, name="indexer"),
            threading.Thread(target=_live, name="economy", args=(node, options, stop, reorganise)),
        ]
        for thread in threads:
            thread.start()
        _wait_until_ready(settings, web, stop)
        while not stop.wait(0.5):
            if web.poll() is not None:
                raise ConfigError(f"the web process ended with status {web.returncode}")
            if not all(thread.is_alive() for thread in threads):
                raise ConfigError("a part of the demo stopped; its error stands above")
    finally:
        stop.set()
        if web is not None:
            web.terminate()
        for thread in threads:
            thread.join(STOP_SECONDS)
        if web is not None:
            _end(web)
        if door is not None:
            door.close()
        node.close()
        database.dispose()


def _live(
    node: EmbeddedNode,
    options: DemoOptions,
    stop: threading.Event,
    reorganise: threading.Event,
) -> None:
    run_live(
        Economy(node),
        stop,
        block_interval=options.block_interval,
        tx_rate=options.tx_rate,
        reorganise=reorganise,
    )


def _write_history(node: EmbeddedNode, directory: Path, stop: threading.Event) -> None:
    complete = directory / HISTORY_COMPLETE
    if complete.exists():
        return
    click.echo("Writing the history of the demo (only at its first start) ...")
    with tqdm(unit=" blocks", file=sys.stderr, disable=None, leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        Economy(node).write_history(progress=progress, stop=stop)
    if not stop.is_set():
        complete.touch()


def _start_web(settings: Settings) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "SATCHEL_NETWORK": settings.network,
        "SATCHEL_NODE_URL": EMBEDDED,
        "SATCHEL_DATABASE_URL": settings.database,
        "SATCHEL_ACCOUNTS_DATABASE_URL": settings.accounts_database,
        "SATCHEL_DATA_DIRECTORY": str(settings.data_directory),
        "SATCHEL_HOST": settings.host,
        "SATCHEL_PORT": str(settings.port),
        "SATCHEL_LOG_LEVEL": settings.log_level,
    }
    # Its own group: Ctrl-C reaches only this process, which then ends the child in order.
    return subprocess.Popen(
        [sys.executable, "-m", "webapp.demo.web"],
        env=environment,
        stdin=subprocess.PIPE,  # closed by our end, be it a kill -9
        process_group=0,
    )


def _wait_until_ready(
    settings: Settings, web: subprocess.Popen[bytes], stop: threading.Event
) -> None:
    address = f"http://{settings.host}:{settings.port}"
    with urllib3.PoolManager(retries=False, timeout=2) as http:
        while not stop.wait(0.1) and web.poll() is None:
            try:
                if http.request("GET", address + "/readyz").status == 200:
                    click.echo(f"Satchel is ready: {address}  (Ctrl-C stops it)")
                    return
            except urllib3.exceptions.HTTPError:
                continue


def _end(web: subprocess.Popen[bytes]) -> None:
    try:
        web.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        web.kill()
        web.wait()


@contextmanager
def _single_instance(directory: Path) -> Iterator[int | None]:
    """Yield None when this process may run the demo, else the number of the one that does."""
    with (directory / "demo.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            yield int(file.read() or 0)
            return
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield None


def _tell_running(process: int, directory: Path, options: DemoOptions) -> None:
    if not options.reorg or options.fresh:
        raise ConfigError(
            f"data_directory: a demo already runs in {directory} (process {process}); "
            "stop it first, or choose another --data-directory"
        )
    os.kill(process, signal.SIGUSR1)
    click.echo(f"told the running demo (process {process}) to reorganise its chain")


def _forget(settings: Settings) -> None:
    (settings.data_directory / HISTORY_COMPLETE).unlink(missing_ok=True)
    shutil.rmtree(settings.data_directory / NODE_DIRECTORY, ignore_errors=True)
    for path in settings.data_directory.glob("accounts.sqlite*"):
        path.unlink()
    if settings.database_url is None:
        for path in settings.data_directory.glob(settings.network + ".sqlite*"):
            path.unlink()
