"""One connection: its requests one after the other, its subscriptions, its limits."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from aiorpcx import (
    JSONRPC,
    JSONRPCAutoDetect,
    JSONRPCConnection,
    JSONRPCv2,
    ProtocolError,
    Request,
    RPCError,
    handler_invocation,
)

from webapp.electrum.call import Version
from webapp.electrum.limits import Budget, Limits
from webapp.electrum.parameters import BAD_REQUEST, SERVER_BUSY, hash_bytes, refuse, text
from webapp.electrum.server_methods import NEWEST, OLDEST, SOFTWARE, in_text, negotiate
from webapp.electrum.status import ScriptState
from webapp.electrum.watcher import Moment, Watcher

logger = logging.getLogger(__name__)

BROKEN_REQUEST_COST = 50
BYTES_PER_COST = 10_000


class Desk(Protocol):
    """What the server does for its sessions, in its own threads."""

    limits: Limits
    watcher: Watcher

    async def answer(self, request: Request, version: Version) -> bytes | None:
        """Perform one of METHODS; the message to send, None while a batch is incomplete."""

    async def tip(self) -> tuple[Moment, dict[str, Any]]:
        """What headers.subscribe tells, and when it was so. RPCError."""

    async def read_watched(self, script_hash: bytes) -> tuple[Moment, ScriptState]:
        """RPCError while scripts are not indexed."""


class Session:
    """Reads no request before the one before it is answered and paid for."""

    def __init__(
        self, desk: Desk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._desk = desk
        self._reader = reader
        self._writer = writer
        self._rpc = JSONRPCConnection(JSONRPCAutoDetect)
        self._rpc.max_response_size = desk.limits.answer_bytes
        self._budget = Budget(desk.limits)
        self._version: Version | None = None  # None: server.version has not been called
        self._spoke = False
        self._leaving = False
        self._scripts: set[bytes] = set()
        self._own: dict[str, Callable[..., Awaitable[Any]]] = {
            "server.version": self._greet,
            "blockchain.headers.subscribe": self._subscribe_headers,
            "blockchain.scripthash.subscribe": self._subscribe,
            "blockchain.scripthash.unsubscribe": self._unsubscribe,
        }

    async def run(self) -> None:
        """Until the client leaves, is silent for too long or breaks a limit."""
        limits = self._desk.limits
        patience = limits.greeting_seconds
        try:
            while not self._leaving:
                async with asyncio.timeout(patience):
                    line = await self._reader.readuntil(b"\n")
                await self._receive(line)
                patience = limits.idle_seconds
        except asyncio.LimitOverrunError:
            message = f"request too large: at most {limits.request_bytes} bytes are read"
            await self._send(_error_message(RPCError(BAD_REQUEST, message)))
        except (asyncio.IncompleteReadError, TimeoutError, OSError) as error:
            logger.debug("a connection ended: %r", error)
        finally:
            self.close()

    def close(self) -> None:
        self._leaving = True
        self._desk.watcher.forget(self, self._scripts)
        self._writer.close()

    def abort(self) -> None:
        self._writer.transport.abort()

    def tell(self, message: bytes) -> None:
        """Send without waiting; a client that does not read what it subscribed to is let go."""
        transport = self._writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > self._desk.limits.unread_bytes:
            transport.abort()
        else:
            self._writer.write(message)

    async def _receive(self, line: bytes) -> None:
        started = time.monotonic()
        sent = 0
        requests, problem = self._parse(line)
        if problem is not None:
            sent += await self._send(problem)
        excess = len(requests) > self._desk.limits.batch_requests
        for request in requests:
            if excess:
                message = request.send_result(self._too_long(len(requests)))
            else:
                message = await self._answer(request)
            if message is not None:
                sent += await self._send(message)
            if self._leaving:
                return
        milliseconds = 1000 * (time.monotonic() - started)
        base = len(requests) or BROKEN_REQUEST_COST
        wait = self._budget.spend(base + milliseconds + sent / BYTES_PER_COST)
        if wait:
            await asyncio.sleep(wait)

    def _parse(self, line: bytes) -> tuple[list[Request], bytes | None]:
        """The requests of a line that ask for an answer, or what to say of it."""
        try:
            items = self._rpc.receive_message(line)
        except ProtocolError as error:
            return [], error.error_message
        except (RecursionError, TypeError, ValueError):  # of json, and of ids that cannot be keys
            return [], _error_message(RPCError(JSONRPC.PARSE_ERROR, "invalid JSON"))
        return [item for item in items if isinstance(item, Request)], None

    def _too_long(self, found: int) -> RPCError:
        most = self._desk.limits.batch_requests
        return RPCError(BAD_REQUEST, f"batch too long: {found} requests, at most {most} are taken")

    async def _answer(self, request: Request) -> bytes | None:
        own = self._own.get(request.method)
        try:
            if own is None:
                version = self._version or OLDEST
                message = await self._desk.answer(request, version)
            else:
                message = request.send_result(await handler_invocation(own, request)())
        except RPCError as error:
            message = request.send_result(error)
        self._spoke = True
        return message

    async def _send(self, message: bytes) -> int:
        self._writer.write(message + b"\n")
        try:
            async with asyncio.timeout(self._desk.limits.sending_seconds):
                await self._writer.drain()
        except TimeoutError:
            self.abort()  # a mere close would wait for the client to read
            raise
        return len(message)

    async def _greet(
        self, client_name: Any = "", protocol_version: Any = "1.4", *_more: Any, **_others: Any
    ) -> Any:
        """Parameters of future versions are ignored, as the protocol asks."""
        text(client_name, "client_name", 1000)
        if self._version is not None:
            refuse("server.version: the version was agreed upon already")
        version = negotiate(protocol_version, first=not self._spoke)
        if version is None:
            self._leaving = True
            refuse(
                f"unsupported protocol version: this server speaks {in_text(OLDEST)} to "
                f"{in_text(NEWEST)}, 1.6 only where server.version comes first"
            )
        self._version = version
        return [SOFTWARE, in_text(version)]

    async def _subscribe_headers(self) -> Any:
        moment, tip = await self._desk.tip()
        self._desk.watcher.subscribe_headers(self, moment)
        return tip

    async def _subscribe(self, scripthash: Any) -> Any:
        script_hash = hash_bytes(scripthash, "scripthash")
        limits, watcher = self._desk.limits, self._desk.watcher
        if script_hash not in self._scripts:
            if len(self._scripts) >= limits.subscriptions:
                refuse(f"too many subscriptions: at most {limits.subscriptions} per connection")
            if watcher.script_count >= limits.watched_scripts:
                raise RPCError(SERVER_BUSY, "the server watches as many scripts as it can")
        read = partial(self._desk.read_watched, script_hash)
        status = await watcher.subscribe(self, script_hash, read)
        self._scripts.add(script_hash)
        return status

    async def _unsubscribe(self, scripthash: Any) -> Any:
        script_hash = hash_bytes(scripthash, "scripthash")
        if script_hash not in self._scripts:
            return False
        self._scripts.discard(script_hash)
        self._desk.watcher.unsubscribe(self, script_hash)
        return True


def _error_message(error: RPCError) -> bytes:
    message: bytes = JSONRPCv2.response_message(error, None)
    return message
