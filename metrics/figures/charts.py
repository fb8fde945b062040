"""Charts as plain geometry, which templates draw as SVG. Pure: no Django.

Drawn on the server: they need no script, print well, and take their colours from the page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log10

WIDTH, HEIGHT = 720.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 8.0, 10.0, 26.0
LABELS = 8


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float
    title: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of the grid, or a word beside an axis."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Stacked columns: what was answered automatically below, the rest above."""

    lower: Sequence[Rect]
    upper: Sequence[Rect]
    grid: Sequence[Mark]
    labels: Sequence[Mark]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    base: float = HEIGHT - BOTTOM


def columns(rows: Sequence[tuple[str, int, int]]) -> Columns:
    """Columns of (label, part, whole), where the part is never more than the whole."""
    most = nice(max((whole for _, _, whole in rows), default=0))
    base, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    step = (WIDTH - LEFT - RIGHT) / max(1, len(rows))
    width = min(step * 0.75, 40.0)
    lower, upper = [], []
    for place, (label, part, whole) in enumerate(rows):
        x = LEFT + step * place + (step - width) / 2
        high, all_ = room * part / most, room * whole / most
        title = f"{label}: {part} of {whole}"
        lower.append(_rounded(x, base - high, width, high, title))
        upper.append(_rounded(x, base - all_, width, all_ - high, title))
    every = max(1, ceil(len(rows) / LABELS))
    return Columns(
        lower,
        upper,
        grid=[Mark(round(base - room * n / 4, 1), _short(most * n / 4)) for n in range(5)],
        labels=[
            Mark(round(LEFT + step * (place + 0.5), 1), rows[place][0])
            for place in range(0, len(rows), every)
        ],
    )


def _rounded(x: float, y: float, width: float, height: float, title: str) -> Rect:
    return Rect(round(x, 1), round(y, 1), round(width, 1), round(height, 1), title)


def nice(most: float) -> float:
    """The next number with one digit that four lines divide into whole ones."""
    if most <= 4:
        return 4.0
    size = 10 ** int(log10(most))
    return float(next(n * size for n in (1, 2, 4, 8, 10, 20) if n * size >= most))


def _short(number: float) -> str:
    return f"{number:g}"


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float
    radius: float
    title: str


SQUARE = 240.0


@dataclass(frozen=True, slots=True)
class Reliability:
    """Stated confidence against what came true; a perfect model lies on the diagonal."""

    points: Sequence[Point]
    size: float = SQUARE
    edge: float = 34.0


def reliability(rows: Sequence[tuple[float, int, int]]) -> Reliability:
    """Points of (stated confidence, right, rows)."""
    edge = 34.0
    room = SQUARE - edge - 8
    most = max((number for _, _, number in rows), default=1)
    return Reliability(
        [
            Point(
                round(edge + room * stated, 1),
                round(8 + room * (1 - right / number), 1),
                round(3 + 7 * (number / most) ** 0.5, 1),
                f"stated {stated:.0%}, right {right} of {number}",
            )
            for stated, right, number in rows
        ]
    )
