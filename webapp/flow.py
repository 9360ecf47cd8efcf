"""The flow diagram of a transaction: bands as wide as the amounts they carry, drawn as SVG paths.

Only geometry: which band is what, and its words, are the caller's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 1000
WAIST_LEFT, WAIST_RIGHT = 494, 506
WAIST_HEIGHT = 96
THINNEST = 2.0
GAP = 12.0  # at least, between bands at the edges
LEAST_HEIGHT = 150


@dataclass(frozen=True, slots=True)
class Strand:
    """One amount that flows in or out; `value` None where it is not known."""

    kind: str
    label: str
    value: int | None
    target: str | None = None  # where a click leads


@dataclass(frozen=True, slots=True)
class Band:
    """A strand and the outline of its band."""

    strand: Strand
    path: str


@dataclass(frozen=True, slots=True)
class Flow:
    """A drawing of WIDTH x `height` units."""

    height: int
    left: tuple[Band, ...]
    right: tuple[Band, ...]
    waist: tuple[int, float, int, float]  # x, y, width, height
    width: int = WIDTH


def draw_flow(left: Sequence[Strand], right: Sequence[Strand]) -> Flow:
    """Bands from the left edge to the waist, and from it to the right edge."""
    total = max(_known(left), _known(right), 1)
    sides = [[_thickness(strand, total) for strand in side] for side in (left, right)]
    spread = max(sum(side) + GAP * len(side) for side in sides)
    height = round(max(LEAST_HEIGHT, spread))
    waist = max(THINNEST, *(sum(side) for side in sides))
    top = (height - waist) / 2
    return Flow(
        height=height,
        left=_bands(left, sides[0], height, (0, WAIST_LEFT)),
        right=_bands(right, sides[1], height, (WIDTH, WAIST_RIGHT)),
        waist=(WAIST_LEFT, round(top, 2), WAIST_RIGHT - WAIST_LEFT, round(waist, 2)),
    )


def _known(strands: Sequence[Strand]) -> int:
    return sum(strand.value or 0 for strand in strands)


def _thickness(strand: Strand, total: int) -> float:
    return max(THINNEST, (strand.value or 0) / total * WAIST_HEIGHT)


def _bands(
    strands: Sequence[Strand], thicknesses: Sequence[float], height: int, ends: tuple[int, int]
) -> tuple[Band, ...]:
    together = sum(thicknesses)
    gap = (height - together) / max(len(strands), 1)
    outer = gap / 2
    inner = (height - together) / 2
    bands = []
    for strand, thickness in zip(strands, thicknesses, strict=True):
        bands.append(Band(strand, _outline(ends, outer, inner, thickness)))
        outer += thickness + gap
        inner += thickness
    return tuple(bands)


def _outline(ends: tuple[int, int], outer: float, inner: float, thickness: float) -> str:
    edge, waist = ends
    bend = (edge + waist) / 2
    return (
        f"M{edge} {outer:.1f}"
        f"C{bend:.0f} {outer:.1f} {bend:.0f} {inner:.1f} {waist} {inner:.1f}"
        f"V{inner + thickness:.1f}"
        f"C{bend:.0f} {inner + thickness:.1f} {bend:.0f} {outer + thickness:.1f} "
        f"{edge} {outer + thickness:.1f}Z"
    )
