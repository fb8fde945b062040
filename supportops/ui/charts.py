"""Small charts as SVG, drawn on the server: no script, readable in the dark and on paper.

A chart is points in its own units; the template puts them on the page, with a table behind them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 74, 22, 14, 44
TICKS = 5

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """Points that belong together. `look` is `line`, `dashed` or `dots`; `sizes` are radii."""

    name: str
    points: Sequence[Point]
    look: str = "line"
    tone: str = "primary"
    sizes: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    radius: float


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
    percent_x: bool = True
    percent_y: bool = True
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
    def x_ticks(self) -> list[Tick]:
        return [Tick(self.x(v), _words(v, percent=self.percent_x)) for v in _steps(self.most_x)]

    @property
    def y_ticks(self) -> list[Tick]:
        return [Tick(self.y(v), _words(v, percent=self.percent_y)) for v in _steps(self.most_y)]

    @property
    def drawn(self) -> list[Drawn]:
        return [self._draw(one) for one in self.series if one.points]

    def x(self, value: float) -> float:
        return round(LEFT + min(value / self.most_x, 1.0) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        height = HEIGHT - TOP - BOTTOM
        return round(HEIGHT - BOTTOM - min(value / self.most_y, 1.0) * height, 1)

    def _draw(self, one: Series) -> Drawn:
        places = [(self.x(x), self.y(y)) for x, y in one.points]
        path = "M" + " L".join(f"{x} {y}" for x, y in places) if one.look != "dots" else ""
        sizes = one.sizes or [3.0] * len(places)
        dots = tuple(Dot(x, y, r) for (x, y), r in zip(places, sizes, strict=True))
        return Drawn(one.name, one.look, one.tone, path, dots if one.look == "dots" else ())


def _steps(most: float) -> list[float]:
    return [most * number / TICKS for number in range(TICKS + 1)]


def _words(value: float, *, percent: bool) -> str:
    if not percent:
        return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
    return f"{value:.0%}" if value == 0 or value >= 0.05 else f"{value:.1%}"
