"""The balance of a script over time, as a stepped line."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640, 160


@dataclass(frozen=True, slots=True)
class Change:
    """The balance from a moment on. Seconds since 1970, smallest unit."""

    time: int
    balance: int


@dataclass(frozen=True, slots=True)
class BalanceChart:
    """Paths within WIDTH x HEIGHT; the vertical axis starts at 0."""

    line: str
    area: str
    start: int
    end: int
    highest: int
    width: int = WIDTH
    height: int = HEIGHT


def draw_balance(changes: Sequence[Change], now: int) -> BalanceChart | None:
    """`changes` oldest first; None if there is nothing to draw a line between."""
    if not changes:
        return None
    start, end = changes[0].time, max(now, changes[-1].time)
    highest = max(change.balance for change in changes)
    if start == end or highest <= 0:
        return None
    corners: list[str] = []
    level = HEIGHT
    for change in changes:
        # Block times may run backwards a little; a line does not.
        x = round(max(0, change.time - start) / (end - start) * WIDTH)
        y = round(HEIGHT - change.balance / highest * HEIGHT)
        corners.append(f"M{x} {y}" if not corners else f"H{x}V{y}" if y != level else f"H{x}")
        level = y
    line = f"{''.join(corners)}H{WIDTH}"
    return BalanceChart(line, f"{line}V{HEIGHT}H0Z", start, end, highest)
