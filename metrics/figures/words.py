"""Figures in words, the same on every page. Pure: no Django."""

from collections.abc import Mapping
from typing import Any

from metrics.figures.figure import Unit

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def value_words(value: float | None, unit: str) -> str:
    """A value as people read it: `12.3%`, `2 h 5 min`, `1,204`."""
    if value is None:
        return "–"
    if unit == Unit.SHARE:
        return f"{value:.1%}"
    if unit == Unit.ERROR:
        return f"{value:.3f}"
    if unit == Unit.SECONDS:
        return span_words(value)
    if unit == Unit.MILLISECONDS:
        return f"{value:,.1f} ms"
    return f"{value:,.0f}"


def span_words(seconds: float) -> str:
    """A length of time in its two largest units."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < DAY:
        hours, rest = divmod(round(seconds / MINUTE), 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    days, rest = divmod(round(seconds / HOUR), 24)
    return f"{days} d {rest} h" if rest else f"{days} d"


def rows_words(figure: Mapping[str, Any], unit: str) -> str:
    """What a figure is made of."""
    if unit == Unit.COUNT:
        return ""
    return f"{figure['numerator']} of {figure['denominator']}"


def interval_words(figure: Mapping[str, Any], unit: str) -> str:
    """The 95 % interval; nothing where there is none."""
    low, high = figure["low"], figure["high"]
    if unit == Unit.COUNT or (low is None and high is None):
        return ""
    upper = value_words(high, unit) if high is not None else "unknown"
    return f"{value_words(low, unit)} to {upper}"


def doubt_words(figure: Mapping[str, Any], unit: str) -> str:
    """Why a figure should not be leaned on; nothing where it may be."""
    if figure["denominator"] == 0:
        return "nothing to count yet"
    if figure["value"] is None:
        return "too much is still open"
    return "" if figure["enough_data"] else "not enough data"
