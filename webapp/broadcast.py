"""Sending transactions: one door for pages, the API and the Electrum server."""

from indexer.node.base import Broadcaster, Node, NodeUnavailableError
from indexer.node.embedded_socket import NodeSocketClient
from webapp.config import EMBEDDED, Settings
from webapp.context import services

NODE_DIRECTORY = "node"  # of the embedded node, in the data directory


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

    TransactionRejectedError holds the node's reason. After NodeUnavailableError it may or may not
    have been sent: ask for the txid before sending again.
    """
    return broadcaster().submit(raw)
