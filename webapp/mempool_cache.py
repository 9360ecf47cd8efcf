"""The mempool's figures, computed once for all readers while nothing changes."""

import time
from threading import Lock

from flask import current_app
from sqlalchemy import Connection

from indexer.queries.mempool import Mempool, mempool
from webapp.context import connection, network, pulse

EXTENSION = "satchel-mempool"
REST_FACTOR = 10  # a mempool that took long to compute is kept for ten times as long


class MempoolCache:
    """Holds the last result. Thread-safe: one thread computes, the others wait for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._key: tuple[int, int] | None = None
        self._until = 0.0
        self._value: Mempool | None = None

    def get(self, database: Connection, key: tuple[int, int]) -> Mempool:
        with self._lock:
            started = time.monotonic()
            if self._value is None or (key != self._key and started >= self._until):
                self._value = mempool(database, network())
                self._key = key
                done = time.monotonic()
                self._until = done + REST_FACTOR * (done - started)
            return self._value


def current_mempool() -> Mempool:
    """For views: the figures as of now, or of a few seconds ago where they are many."""
    cache: MempoolCache = current_app.extensions.setdefault(EXTENSION, MempoolCache())
    state = pulse()
    key = (state.chain_generation, state.mempool_generation) if state else (-1, -1)
    return cache.get(connection(), key)
