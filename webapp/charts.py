"""Charts as shapes and words: what components/charts.html draws as SVG and lists as a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH = 1000
HEIGHT = 300
GRID_LINES = 4
BAR_GAP = 0.18  # of a bar's place
LEAST_DRAWN = 2  # points below which a line says nothing
TABLE_ROWS = 60  # a longer series is thinned out in its table


@dataclass(frozen=True, slots=True)
class Item:
    """One bar: what it is, how much, and which of the four colours."""

    label: str
    value: float
    series: int = 1


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    text: str
    series: int


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A line among words: no axes, its words stand beside it. Coordinates as in Drawing."""

    line: str
    area: str
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart ready to be drawn. Coordinates lie in width x height, y downwards."""

    title: str
    summary: str
    columns: tuple[str, str]
    rows: tuple[tuple[str, str], ...]
    x_labels: tuple[str, ...]
    y_labels: tuple[str, ...]
    bars: tuple[Bar, ...] = ()
    line: str = ""
    area: str = ""
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def grid(self) -> tuple[float, ...]:
        return tuple(HEIGHT * index / GRID_LINES for index in range(GRID_LINES + 1))


def bar_chart(
    title: str,
    items: Sequence[Item],
    *,
    columns: tuple[str, str],
    show: Callable[[float], str],
    x_labels: Sequence[str] = (),
) -> Drawing:
    """Bars from zero. `columns` names label and value, `show` writes a value for people.

    Under the chart stand `x_labels`, by default the first and the last item's.
    """
    top = _round_up(max((item.value for item in items), default=0))
    place = WIDTH / max(len(items), 1)
    bars = tuple(
        Bar(
            x=round(index * place + place * BAR_GAP / 2, 2),
            y=round(HEIGHT - HEIGHT * item.value / top, 2),
            width=round(place * (1 - BAR_GAP), 2),
            height=round(HEIGHT * item.value / top, 2),
            text=f"{item.label}: {show(item.value)}",
            series=item.series,
        )
        for index, item in enumerate(items)
    )
    pairs = [(item.label, item.value) for item in items]
    return _drawing(title, pairs, top, columns, show, x_labels, bars=bars)


def line_chart(
    title: str,
    points: Sequence[tuple[float, float]],
    *,
    columns: tuple[str, str],
    show: Callable[[float], str],
    show_x: Callable[[float], str],
    steps: bool = False,
) -> Drawing:
    """A line over its area from zero, through (x, y) in order of x.

    `steps`: a value holds until the next, as a balance does.
    """
    top = _round_up(max((y for _, y in points), default=0))
    line, area = _line(points, top, steps=steps)
    pairs = [(show_x(x), y) for x, y in points]
    return _drawing(title, pairs, top, columns, show, (), line=line, area=area)


def sparkline(points: Sequence[tuple[float, float]]) -> Sparkline | None:
    """A balance over time, from zero to its highest; None if there is nothing to see."""
    top = max((y for _, y in points), default=0)
    if len(points) < LEAST_DRAWN or top <= 0:
        return None
    return Sparkline(*_line(points, top, steps=True))


def _line(points: Sequence[tuple[float, float]], top: float, *, steps: bool) -> tuple[str, str]:
    """The paths of a line through the points and of the area below it."""
    first, last = (points[0][0], points[-1][0]) if points else (0.0, 1.0)
    span = (last - first) or 1
    placed = [
        (round(WIDTH * (x - first) / span, 2), round(HEIGHT - HEIGHT * y / top, 2))
        for x, y in points
    ]
    join = "H{0}V{1}" if steps else "L{0} {1}"
    line = "".join(
        (join if index else "M{0} {1}").format(x, y) for index, (x, y) in enumerate(placed)
    )
    return line, f"{line}V{HEIGHT}H{placed[0][0]}Z" if placed else ""


def _drawing(
    title: str,
    pairs: Sequence[tuple[str, float]],
    top: float,
    columns: tuple[str, str],
    show: Callable[[float], str],
    x_labels: Sequence[str],
    **shapes: object,
) -> Drawing:
    every = -(-len(pairs) // TABLE_ROWS) or 1
    labels = [label for label, _ in pairs]
    ends = (labels[0], labels[-1]) if labels else ()
    highest = max(pairs, key=lambda pair: pair[1], default=None)
    return Drawing(
        title=title,
        summary=f"{title}: {highest[0]}, {show(highest[1])}" if highest else title,
        columns=columns,
        rows=tuple((label, show(value)) for label, value in pairs[::every]),
        x_labels=tuple(x_labels) or ends,
        y_labels=(show(top), show(top / 2), show(0)),
        **shapes,  # type: ignore[arg-type]
    )


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5, 10 times a power of ten; 1 for zero."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= value)
