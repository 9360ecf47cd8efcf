"""All WebSockets of one process: an event loop in a thread, fed by the live watcher."""

import asyncio
import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from flask import Flask
from sqlalchemy.exc import DBAPIError
from websockets.frames import CloseCode
from werkzeug.exceptions import HTTPException

from indexer.chain.encoding import hash_hex
from indexer.database import DatabaseError
from indexer.keys import script_hash
from indexer.raw import RawUnavailableError
from webapp.context import EXTENSION as SERVICES
from webapp.context import Services
from webapp.watcher import Subscription
from webapp.websocket import feed, payloads
from webapp.websocket.connection import Connection
from webapp.websocket.feed import Question, Tip, TrackedScript, TrackedTransaction, Update
from webapp.websocket.messages import Messages
from webapp.websocket.payloads import Parts, compose
from webapp.websocket.subscriptions import Request, RequestError, take

logger = logging.getLogger(__name__)

T = TypeVar("T")
Key = tuple[str, bytes]  # "script" and the script, or "tx" and the txid

MAX_CONNECTIONS: Final = 4096  # of one process
MAX_PER_CLIENT: Final = 64
MAX_TRACKED: Final = 20_000  # scripts and transactions of all connections together
MAX_JOBS: Final = 8  # of one connection at a time
READERS: Final = 2  # threads that read the index for what clients ask at once
PING_SECONDS: Final = 30.0
WAIT_SECONDS: Final = 15.0
TROUBLE_SECONDS: Final = 3.0
GATHER_SECONDS: Final = 0.1  # in which many clients' new topics come together
CHAIN_TOPICS: Final = frozenset({"tip", "mempool", "reorg"})
UNREADABLE: Final = (DBAPIError, DatabaseError, RawUnavailableError, HTTPException)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was read for one message of a client."""

    tip: Tip
    parts: Parts
    scripts: dict[bytes, TrackedScript]
    transactions: dict[bytes, TrackedTransaction]


class SocketHub:
    """Starts with the first connection. Only `reserve`, `release` and `adopt` are for others."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._clients: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._readers = ThreadPoolExecutor(READERS, "websocket-reader")
        self._feeder = ThreadPoolExecutor(1, "websocket-feed")
        self._connections: set[Connection] = set()
        self._scripts: dict[bytes, TrackedScript] = {}
        self._transactions: dict[bytes, TrackedTransaction] = {}
        self._holders: Counter[Key] = Counter()
        self._subscription: Subscription | None = None
        self._topics_stale = False
        self._tip: Tip | None = None
        self._tasks: set[asyncio.Future[None]] = set()

    def reserve(self, client: str) -> bool:
        """Whether a client may open one more connection, which it has then."""
        with self._lock:
            if self._clients[client] >= MAX_PER_CLIENT or self._clients.total() >= MAX_CONNECTIONS:
                return False
            self._clients[client] += 1
            return True

    def release(self, client: str) -> None:
        with self._lock:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    def adopt(self, taken: socket.socket, handshake: bytes, client: str) -> None:
        """Serve a reserved connection from now on."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                arguments = (self._loop,)
                threading.Thread(
                    target=self._run, args=arguments, name="websockets", daemon=True
                ).start()
            loop = self._loop
        asyncio.run_coroutine_threadsafe(self._serve(taken, handshake, client), loop)

    # What follows belongs to the loop's thread.

    def said(self, connection: Connection, text: str) -> None:
        before = _keys(connection)
        try:
            request = take(connection.subscriptions, text, self._services.network)
        except RequestError as error:
            connection.tell(compose({"error": payloads.write(str(error))}))
            return
        fresh = _keys(connection) - before
        if fresh and len(self._holders) + len(fresh) > MAX_TRACKED:
            connection.subscriptions.clear()
            connection.close(CloseCode.TRY_AGAIN_LATER, "too much is tracked on this server")
            fresh = set()
        self._holders.update(fresh)
        self._drop(before - _keys(connection))
        at_once: Parts = {name: payloads.write(said) for name, said in request.problems.items()}
        if request.ping:
            at_once["pong"] = "true"
        if at_once:
            connection.tell(compose(at_once))
        if not request.needs_index and not fresh:
            return
        if connection.jobs >= MAX_JOBS:
            connection.close(CloseCode.POLICY_VIOLATION, "too many requests at once")
            return
        self._spawn(self._answer(connection, request, fresh))

    def gone(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._drop(_keys(connection))
        self.release(connection.client)

    @property
    def _services(self) -> Services:
        found: Services = self._app.extensions[SERVICES]
        return found

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        following = loop.create_task(self._follow())
        pinging = loop.create_task(self._ping())
        try:
            loop.run_until_complete(following)
        finally:
            pinging.cancel()
            loop.run_until_complete(loop.shutdown_asyncgens())
            self._readers.shutdown(wait=False, cancel_futures=True)
            self._feeder.shutdown(wait=False)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, taken: socket.socket, handshake: bytes, client: str) -> None:
        connection = Connection(self, client, handshake)
        self._connections.add(connection)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, taken)
        except OSError:
            taken.close()
            self.gone(connection)

    async def _ping(self) -> None:
        """Who has not been heard of since the ping before is gone, though no one said so."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            for connection in list(self._connections):
                if not connection.heard:
                    connection.abort()
                connection.heard = False
                connection.ping()

    async def _answer(self, connection: Connection, request: Request, fresh: set[Key]) -> None:
        connection.jobs += 1
        read = partial(_read, request, fresh)
        try:
            answer = await self._in_context(self._readers, read)
            while self._tip is not None and answer.tip.generation < self._tip.generation:
                answer = await self._in_context(self._readers, read)  # others know more by now
        except UNREADABLE as error:
            logger.warning("a WebSocket's request cannot be answered: %s", error)
            connection.tell(compose({"error": payloads.write("the index cannot be read now")}))
            return
        finally:
            connection.jobs -= 1
        self._note(answer)
        if "blocks" in answer.parts:
            connection.tip = answer.tip
        if answer.parts:
            connection.tell(compose(answer.parts))

    def _note(self, answer: Answer) -> None:
        """What is tracked from now on, where nobody tracked it before."""
        for script, known in answer.scripts.items():
            if ("script", script) in self._holders:
                self._scripts.setdefault(script, known)
        for txid, seen in answer.transactions.items():
            if ("tx", txid) in self._holders:
                self._transactions.setdefault(txid, seen)
        if answer.scripts or answer.transactions:
            self._renew_topics()

    def _drop(self, keys: set[Key]) -> None:
        for key in keys:
            self._holders[key] -= 1
            if not self._holders[key]:
                del self._holders[key]
                kind, name = key
                (self._scripts if kind == "script" else self._transactions).pop(name, None)
                self._renew_topics()

    def _renew_topics(self) -> None:
        if not self._topics_stale and self._subscription is not None:
            self._topics_stale = True
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self._watch_topics)

    def _watch_topics(self) -> None:
        self._topics_stale = False
        scripts = {f"address:{hash_hex(script_hash(script))}" for script in self._scripts}
        transactions = {f"tx:{hash_hex(txid)}" for txid in self._transactions}
        if self._subscription is not None:
            self._subscription.watch(frozenset(CHAIN_TOPICS | scripts | transactions))

    async def _follow(self) -> None:
        """Until the live watcher ends."""
        subscription = await self._begin()
        moved: frozenset[str] = frozenset()
        while True:
            news = await self._off(self._feeder, partial(subscription.wait, WAIT_SECONDS))
            if news is None:
                break
            moved |= news[0]
            if not moved:
                continue
            question = Question(
                self._tip,
                moved,
                frozenset().union(*(each.subscriptions.wants for each in self._connections)),
                dict(self._scripts),
                dict(self._transactions),
            )
            try:
                update = await self._in_context(self._feeder, partial(feed.look, question))
            except UNREADABLE as error:
                logger.warning("the WebSockets cannot be told what moved: %s", error)
                await asyncio.sleep(TROUBLE_SECONDS)
                continue
            moved = frozenset()
            self._deliver(update)
        for connection in list(self._connections):
            connection.close(CloseCode.GOING_AWAY)
        await asyncio.sleep(0)

    async def _begin(self) -> Subscription:
        while True:
            try:
                self._tip = await self._in_context(self._feeder, feed.read_tip)
                self._subscription = await self._off(
                    self._feeder, partial(self._services.live.subscribe, CHAIN_TOPICS, None, "")
                )
            except UNREADABLE as error:
                logger.warning("the WebSockets cannot be told what moves: %s", error)
                await asyncio.sleep(TROUBLE_SECONDS)
                continue
            self._watch_topics()
            return self._subscription

    def _deliver(self, update: Update) -> None:
        self._tip = update.tip
        self._scripts |= {k: v for k, v in update.scripts.items() if k in self._scripts}
        self._transactions |= {
            k: v for k, v in update.transactions.items() if k in self._transactions
        }
        messages = Messages(update)
        for connection in list(self._connections):
            for text in messages.of(connection):
                connection.tell(text)

    async def _in_context(self, executor: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        """Run in a thread, in an application context of its own: one moment of the index."""

        def run() -> T:
            with self._app.app_context():
                return work()

        return await self._off(executor, run)

    async def _off(self, executor: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(executor, work)


def _keys(connection: Connection) -> set[Key]:
    subscriptions = connection.subscriptions
    keys: set[Key] = {("script", script) for script in subscriptions.scripts}
    if subscriptions.txid is not None:
        keys.add(("tx", subscriptions.txid))
    return keys


def _read(request: Request, fresh: set[Key]) -> Answer:
    """In a reader's thread: everything of one moment."""
    parts: Parts = {}
    if request.init:
        parts |= payloads.initial_parts()
    elif request.fresh_wants:
        parts |= payloads.wanted_parts(request.fresh_wants)
    if request.track_tx is not None:
        parts |= payloads.tracked_transaction(request.track_tx, watch_mempool=request.watch_mempool)
    return Answer(
        feed.read_tip(),
        parts,
        {name: feed.read_script(name) for kind, name in fresh if kind == "script"},
        {name: feed.read_transaction(name) for kind, name in fresh if kind == "tx"},
    )
