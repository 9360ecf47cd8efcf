"""The server: listening, the threads that read the index, and all connections."""

import asyncio
import ipaddress
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ssl import SSLContext
from typing import Any, TypeVar

from aiorpcx import JSONRPC, Request, RPCError, handler_invocation
from sqlalchemy.exc import DBAPIError

from indexer.database import DatabaseError
from indexer.node.base import NodeError
from indexer.raw import RawUnavailableError
from webapp.electrum.call import Call, Sources, Version
from webapp.electrum.limits import Limits
from webapp.electrum.methods import METHODS
from webapp.electrum.parameters import NODE_ERROR
from webapp.electrum.server_methods import OLDEST
from webapp.electrum.session import Session
from webapp.electrum.status import ScriptState, read_state
from webapp.electrum.watcher import Moment, Watcher, header_words

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

THREADS = 8
HANDSHAKE_SECONDS = 20


class ElectrumServer:
    """Serves one network's index. To be used within one event loop."""

    def __init__(self, sources: Sources, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.watcher = Watcher(sources.database)
        self._sources = sources
        self._threads = ThreadPoolExecutor(THREADS, "electrum")
        self._listening: list[asyncio.Server] = []
        self._sessions: set[Session] = set()
        self._addresses: Counter[str] = Counter()
        self._watching: asyncio.Task[None] | None = None

    @property
    def connection_count(self) -> int:
        return len(self._sessions)

    async def listen(self, host: str, port: int, tls: SSLContext | None = None) -> int:
        """Accept connections from now on; the port, which was chosen if 0 was given. OSError."""
        if self._watching is None:
            self._watching = asyncio.create_task(self.watcher.run())
        server = await asyncio.start_server(
            self._connected,
            host,
            port,
            limit=self.limits.request_bytes,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if tls else None,
        )
        self._listening.append(server)
        chosen: int = server.sockets[0].getsockname()[1]
        return chosen

    async def close(self) -> None:
        for server in self._listening:
            server.close()
        for session in list(self._sessions):
            session.abort()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        self.watcher.close()
        self._threads.shutdown(cancel_futures=True)

    async def answer(self, request: Request, version: Version) -> bytes | None:
        return await self._in_thread(self._perform, request, version)

    async def tip(self) -> tuple[Moment, dict[str, Any]]:
        return await self._in_thread(self._read, _tip)

    async def read_watched(self, script_hash: bytes) -> tuple[Moment, ScriptState]:
        return await self._in_thread(self._read, partial(_watched, script_hash))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = str((writer.get_extra_info("peername") or [""])[0])
        if not self._admits(address):
            writer.close()
            return
        session = Session(self, reader, writer)
        self._sessions.add(session)
        self._addresses[address] += 1
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    def _admits(self, address: str) -> bool:
        if len(self._sessions) >= self.limits.connections:
            return False
        return (
            self._addresses[address] < self.limits.connections_per_address
            or ipaddress.ip_address(address.partition("%")[0]).is_loopback
        )

    async def _in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    def _perform(self, request: Request, version: Version) -> bytes | None:
        """In a thread: from the request to the message."""
        try:
            result = self._read(partial(_invoke, request), version)
        except RPCError as error:
            result = error
        message: bytes | None = request.send_result(result)
        return message

    def _read(self, work: Callable[[Call], Result], version: Version = OLDEST) -> Result:
        """In a thread: whatever fails becomes an RPCError."""
        try:
            return self._sources.database.ask(
                lambda connection: work(Call(connection, self._sources, version))
            )
        except (NodeError, RawUnavailableError) as error:
            raise RPCError(NODE_ERROR, str(error)) from error
        except (DBAPIError, DatabaseError) as error:
            logger.warning("the index cannot be read: %s", error)
            raise RPCError(JSONRPC.INTERNAL_ERROR, "the index cannot be read now") from error


def _invoke(request: Request, call: Call) -> Any:
    method = METHODS.get(request.method)
    return handler_invocation(partial(method, call) if method else None, request)()


def _tip(call: Call) -> tuple[Moment, dict[str, Any]]:
    moment = Moment.of(call.pulse())
    return moment, header_words(call.connection, moment.tip_height)


def _watched(script_hash: bytes, call: Call) -> tuple[Moment, ScriptState]:
    call.require_scripts()
    return Moment.of(call.pulse()), read_state(call.connection, script_hash)
