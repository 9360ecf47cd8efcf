"""The live watcher: one thread per web process looks at the state row and tells all readers."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import replace

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from indexer.database import DatabaseError
from indexer.queries.pulse import Pulse, read_pulse
from indexer.queries.watch import look_at_scripts, look_at_transactions
from indexer.replica import ReadDatabase
from webapp.topics import CHAIN_KINDS, Moment, due_topics, wallet_topic, watched_wallets

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
LOADING_POLL_SECONDS = 3.0  # blocks fly past: nobody reads that fast
MEMPOOL_GAP_SECONDS = 2.0

Looks = dict[str, Hashable]  # named topic -> how what it names looks
LookAtWallets = Callable[[Connection, Pulse, Collection[int]], dict[int, Hashable]]


class TooManyReadersError(Exception):
    """No more streams: the reader is to poll instead."""


class Subscription:
    """One reader's open stream. What it has not fetched yet is a set: it cannot grow."""

    def __init__(
        self,
        hub: "LiveHub",
        topics: frozenset[str],
        client: str | None,
        is_gone: Callable[[], bool],
    ) -> None:
        self.topics = topics
        self.client = client
        self.is_gone = is_gone
        self.closed = False
        self._hub = hub
        self._pending: set[str] = set()
        self._unseen: frozenset[str] = frozenset()  # of the topics: the hub has not looked at them

    def watch(self, topics: frozenset[str]) -> None:
        """Watch other topics from now on. Each new named one is told once when the hub has looked
        at it: whatever happens after that is told, what happened before the reader can read."""
        with self._hub.changed:
            named = {topic for topic in topics if ":" in topic}
            self._unseen = (self._unseen & topics) | (named - self.topics)
            self.topics = topics

    def take_seen(self, looked_at: Collection[str]) -> frozenset[str]:
        """With the hub's lock held: new topics that the hub has looked at now."""
        seen = self._unseen.intersection(looked_at)
        self._unseen -= seen
        return seen

    def add(self, topics: Iterable[str]) -> None:
        """With the hub's lock held."""
        self._pending |= self.topics.intersection(topics)

    @property
    def has_news(self) -> bool:
        """With the hub's lock held."""
        return bool(self._pending)

    def wait(self, timeout: float) -> tuple[frozenset[str], Moment] | None:
        """The topics that moved, none after `timeout` seconds; None once it is closed."""
        with self._hub.changed:
            self._hub.changed.wait_for(lambda: self._pending or self._is_over(), timeout)
            if self._is_over():
                return None
            moved = frozenset(self._pending)
            self._pending.clear()
            return moved, self._hub.moment

    def close(self) -> None:
        self._hub.unsubscribe(self)

    def _is_over(self) -> bool:
        return self.closed or self._hub.closed


