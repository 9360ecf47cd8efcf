"""What the commands do: open the parts, run them until told to stop, close them."""

import logging
import signal
import threading
from contextlib import nullcontext
from functools import partial
from types import FrameType

import click
from tqdm import tqdm

from indexer.check import check
from indexer.database import Database, DatabaseError
from indexer.node.base import Node
from indexer.node.core import CoreNode
from indexer.node.embedded import EmbeddedNode
from indexer.node.embedded_socket import NodeSocket
from indexer.queries.pulse import read_pulse
from indexer.sync.election import run_elected
from indexer.sync.indexer import Indexer
from webapp.accounts.database import open_accounts
from webapp.app import create_app
from webapp.broadcast import NODE_DIRECTORY
from webapp.config import EMBEDDED, ConfigError, Settings, make_data_directory
from webapp.server import require_free_address, serve

logger = logging.getLogger(__name__)

REPLICA_PATIENCE = 2  # seconds for which a request waits for one that does not answer


def open_database(settings: Settings, *, upgrade: bool) -> Database:
    """The network's index; with `upgrade`, its tables are made or brought up to date first.

    Raises DatabaseError, and ConfigError where it is another network's.
    """
    if settings.database_url is None:
        make_data_directory(settings)
    database = Database.open(settings.database)
    if upgrade:
        database.upgrade()
    else:
        database.require_schema()
    _require_network(database, settings)
    return database


def open_replica(settings: Settings) -> Database | None:
    """What public pages are read from, if it is told apart. One that does not answer may do so
    later. Raises DatabaseError, and ConfigError where it holds another network's index."""
    if settings.read_database_url is None:
        return None
    replica = Database.open(settings.read_database_url, patience=REPLICA_PATIENCE)
    try:
        with replica.read():
            pass
    except DatabaseError as error:
        logger.warning("%s. The primary is read until the replica answers", error)
        return replica
    replica.require_schema()
    _require_network(replica, settings)
    return replica


def _require_network(database: Database, settings: Settings) -> None:
    with database.read() as connection:
        pulse = read_pulse(connection)
    if pulse is not None and pulse.network != settings.network:
        raise ConfigError(
            f"database_url: found the index of {pulse.network} in "
            f"{database.shown_url}, expected that of {settings.network} or an "
            "empty database; give each network one of its own"
        )


def open_node(settings: Settings) -> Node:
    """The configured node. A CoreNode is reached at its first use, not here."""
    if settings.node == EMBEDDED:
        return EmbeddedNode(settings.data_directory / NODE_DIRECTORY)
    password = settings.node_password
    return CoreNode(
        settings.chain_network,
        settings.node,
        user=settings.node_user,
        password=password.get_secret_value() if password else None,
        cookie_file=settings.node_cookie_file,
        zmq_block=settings.node_zmq_block,
        zmq_tx=settings.node_zmq_tx,
    )


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set."""
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop


def run_index(settings: Settings) -> None:
    """Index until SIGTERM or Ctrl-C; while another process indexes the database, wait for it."""
    stop = stop_on_signals()
    database = open_database(settings, upgrade=True)
    try:
        run_elected(database, stop, partial(_index, settings, database, stop))
    finally:
        database.dispose()


def _index(settings: Settings, database: Database, stop: threading.Event) -> None:
    node = open_node(settings)
    embedded = settings.node == EMBEDDED
    try:
        directory = settings.data_directory / NODE_DIRECTORY
        with NodeSocket(node, directory) if embedded else nullcontext():
            Indexer(
                database, node, keep_raw_blocks=settings.keep_raw_blocks or embedded, stop=stop
            ).run()
    finally:
        node.close()


def run_web(settings: Settings, *, demo: bool = False) -> None:
    """Serve pages until SIGTERM or Ctrl-C."""
    require_free_address(settings)
    database = open_database(settings, upgrade=True)
    node = None if settings.node == EMBEDDED else open_node(settings)
    replica = open_replica(settings)
    accounts = open_accounts(settings)
    app = create_app(settings, database, accounts, node, replica=replica, demo=demo)
    serve(app, host=settings.host, port=settings.port, processes=settings.web_processes)


def run_check(settings: Settings, sample: int | None) -> int:
    """Print what `check` finds; the exit status: 0 if all agrees, 1 if not."""
    database = open_database(settings, upgrade=False)
    node = open_node(settings)
    try:
        with tqdm(unit=" blocks", disable=None, leave=False) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            result = check(database, node, sample=sample, progress=progress)
    finally:
        node.close()
        database.dispose()
    click.echo(str(result))
    return 0 if result.ok else 1
