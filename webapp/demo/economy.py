"""The demo's economy in one piece: its history is written once, then it goes on for ever."""

import threading

from webapp.demo import history
from webapp.demo.history import Progress
from webapp.demo.town import Town


class Economy(Town):
    """Members, coins and blocks of an embedded node's chain. One thread at a time."""

    def write_history(
        self,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
        now: int | None = None,
    ) -> None:
        """Write the past on an empty chain. `progress` is told blocks done and blocks in all."""
        history.write_history(self, progress, stop, now)

    def resume(self) -> None:
        """Learn from the node's chain and mempool who owns what."""
        self.ledger.follow()
