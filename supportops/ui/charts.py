"""Charts as plain geometry, which templates draw as SVG. Pure: no Django.

Drawn on the server: they need no script, print well, and take their colours from the page. A chart
is points in its own units; here they get their places on the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, log10

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """Places on the page, from `start` to `end`, for values from `low` to `high`.

    What lies beyond `high` stands at the end. With `logarithmic`, equal factors are equally far.
    """

    start: float
    end: float
    high: float
    low: float = 0.0
    logarithmic: bool = False

    def place(self, value: float) -> float:
        return round(self.start + min(self._share(value), 1.0) * (self.end - self.start), 1)

    def _share(self, value: float) -> float:
        if self.logarithmic:
            low = log10(self.low)
            return (log10(value) - low) / (log10(self.high) - low)
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid, or a word beside an axis."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    radius: float
    title: str = ""


def radius(rows: int, most: int) -> float:
    """Of a dot that stands for so many rows: its area grows with them."""
    return round(3 + 7 * (rows / most) ** 0.5, 1)


def share_words(value: float) -> str:
    """A share beside an axis: small ones keep a decimal."""
    return f"{value:.0%}" if value == 0 or value >= 0.05 else f"{value:.1%}"


# --- Lines and dots over shares -------------------------------------------------------------------

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 74, 22, 14, 44
TICKS = 5


@dataclass(frozen=True, slots=True)
class Series:
    """Points that belong together. `look` is `line`, `dashed` or `dots`; `sizes` are radii."""

    name: str
    points: Sequence[Point]
    look: str = "line"
    tone: str = "primary"
    sizes: Sequence[float] = ()


AS_STATED = Series("as stated", [(0.0, 0.0), (1.0, 1.0)], look="dashed", tone="plain")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A series in the units of the page."""

    name: str
    look: str
    tone: str
    path: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Axes from 0 to `most_x` and `most_y`. `headings` and `rows` are the table behind it."""

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    most_x: float = 1.0
    most_y: float = 1.0
    headings: Sequence[str] = field(default_factory=tuple)
    rows: Sequence[Sequence[str]] = field(default_factory=tuple)

    @property
    def box(self) -> str:
        return f"0 0 {WIDTH} {HEIGHT}"

    @property
    def frame(self) -> dict[str, float]:
        """The corners of the drawing."""
        return {"left": LEFT, "right": WIDTH - RIGHT, "top": TOP, "bottom": HEIGHT - BOTTOM}

    @property
    def middle(self) -> dict[str, float]:
        return {"x": (LEFT + WIDTH - RIGHT) / 2, "y": (TOP + HEIGHT - BOTTOM) / 2}

    @property
    def x_axis(self) -> Axis:
        return Axis(LEFT, WIDTH - RIGHT, self.most_x)

    @property
    def y_axis(self) -> Axis:
        return Axis(HEIGHT - BOTTOM, TOP, self.most_y)

    @property
    def x_ticks(self) -> list[Tick]:
        return _ticks(self.x_axis)

    @property
    def y_ticks(self) -> list[Tick]:
        return _ticks(self.y_axis)

    @property
    def drawn(self) -> list[Drawn]:
        return [self._draw(one) for one in self.series if one.points]

    def _draw(self, one: Series) -> Drawn:
        x, y = self.x_axis, self.y_axis
        places = [(x.place(at), y.place(value)) for at, value in one.points]
        if one.look != "dots":
            path = "M" + " L".join(f"{across} {up}" for across, up in places)
            return Drawn(one.name, one.look, one.tone, path, ())
        sizes = one.sizes or [3.0] * len(places)
        dots = tuple(Dot(*place, size) for place, size in zip(places, sizes, strict=True))
        return Drawn(one.name, one.look, one.tone, "", dots)


def _ticks(axis: Axis) -> list[Tick]:
    values = [axis.high * number / TICKS for number in range(TICKS + 1)]
    return [Tick(axis.place(value), share_words(value)) for value in values]


# --- Lines over two logarithmic axes --------------------------------------------------------------

LOG_ACROSS, LOG_UP = (58, 624), (220, 14)  # from, to


@dataclass(frozen=True, slots=True)
class LogLines:
    """Lines over shares, both axes logarithmic. `lines` are the points of polylines."""

    lines: tuple[str, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    width: int = 640
    height: int = 260


def log_lines(shares: Sequence[float], lines: Sequence[Sequence[float]]) -> LogLines:
    """Each line has a number for each share; what is below one is drawn as one."""
    numbers = [max(1.0, number) for line in lines for number in line]
    low, high = int(log10(min(numbers))), int(log10(max(numbers))) + 1
    x = Axis(*LOG_ACROSS, shares[-1], low=shares[0], logarithmic=True)
    y = Axis(*LOG_UP, 10.0**high, low=10.0**low, logarithmic=True)

    def points(line: Sequence[float]) -> str:
        places = zip(shares, line, strict=True)
        return " ".join(f"{x.place(s)},{y.place(max(1.0, number))}" for s, number in places)

    return LogLines(
        tuple(points(line) for line in lines),
        across=tuple(Tick(x.place(s), f"{s:.0%}" if s >= 0.1 else f"{s:.1%}") for s in shares),
        up=tuple(Tick(y.place(10**n), _short(10**n)) for n in range(low, high + 1)),
    )


def _short(number: int) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number // size}{letter}"
    return str(number)


# --- Stacked columns ------------------------------------------------------------------------------

LABELS = 8


COLUMNS_WIDTH, COLUMNS_HEIGHT = 720.0, 220.0
COLUMNS_LEFT, COLUMNS_RIGHT, COLUMNS_TOP, COLUMNS_BASE = 44.0, 712.0, 10.0, 194.0
WIDEST = 40.0


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    title: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Stacked columns: what was answered automatically below, the rest above."""

    lower: Sequence[Bar]
    upper: Sequence[Bar]
    grid: Sequence[Tick]
    labels: Sequence[Tick]
    width: float = COLUMNS_WIDTH
    height: float = COLUMNS_HEIGHT
    left: float = COLUMNS_LEFT
    right: float = COLUMNS_RIGHT


