"""One watcher for all connections: it looks at the state row, and only at what may have moved."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from aiorpcx import JSONRPCv2, Notification
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from indexer.chain.wire import hash_hex
from indexer.database import DatabaseError
from indexer.keys import script_hash_key
from indexer.queries.headers import headers_from, last_common_height
from indexer.queries.pulse import Pulse, read_pulse
from indexer.queries.script_events import keys_touched_above, pending_events
from indexer.replica import ReadDatabase
from webapp.electrum.status import ScriptState, carry_on, read_state

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.25
TROUBLE_SECONDS = 3.0
REST_FACTOR = 3  # a look that took long is not repeated at once
MANY_BLOCKS = 144  # after more than these, everything is looked at afresh


class Reader(Protocol):
    """A connection that is told what moves."""

    def tell(self, message: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Moment:
    """What the index held when something was read from it."""

    chain: int
    mempool: int
    tip_height: int
    tip_hash: bytes

    @classmethod
    def of(cls, pulse: Pulse) -> "Moment":
        return cls(
            pulse.chain_generation, pulse.mempool_generation, pulse.tip_height, pulse.tip_hash
        )


@dataclass(slots=True)
class Watched:
    """A script and who is told of it; `status` is what they were told last."""

    state: ScriptState
    status: str | None
    readers: set[Reader] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the index found. `states` are those that differ."""

    moment: Moment
    tip: dict[str, Any]
    states: dict[bytes, ScriptState]


class Watcher:
    """All methods belong to the event loop's thread."""

    def __init__(self, database: ReadDatabase) -> None:
        self._database = database
        self._watched: dict[bytes, Watched] = {}
        self._doubtful: set[bytes] = set()  # read at another moment than the last look
        self._header_readers: dict[Reader, Moment] = {}  # of the tip that they know
        self.moment: Moment | None = None  # of the last look
        self._hurried = False  # look even if nothing moved since
        self._thread = ThreadPoolExecutor(1, "electrum-watcher")

    @property
    def script_count(self) -> int:
        return len(self._watched)

    def subscribe_headers(self, reader: Reader, knows: Moment) -> None:
        self._header_readers[reader] = knows
        self._hurried |= knows != self.moment

    async def subscribe(
        self,
        reader: Reader,
        script_hash: bytes,
        read: Callable[[], Awaitable[tuple[Moment, ScriptState]]],
    ) -> str | None:
        """The status of a script, of whose changes the reader is told from now on.

        `read` gives the script's state and when it was so; it is used where nobody watches it yet.
        """
        watched = self._watched.get(script_hash)
        if watched is None:
            moment, state = await read()
            watched = self._watched.get(script_hash)
            if watched is None:
                watched = self._watched[script_hash] = Watched(state, state.status())
                if moment != self.moment:
                    self._doubtful.add(script_hash)
                    self._hurried = True
        watched.readers.add(reader)
        return watched.status

    def unsubscribe(self, reader: Reader, script_hash: bytes) -> None:
        watched = self._watched.get(script_hash)
        if watched is not None:
            watched.readers.discard(reader)
            if not watched.readers:
                del self._watched[script_hash]
                self._doubtful.discard(script_hash)

    def forget(self, reader: Reader, script_hashes: set[bytes]) -> None:
        """The reader has gone."""
        self._header_readers.pop(reader, None)
        for script_hash in script_hashes:
            self.unsubscribe(reader, script_hash)

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()
        pause = POLL_SECONDS
        while True:
            await asyncio.sleep(pause)
            seen = dict(self._watched)
            states = {
                script_hash: None if script_hash in self._doubtful else watched.state
                for script_hash, watched in seen.items()
            }
            started = time.monotonic()
            before, hurried, self._hurried = self.moment, self._hurried, False
            try:
                look = await loop.run_in_executor(self._thread, self._look, before, states, hurried)
            except (DBAPIError, DatabaseError) as error:
                logger.warning("the watcher cannot read the index: %s", error)
                self._hurried |= hurried
                pause = TROUBLE_SECONDS
                continue
            if look is not None:
                self._apply(look, seen)
            pause = max(POLL_SECONDS, REST_FACTOR * (time.monotonic() - started))

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    def _look(
        self, before: Moment | None, states: dict[bytes, ScriptState | None], hurried: bool
    ) -> Look | None:
        """In the watcher's thread: what moved since; None if nothing did or all is being loaded."""
        with self._database.read() as connection:
            pulse = read_pulse(connection)
            if pulse is None or pulse.loading or pulse.tip_height < 0:
                return None
            moment = Moment.of(pulse)
            if moment == before and not hurried:
                return None
            return Look(
                moment,
                header_words(connection, moment.tip_height),
                _new_states(connection, before, moment, states),
            )

    def _apply(self, look: Look, seen: dict[bytes, Watched]) -> None:
        """Tell what moved. Who subscribed during the look is looked at again."""
        message = notification("blockchain.headers.subscribe", [look.tip])
        for reader, told in self._header_readers.items():
            if told.chain < look.moment.chain and told.tip_hash != look.moment.tip_hash:
                reader.tell(message)
            if told.chain < look.moment.chain:
                self._header_readers[reader] = look.moment
        settled = set()
        for script_hash, watched in seen.items():
            if self._watched.get(script_hash) is not watched:
                continue
            settled.add(script_hash)
            state = look.states.get(script_hash)
            if state is None:
                continue
            watched.state = state
            status = state.status()
            if status != watched.status:
                watched.status = status
                message = notification(
                    "blockchain.scripthash.subscribe", [hash_hex(script_hash), status]
                )
                for reader in watched.readers:
                    reader.tell(message)
        self._doubtful = self._watched.keys() - settled
        self._hurried |= bool(self._doubtful)
        self.moment = look.moment


def header_words(connection: Connection, height: int) -> dict[str, Any]:
    """As headers.subscribe tells it."""
    return {"height": height, "hex": headers_from(connection, height, 1)[0].hex()}


def notification(method: str, parameters: list[Any]) -> bytes:
    """The same for all connections: its line."""
    message: bytes = JSONRPCv2.notification_message(Notification(method, parameters))
    return message + b"\n"


def _new_states(
    connection: Connection,
    before: Moment | None,
    now: Moment,
    states: dict[bytes, ScriptState | None],
) -> dict[bytes, ScriptState]:
    """The states that differ from the given ones; None stands for one to be read afresh."""
    common, touched = -1, set()
    if before is not None:
        common = _common_height(connection, before, now)
        if common >= 0 and now.tip_height - common <= MANY_BLOCKS:
            touched = keys_touched_above(connection, common)
        else:
            common = -1
    pending = pending_events(connection, states)
    found = {}
    for script_hash, state in states.items():
        if state is None or common < 0 or state.newest_height > common:
            new = read_state(connection, script_hash)
        elif script_hash_key(script_hash) not in touched:
            new = state
        elif state.script is None:
            new = read_state(connection, script_hash)
        else:
            new = carry_on(connection, state)
        new = replace(new, pending=pending.get(script_hash, ()))
        if new != state:
            found[script_hash] = new
    return found


def _common_height(connection: Connection, before: Moment, now: Moment) -> int:
    if before.tip_hash == now.tip_hash:
        return now.tip_height
    return last_common_height(connection, before.tip_height, before.tip_hash)
