"""ZeroMQ: the node says that something happened, so that nobody has to ask all the time."""

import math
import time
from typing import Final

import zmq

from indexer.node.base import NodeError

BLOCK_TOPICS: Final = (b"hashblock", b"rawblock")
TX_TOPICS: Final = (b"hashtx", b"rawtx", b"sequence")
# A busy mempool has news several times a second: they are taken together.
GATHER: Final = 0.5  # seconds
QUEUE: Final = 1000  # messages kept for us; older news are no loss, they only wake


class Notifications:
    """Wakes on the node's messages. A lost or misdirected one is no harm: callers also poll.

    To be used from one thread, like all ZeroMQ sockets.
    """

    def __init__(self, block_url: str | None, tx_url: str | None) -> None:
        self._context = zmq.Context()
        self._poller = zmq.Poller()
        self._blocks = self._subscribe("node_zmq_block", block_url, BLOCK_TOPICS)
        self._txs = self._subscribe("node_zmq_tx", tx_url, TX_TOPICS)

    def wait(self, timeout: float) -> None:
        """For `timeout` seconds, or until news came: of a block at once, others gathered."""
        deadline = time.monotonic() + timeout
        gathering = False
        while (remaining := deadline - time.monotonic()) > 0:
            ready = dict(self._poller.poll(math.ceil(remaining * 1000)))
            self._drain()
            if self._blocks is not None and self._blocks in ready:
                return
            if ready and not gathering:
                gathering = True
                deadline = min(deadline, time.monotonic() + GATHER)

    def close(self) -> None:
        self._context.destroy(linger=0)

    def _subscribe(
        self, setting: str, url: str | None, topics: tuple[bytes, ...]
    ) -> "zmq.Socket[bytes] | None":
        if url is None:
            return None
        socket: zmq.Socket[bytes] = self._context.socket(zmq.SUB)
        socket.setsockopt(zmq.RCVHWM, QUEUE)
        for topic in topics:
            socket.setsockopt(zmq.SUBSCRIBE, topic)
        try:
            socket.connect(url)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise NodeError(
                f"{setting} is not an address: expected tcp://host:port ({error.strerror})"
            ) from None
        self._poller.register(socket, zmq.POLLIN)
        return socket

    def _drain(self) -> None:
        for socket in (self._blocks, self._txs):
            while socket is not None and socket.poll(0):
                socket.recv_multipart()
