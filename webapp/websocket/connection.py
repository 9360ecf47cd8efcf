"""One WebSocket on the event loop: frames in, messages out."""

import asyncio
import logging
from typing import Protocol, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from webapp.websocket.feed import Tip
from webapp.websocket.subscriptions import Subscriptions

MAX_MESSAGE = 1 << 16  # bytes, of what a client says
MAX_UNSENT = 4 << 20  # bytes: who reads more slowly than that is cut off

quiet = logging.getLogger("satchel.websocket.frames")
quiet.setLevel(logging.WARNING)


class Server(Protocol):
    """What a connection needs of the loop."""

    def said(self, connection: "Connection", text: str) -> None: ...

    def gone(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    """All methods belong to the loop's thread."""

    def __init__(self, server: Server, client: str, handshake: bytes) -> None:
        self.client = client
        self.subscriptions = Subscriptions()
        self.jobs = 0  # that read the index for it
        self.tip: Tip | None = None  # of the blocks that it asked for
        self.heard = True  # since the last look at who is still there
        self._server = server
        self._handshake = handshake
        self._protocol = ServerProtocol(max_size=MAX_MESSAGE, logger=quiet)
        self._transport: asyncio.Transport | None = None
        self._fragments: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.data_received(self._handshake)
        self._handshake = b""

    def data_received(self, data: bytes) -> None:
        self.heard = True
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._protocol.send_response(self._protocol.accept(event))
            elif isinstance(event, Frame):
                self._take_frame(event)
        self._flush()

    def eof_received(self) -> bool:
        self._protocol.receive_eof()
        self._flush()
        return False

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        self._server.gone(self)

    def tell(self, text: str) -> None:
        """Send a message; nothing happens where the connection is closing."""
        transport = self._transport
        if transport is None or self._protocol.state is not State.OPEN:
            return
        if transport.get_write_buffer_size() > MAX_UNSENT:
            transport.abort()
            return
        self._protocol.send_text(text.encode())
        self._flush()

    def ping(self) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")
            self._flush()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def close(self, code: CloseCode, reason: str = "") -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason)
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _take_frame(self, frame: Frame) -> None:
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                text = b"".join(self._fragments).decode("utf-8", "replace")
                self._fragments.clear()
                self._server.said(self, text)

    def _flush(self) -> None:
        transport = self._transport
        if transport is None:
            return
        for data in self._protocol.data_to_send():
            if data:
                transport.write(data)
            else:  # the end of what there is to send
                transport.close()
        if self._protocol.close_expected():
            transport.close()
