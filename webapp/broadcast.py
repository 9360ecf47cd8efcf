"""Sending transactions: one door for pages, the API and the Electrum server."""

import time
from collections.abc import Sequence

from indexer.node.base import Broadcaster, Node, NodeUnavailableError, PackageResult
from indexer.node.embedded_socket import NodeSocketClient
from indexer.queries.pulse import read_pulse
from indexer.queries.transactions import is_pending
from indexer.replica import ReadDatabase
from webapp.config import EMBEDDED, Settings
from webapp.context import services

NODE_DIRECTORY = "node"  # of the embedded node, in the data directory
SEEN_SECONDS = 2.0  # the index polls a node without notifications every second
POLL_SECONDS = 0.03


def open_broadcaster(settings: Settings, node: Node | None) -> Broadcaster | None:
    """What takes this process's transactions: its node, or the embedded one of another process."""
    if node is not None:
        return node
    if settings.node == EMBEDDED:
        return NodeSocketClient(settings.data_directory / NODE_DIRECTORY)
    return None


def broadcaster() -> Broadcaster:
    """The web process's. Raises NodeUnavailableError where it has none."""
    found = services().broadcaster
    if found is None:
        raise NodeUnavailableError("No node is connected to send transactions through.")
    return found


def broadcast(raw: bytes) -> bytes:
    """Send a transaction, once, and return its txid.

    Where the index follows the node it is there when this returns, so that whoever asks for it
    next finds it. TransactionRejectedError holds the node's reason. After NodeUnavailableError it
    may or may not have been sent: ask for the txid before sending again.
    """
    txid = broadcaster().submit(raw)
    wait_until_seen(services().reads, txid)
    return txid


def broadcast_package(
    raws: Sequence[bytes], *, max_fee_rate: int | None = None, max_burn: int | None = None
) -> PackageResult:
    """The same for a child behind its parents; what became of each is in the result."""
    result = broadcaster().submit_package(raws, max_fee_rate=max_fee_rate, max_burn=max_burn)
    for verdict in result.verdicts:
        if verdict.allowed:
            wait_until_seen(services().reads, verdict.txid)
    return result


def wait_until_seen(database: ReadDatabase, txid: bytes) -> None:
    """Until the index has a transaction that the node has taken, SEEN_SECONDS at most."""
    deadline = time.monotonic() + SEEN_SECONDS
    while time.monotonic() < deadline:
        with database.read() as connection:
            pulse = read_pulse(connection)
            if pulse is None or pulse.loading or pulse.stopped or is_pending(connection, txid):
                return
        time.sleep(POLL_SECONDS)
