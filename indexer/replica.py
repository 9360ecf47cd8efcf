"""Where readers read: a replica of the database while it answers, else the primary."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from indexer.database import Database, DatabaseError
from indexer.queries.pulse import Pulse, read_pulse

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5.0  # for which a replica that failed is left alone
LOOK_SECONDS = 1.0  # for which what the primary said of itself is taken for its present

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Replica:
    """How the replica does. `behind`: blocks; None where it or the primary does not answer."""

    answers: bool
    behind: int | None


class ReadDatabase:
    """The primary, and a replica of it if there is one. For many threads."""

    def __init__(self, primary: Database, replica: Database | None = None) -> None:
        self._primary = primary
        self._replica = replica
        self._retry_at = 0.0  # monotonic; above 0 the replica did not answer when last asked
        self._lock = threading.Lock()
        self._looked_at = 0.0
        self._seen: Pulse | None = None  # of the primary

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read-only transaction. Raises DatabaseError where neither answers."""
        with ExitStack() as stack:
            connection = self._enter_replica(stack)
            yield connection or stack.enter_context(self._primary.read())

    def ask(self, question: Callable[[Connection], Answer]) -> Answer:
        """The answer to a question, from the primary where the replica fails meanwhile."""
        with ExitStack() as stack:
            connection = self._enter_replica(stack)
            if connection is not None:
                try:
                    return question(connection)
                except DBAPIError as error:
                    self.leave_replica(error)
        with self._primary.read() as connection:
            return question(connection)

    def leave_replica(self, error: Exception) -> None:
        """It failed: the primary is read for a while."""
        if not self._retry_at:
            logger.warning("The replica is left for the primary: %s", error)
        self._retry_at = time.monotonic() + RETRY_SECONDS

    def is_replica(self, connection: Connection) -> bool:
        return self._replica is not None and connection.engine.url == self._replica.url

    def has_newer(self, pulse: Pulse | None) -> bool:
        """Whether the primary is past a moment of the replica."""
        newest = self._look_at_primary()
        return newest is not None and (pulse is None or _moment(newest) != _moment(pulse))

    def behind(self, connection: Connection, pulse: Pulse | None) -> int:
        """Blocks by which what this connection sees is older than the primary a moment ago."""
        if pulse is None or not self.is_replica(connection):
            return 0
        with self._lock:
            if time.monotonic() - self._looked_at > LOOK_SECONDS:
                self._seen, self._looked_at = self._look_at_primary(), time.monotonic()
            seen = self._seen
        return 0 if seen is None else max(0, seen.tip_height - pulse.tip_height)

    def replica(self) -> Replica | None:
        """Asked now; None where there is none."""
        if self._replica is None:
            return None
        newest = self._look_at_primary()
        try:
            with self._replica.read() as connection:
                found = read_pulse(connection)
        except (DatabaseError, DBAPIError):
            return Replica(answers=False, behind=None)
        if newest is None:
            return Replica(answers=True, behind=None)
        height = -1 if found is None else found.tip_height
        return Replica(answers=True, behind=max(0, newest.tip_height - height))

    def _enter_replica(self, stack: ExitStack) -> Connection | None:
        """None where it is to be left alone, or does not answer."""
        if self._replica is None or time.monotonic() < self._retry_at:
            return None
        if self._retry_at:  # one tries again; the others need not wait for what it finds
            self._retry_at = time.monotonic() + RETRY_SECONDS
        try:
            connection = stack.enter_context(self._replica.read())
        except DatabaseError as error:
            self.leave_replica(error)
            return None
        if self._retry_at:
            logger.warning("The replica answers again")
            self._retry_at = 0.0
        return connection

    def _look_at_primary(self) -> Pulse | None:
        """None where it does not answer."""
        try:
            with self._primary.read() as connection:
                return read_pulse(connection)
        except (DatabaseError, DBAPIError):
            return None


def _moment(pulse: Pulse) -> tuple[int, int]:
    return pulse.chain_generation, pulse.mempool_generation
