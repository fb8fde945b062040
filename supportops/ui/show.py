"""Words and marks that the pages of the console share."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

MINUTE, HOUR, DAY, WEEK = 60, 3_600, 86_400, 604_800

STATUS_TONES = {
    "received": "warning",
    "open": "primary",
    "waiting": "plain",
    "answered": "info",
    "resolved": "success",
    "closed": "plain",
    "spam": "plain",
    "merged": "plain",
}
PRIORITY_TONES = {"high": "warning", "urgent": "danger"}
OUTCOME_TONES = {"auto_resolve": "success", "escalate": "plain"}
OUTCOME_WORDS = {"auto_resolve": "Answered automatically", "escalate": "Handed to a person"}
LEVEL_TONES = {"off": "plain", "suggest": "info", "shadow": "warning", "auto": "success"}


def age_words(when: datetime, now: datetime) -> str:
    """How long ago, short enough for a column: `4 min`, `3 h`, `6 d`, `11 w`."""
    seconds = max((now - when).total_seconds(), 0)
    if seconds < MINUTE:
        return "now"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min"
    if seconds < 2 * DAY:
        return f"{int(seconds // HOUR)} h"
    if seconds < 5 * WEEK:
        return f"{int(seconds // DAY)} d"
    return f"{int(seconds // WEEK)} w"


def exactly(when: datetime) -> str:
    """The exact local time, as shown on hover."""
    return f"{timezone.localtime(when):%a %d %b %Y, %H:%M:%S %Z}"


def ago(when: datetime | None, past: str = "") -> str | SafeString:
    """Relative time with the exact one on hover. `past` follows it: `4 min ago`."""
    if when is None:
        return "–"
    words = age_words(when, timezone.now())
    if past and words != "now":
        words = f"{words} {past}"
    return format_html(
        '<time datetime="{}" title="{}" class="so-time">{}</time>',
        when.isoformat(timespec="seconds"),
        exactly(when),
        "just now" if past and words == "now" else words,
    )


def clock(when: datetime | None) -> str | SafeString:
    """Local date and time, with the seconds on hover."""
    if when is None:
        return "–"
    local = timezone.localtime(when)
    year = "" if local.year == timezone.localtime().year else " %Y"
    return format_html(
        '<time datetime="{}" title="{}" class="so-time">{}</time>',
        when.isoformat(timespec="seconds"),
        exactly(when),
        local.strftime(f"%d %b{year}, %H:%M"),
    )


def percent(value: float | None, places: int = 0) -> str:
    """A share as percent. None is a dash, never a zero."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    return f"{value:.{places}%}"


def doubt(delta: float) -> str:
    """The confidence that a doubt leaves, as percent: 0.05 is 95%."""
    return f"{(1 - delta) * 100:.2f}".rstrip("0").rstrip(".") + "%"


def half(value: int) -> int:
    return value // 2


def unlocal(value: float) -> str:
    """A coordinate for SVG, with a point in every language."""
    return f"{value:.1f}"


def number(value: Any, places: int = 3) -> str:
    """A number without trailing zeros."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else str(value)
    return f"{value:.{places}f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def spoken(code: Any) -> str:
    """A code as words: `order_status` becomes `Order status`."""
    words = str(code or "").replace("_", " ").replace("-", " ")
    return words[:1].upper() + words[1:]


def person(user: Any) -> str:
    """How a colleague is called."""
    if user is None:
        return "nobody"
    return user.get_full_name() or user.get_username()


def pill(words: str, tone: str = "plain") -> SafeString:
    """A small coloured mark."""
    return format_html('<span class="so-pill so-{}">{}</span>', tone, words)


def status_pill(status: str) -> SafeString:
    return pill(spoken(status), STATUS_TONES.get(status, "plain"))


def priority_pill(priority: str) -> SafeString:
    """Only what stands out is coloured: most tickets are of normal priority."""
    tone = PRIORITY_TONES.get(priority)
    if tone is None:
        return format_html('<span class="so-faint">{}</span>', spoken(priority))
    return pill(spoken(priority), tone)


def outcome_pill(outcome: str | None) -> str | SafeString:
    if not outcome:
        return "–"
    return pill(OUTCOME_WORDS.get(outcome, spoken(outcome)), OUTCOME_TONES.get(outcome, "plain"))


def level_pill(level: str) -> SafeString:
    return pill(spoken(level), LEVEL_TONES.get(level, "plain"))