class LiveHub:
    """Watches one database while anybody listens."""

    def __init__(
        self,
        database: ReadDatabase,
        *,
        max_readers: int,
        max_per_client: int,
        look_at_wallets: LookAtWallets,
    ) -> None:
        self.database = database
        self._look_at_wallets = look_at_wallets
        self.max_readers = max_readers
        self.max_per_client = max_per_client
        self.changed = threading.Condition()
        self.closed = False
        self.moment = Moment()
        self._readers: set[Subscription] = set()
        self._thread: threading.Thread | None = None
        self._looks: Looks = {}
        self._mempool_told_at = 0.0

    def subscribe(
        self,
        topics: frozenset[str],
        client: str | None,
        since: str,
        is_gone: Callable[[], bool] = lambda: False,
    ) -> Subscription:
        """Open a stream. What moved after the moment `since` is told at once.

        `client` is counted; None stands for a part of the server itself. `is_gone` says whether
        the reader has left. Raises TooManyReadersError.
        """
        current = self.look()
        with self.changed:
            self._end_streams_of_the_gone()
            of_client = sum(reader.client == client for reader in self._readers)
            full = len(self._readers) >= self.max_readers or of_client >= self.max_per_client
            if full and client is not None:
                raise TooManyReadersError
            subscription = Subscription(self, topics, client, is_gone)
            if self._thread is None:
                self.moment = current
                self._thread = threading.Thread(target=self._watch, name="live", daemon=True)
                self._thread.start()
            subscription.add(due_topics(topics, self.moment.changes_since(since)))
            self._readers.add(subscription)
            self.changed.notify_all()
            return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        with self.changed:
            self._readers.discard(subscription)

    def _end_streams_of_the_gone(self) -> None:
        """With the lock held. Who walks from page to page leaves a stream behind at each.

        Without this one of them would count, and hold a thread, until two keepalives have failed.
        """
        for reader in [reader for reader in self._readers if reader.is_gone()]:
            reader.closed = True
            self._readers.discard(reader)

    def look(self) -> Moment:
        """The present moment, read from the database."""
        with self.database.read() as connection:
            return Moment.of(read_pulse(connection))

    def close(self) -> None:
        """End all streams and the watcher."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    @property
    def reader_count(self) -> int:
        return len(self._readers)

    def _watch(self) -> None:
        pause = POLL_SECONDS
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.closed, pause)
                self.changed.wait_for(lambda: self.closed or self._readers)
                if self.closed:
                    return
                topics = frozenset().union(*(reader.topics for reader in self._readers))
            try:
                pause = self._round(topics)
            except (OperationalError, DatabaseError) as error:
                logger.warning("the live watcher cannot read the index: %s", error)
                pause = LOADING_POLL_SECONDS

    def _round(self, topics: frozenset[str]) -> float:
        """Look once and tell what moved; the seconds to wait until the next look."""
        with self.database.read() as connection:
            pulse = read_pulse(connection)
            loading = pulse is not None and pulse.loading
            moment = self._without_haste(Moment.of(pulse))
            moved = moment.changes_since(str(self.moment))
            named = {topic for topic in topics if ":" in topic}
            looks = self._looks
            if moved & CHAIN_KINDS or named - looks.keys():
                looks = _look(connection, named, loading=loading)
                if pulse is not None and (wallets := watched_wallets(named)):
                    seen = self._look_at_wallets(connection, pulse, wallets)
                    looks |= {wallet_topic(each): look for each, look in seen.items()}
        # Of a topic that is new here nobody knows how it looked: a movement may concern it.
        fresh = looks.keys() - self._looks.keys() if moved & CHAIN_KINDS else set()
        altered = fresh | {
            topic for topic, seen in self._looks.items() if looks.get(topic, seen) != seen
        }
        with self.changed:
            self.moment, self._looks = moment, looks
            for reader in self._readers:
                reader.add(moved | altered | reader.take_seen(looks.keys()))
            # Waking a hundred threads twice a second for nothing would be most of our idle work.
            if any(reader.has_news for reader in self._readers):
                self.changed.notify_all()
        return LOADING_POLL_SECONDS if loading else POLL_SECONDS

    def _without_haste(self, moment: Moment) -> Moment:
        """The moment without the mempool's latest changes if others were told just now."""
        if moment.mempool == self.moment.mempool:
            return moment
        now = time.monotonic()
        if now - self._mempool_told_at < MEMPOOL_GAP_SECONDS and moment.chain == self.moment.chain:
            return replace(moment, mempool=self.moment.mempool)
        self._mempool_told_at = now
        return moment


def _look(connection: Connection, topics: Iterable[str], *, loading: bool) -> Looks:
    names: dict[str, dict[bytes, str]] = {"tx": {}, "address": {}}
    for topic in topics:
        kind, _, name = topic.partition(":")
        if kind not in names:
            continue  # wallets are looked at by themselves
        names[kind][bytes.fromhex(name)[::-1]] = topic
    looks: Looks = {}
    for kind, look in (("tx", look_at_transactions), ("address", look_at_scripts)):
        if names[kind]:
            seen = look(connection, names[kind], loading=loading)
            looks |= {names[kind][key]: value for key, value in seen.items()}
    return looks