def columns(rows: Sequence[tuple[str, int, int]]) -> Columns:
    """Columns of (label, part, whole), where the part is never more than the whole."""
    most = nice(max((whole for _, _, whole in rows), default=0))
    axis = Axis(COLUMNS_BASE, COLUMNS_TOP, most)
    step = (COLUMNS_RIGHT - COLUMNS_LEFT) / max(1, len(rows))
    bars = [_stacked(row, COLUMNS_LEFT + step * n, step, most) for n, row in enumerate(rows)]
    return Columns(
        lower=[lower for lower, _ in bars],
        upper=[upper for _, upper in bars],
        grid=[Tick(axis.place(most * n / 4), f"{most * n / 4:g}") for n in range(5)],
        labels=[
            Tick(round(COLUMNS_LEFT + step * (n + 0.5), 1), rows[n][0])
            for n in range(0, len(rows), max(1, ceil(len(rows) / LABELS)))
        ],
    )


def _stacked(row: tuple[str, int, int], left: float, step: float, most: float) -> tuple[Bar, Bar]:
    label, part, whole = row
    width, room = min(step * 0.75, WIDEST), COLUMNS_BASE - COLUMNS_TOP
    x, low, high = left + (step - width) / 2, room * part / most, room * whole / most
    title = f"{label}: {part} of {whole}"
    return (
        _bar(x, COLUMNS_BASE - low, width, low, title),
        _bar(x, COLUMNS_BASE - high, width, high - low, title),
    )


def _bar(x: float, y: float, width: float, height: float, title: str) -> Bar:
    return Bar(round(x, 1), round(y, 1), round(width, 1), round(height, 1), title)


def nice(most: float) -> float:
    """The next number with one digit that four lines divide into whole ones."""
    if most <= 4:
        return 4.0
    size = 10 ** int(log10(most))
    return float(next(n * size for n in (1, 2, 4, 8, 10, 20) if n * size >= most))


# --- A square of stated and true shares -----------------------------------------------------------

SQUARE, EDGE, MARGIN = 240.0, 34.0, 8.0


@dataclass(frozen=True, slots=True)
class Square:
    """Stated confidence against what came true; a perfect model lies on the diagonal."""

    points: Sequence[Dot]
    size: float = SQUARE


def square(rows: Sequence[tuple[float, int, int]]) -> Square:
    """Dots of (stated confidence, right, rows)."""
    x, y = Axis(EDGE, SQUARE - MARGIN, 1.0), Axis(SQUARE - EDGE, MARGIN, 1.0)
    most = max((number for _, _, number in rows), default=1)
    return Square(
        [
            Dot(
                x.place(stated),
                y.place(right / number),
                radius(number, most),
                f"stated {stated:.0%}, right {right} of {number}",
            )
            for stated, right, number in rows
        ]
    )
