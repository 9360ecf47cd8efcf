"""Branch and bound: of some items, those whose sum lies in a range, at the least cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeAlias, TypeVar

MAX_STEPS = 50_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Item(Generic[T]):
    """Something that adds `gain` (positive) to the sum and `cost` (either sign) to the cost."""

    gain: int
    cost: int
    value: T


_Chain: TypeAlias = "tuple[Item[T], _Chain[T]] | None"


def _values(chain: "_Chain[T]") -> list[T]:
    values = []
    while chain is not None:
        values.append(chain[0].value)
        chain = chain[1]
    return values


def _next_different(items: Sequence[Item[T]]) -> list[int]:
    """For each item, where the run of those equal to it ends."""
    ends = [len(items)] * len(items)
    for index in range(len(items) - 2, -1, -1):
        here, after = items[index], items[index + 1]
        same = (here.gain, here.cost) == (after.gain, after.cost)
        ends[index] = ends[index + 1] if same else index + 1
    return ends


def search(
    items: Sequence[Item[T]], low: int, high: int, fits: Callable[[Sequence[T]], bool]
) -> list[T] | None:
    """Items with low <= sum of gains <= high that `fits` agrees to, or None if none were found.

    The cost to be low is that of the items plus what their sum has above `low`. It gives up
    after MAX_STEPS steps, with the best found until then.
    """
    items = sorted(items, key=lambda item: (-item.gain, item.cost))
    ends = _next_different(items)
    rest = [*accumulate((item.gain for item in reversed(items)), initial=0)][::-1]
    cheapest = [*accumulate((min(item.cost, 0) for item in reversed(items)), initial=0)][::-1]
    best: list[T] | None = None
    best_cost = 0
    branches: list[tuple[int, int, int, _Chain[T]]] = [(0, 0, 0, None)]
    for _ in range(MAX_STEPS):
        if not branches:
            break
        index, gain, cost, chain = branches.pop()
        if gain > high or gain + rest[index] < low:
            continue
        if best is not None and cost + cheapest[index] + max(0, gain - low) >= best_cost:
            continue
        whole = cost + gain - low
        if gain >= low and chain is not None and (best is None or whole < best_cost):
            found = _values(chain)
            if fits(found):
                best, best_cost = found, whole
        if index < len(items):
            item = items[index]
            # Items equal to one that is left out are left out too: the order does not matter.
            branches.append((ends[index], gain, cost, chain))
            branches.append((index + 1, gain + item.gain, cost + item.cost, (item, chain)))
    return best
