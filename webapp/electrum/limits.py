"""What one connection may ask of the server, so that nobody asks at the others' expense."""

import time
from dataclasses import dataclass

MAX_HISTORY = 200_000  # transactions or coins of one answer: about 20 MB
MAX_HEADERS = 2016


@dataclass(frozen=True, slots=True)
class Limits:
    """Of each connection, unless said otherwise.

    A request costs 1, and 1 more for each millisecond of work and each 10,000 bytes of answer.
    """

    request_bytes: int = 1_000_000
    batch_requests: int = 2_000
    answer_bytes: int = 32_000_000  # to one request or one batch
    subscriptions: int = 20_000
    cost_per_second: float = 500
    cost_at_once: float = 10_000
    greeting_seconds: float = 30  # until the first request
    idle_seconds: float = 600  # until the next
    sending_seconds: float = 60  # until the client has read an answer
    unread_bytes: int = 8_000_000  # of notifications that the client does not read
    connections: int = 5_000  # of the whole server
    connections_per_address: int = 200  # but for this machine's, where proxies run
    watched_scripts: int = 500_000  # of the whole server


class Budget:
    """Costs are paid from what time brings in. Who overdraws it waits, and loses nothing."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = limits.cost_at_once
        self._at = time.monotonic()

    def spend(self, cost: float) -> float:
        """The seconds to wait before the next request is read."""
        now = time.monotonic()
        earned = (now - self._at) * self._limits.cost_per_second
        self._left = min(self._limits.cost_at_once, self._left + earned) - cost
        self._at = now
        return max(0.0, -self._left / self._limits.cost_per_second)
