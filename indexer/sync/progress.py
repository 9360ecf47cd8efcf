"""What somebody at a terminal sees of a long load: a bar with blocks/s, tx/s and the time left."""

import time

from tqdm import tqdm


class LoadBar:
    """Drawn on standard error, and only if that is a terminal."""

    def __init__(self, height: int, last_height: int, *, visible: bool) -> None:
        self._bar = tqdm(
            desc="Blocks",
            unit=" blocks",
            initial=height,
            total=last_height + 1,
            dynamic_ncols=True,
            disable=None if visible else True,
        )
        self._started = time.monotonic()
        self._transactions = 0

    def add(self, blocks: int, transactions: int) -> None:
        self._transactions += transactions
        seconds = time.monotonic() - self._started
        self._bar.set_postfix_str(f"{self._transactions / seconds:,.0f} tx/s", refresh=False)
        self._bar.update(blocks)

    def close(self) -> None:
        self._bar.close()


class BuildBar:
    """The same for the index build that ends a load."""

    def __init__(self, *, visible: bool) -> None:
        self._bar = tqdm(
            desc="Indexes",
            total=100,
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}",
            dynamic_ncols=True,
            disable=None if visible else True,
        )

    def show(self, done: float) -> None:
        self._bar.update(100 * done - self._bar.n)

    def close(self) -> None:
        self._bar.close()
