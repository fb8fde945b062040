"""What was counted, as rows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Sum

from metrics.figures.history import COUNTED
from metrics.models import DueTally, Judged, Series, Span, Tally
from metrics.rollup.pack import PACKED, Counted

DAY = timedelta(days=1)
JUDGED_FIELDS = (
    "ticket_id",
    "requester_id",
    "u",
    "rate",
    "due_at",
    "automated",
    "confidence",
    "wrong",
    "right",
)
# What an hour comes to, in a form that can be compared.
Content = tuple[Any, ...]


def store(found: Mapping[datetime, Counted]) -> list[datetime]:
    """Put these hours in place of what stands there; which of them changed."""
    changed = differing(found)
    for model, field in _HELD:
        rows = model.objects.filter(**{f"{field}__in": changed})
        if model in (Tally, Series):
            rows = rows.filter(span=Span.HOUR)
        rows.delete()
    new = {hour: found[hour] for hour in changed}
    Tally.objects.bulk_create(
        Tally(span=Span.HOUR, start=hour, dimension=dimension, key=key, **sums)
        for hour, one in new.items()
        for (dimension, key), sums in one.sums.items()
    )
    Series.objects.bulk_create(
        Series(span=Span.HOUR, start=hour, kind=kind, data=numbers.tobytes())
        for hour, one in new.items()
        for kind, numbers in one.series.items()
    )
    Judged.objects.bulk_create(
        Judged(hour=hour, **{name: getattr(judgement, name) for name in JUDGED_FIELDS})
        for hour, one in new.items()
        for judgement in one.judgements
    )
    DueTally.objects.bulk_create(
        DueTally(hour=hour, due=due, kind=kind, settled=settled, breached=breached)
        for hour, one in new.items()
        for (kind, due), (settled, breached) in one.due.items()
    )
    return changed


_HELD: tuple[tuple[Any, str], ...] = (
    (Tally, "start"),
    (Series, "start"),
    (Judged, "hour"),
    (DueTally, "hour"),
)


def differing(found: Mapping[datetime, Counted]) -> list[datetime]:
    """Which of these hours are stored otherwise."""
    there = _stored(list(found))
    return [hour for hour, one in found.items() if _content(one) != there[hour]]


def _content(one: Counted) -> Content:
    return (
        {key: dict(sums) for key, sums in one.sums.items()},
        {kind: numbers.tobytes() for kind, numbers in one.series.items()},
        sorted(tuple(getattr(j, name) for name in JUDGED_FIELDS) for j in one.judgements),
        dict(one.due),
    )


def _stored(hours: list[datetime]) -> Mapping[datetime, Content]:
    there: dict[datetime, Content] = defaultdict(lambda: ({}, {}, [], {}))
    sums = Tally.objects.filter(span=Span.HOUR, start__in=hours)
    for start, dimension, key, *numbers in sums.values_list("start", "dimension", "key", *COUNTED):
        held = {name: n for name, n in zip(COUNTED, numbers, strict=True) if n}
        there[start][0][dimension, key] = held
    series = Series.objects.filter(span=Span.HOUR, start__in=hours)
    for start, kind, data in series.values_list("start", "kind", "data"):
        there[start][1][kind] = bytes(data)
    judged = Judged.objects.filter(hour__in=hours).order_by("ticket_id")
    for hour, *row in judged.values_list("hour", *JUDGED_FIELDS):
        there[hour][2].append(tuple(row))
    due = DueTally.objects.filter(hour__in=hours)
    for hour, kind, at, settled, breached in due.values_list(
        "hour", "kind", "due", "settled", "breached"
    ):
        there[hour][3][kind, at] = (settled, breached)
    return there


def store_days(days: Iterable[datetime]) -> None:
    """Sum up the hours of these days, which are all counted."""
    for day in sorted(days):
        within = {"span": Span.HOUR, "start__gte": day, "start__lt": day + DAY}
        Tally.objects.filter(span=Span.DAY, start=day).delete()
        Series.objects.filter(span=Span.DAY, start=day).delete()
        rows = (
            Tally.objects.filter(**within)
            .values_list("dimension", "key")
            .annotate(**{f"sum_{name}": Sum(name) for name in COUNTED})
            .order_by()
        )
        Tally.objects.bulk_create(
            Tally(
                span=Span.DAY,
                start=day,
                dimension=dimension,
                key=key,
                **dict(zip(COUNTED, numbers, strict=True)),
            )
            for dimension, key, *numbers in rows
        )
        packed: dict[str, list[bytes]] = defaultdict(list)
        series = Series.objects.filter(**within).order_by("start")
        for kind, data in series.values_list("kind", "data"):
            packed[kind].append(bytes(data))
        Series.objects.bulk_create(
            Series(span=Span.DAY, start=day, kind=kind, data=b"".join(parts))
            for kind, parts in packed.items()
        )


def unpacked(data: Any) -> np.ndarray:
    """The numbers of a row of `Series`."""
    return np.frombuffer(bytes(data), PACKED)
