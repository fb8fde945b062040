"""This week against the sample of the certificate in force: what drift is looked for in."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Count, F, IntegerField, QuerySet
from django.db.models.functions import Cast, Floor, TruncDate

from classification import services as classification
from classification.models import Prediction
from decisions.certificates import validity
from decisions.certificates.terms import LIFE
from metrics.drift import drift
from metrics.drift.drift import Drift
from metrics.models import DriftLook
from tickets.codes import CertificateKind
from tickets.promises.calendars import default_hours

DAY = timedelta(days=1)
WEEK = 7 * DAY
SAMPLE = LIFE  # before a live certificate: the tickets from which its rows were drawn
FIRST_WEEKS = timedelta(days=28)  # after any other, whose rows no customer ever wrote
SERIES = ("intents", "confidence", "abstention")
LOOKS_A_YEAR = 365 * len(SERIES)
BINS = 10
KEPT = 12  # of the largest changes

Days = dict[date, Counter[str]]


@dataclass(frozen=True, slots=True)
class Sample:
    """Which days the week is compared with, and why these."""

    classifier: str
    reference: str  # "sample" or "first_weeks"
    since: date
    until: date


def look(now: datetime) -> int:
    """Compare the last seven whole days, once a day; how many series were looked at."""
    zone = _zone(now)
    today = now.astimezone(zone).date()
    if DriftLook.objects.filter(day=today).exists():
        return 0
    sample = sample_for(today, zone, now)
    if sample is None:
        return 0
    looks = [
        _row(series, found, sample, today, now)
        for series, found in compare(sample, today, zone).items()
    ]
    return len(DriftLook.objects.bulk_create(looks, ignore_conflicts=True))


def sample_for(today: date, zone: tzinfo, now: datetime) -> Sample | None:
    """The sample of the certificate in force; None without one, or before its days are over."""
    version = classification.serving_version()
    certificate = validity.held(version, now).first
    if version is None or certificate is None:
        return None
    issued = certificate.issued_at.astimezone(zone).date()
    live = certificate.kind == CertificateKind.LIVE
    since = issued - SAMPLE if live else issued + DAY
    until = issued if live else issued + DAY + FIRST_WEEKS
    until = min(until, today - WEEK)
    reference = "sample" if live else "first_weeks"
    return Sample(version, reference, since, until) if since < until else None


def compare(sample: Sample, today: date, zone: tzinfo) -> dict[str, Drift]:
    """Every series of the week before `today` against the days of the sample."""
    allowed = settings.DRIFT_ALARMS_A_YEAR / LOOKS_A_YEAR
    found = {}
    for series in SERIES:
        then = _days(series, sample.classifier, sample.since, sample.until, zone)
        now = _days(series, sample.classifier, today - WEEK, today, zone)
        found[series] = drift.compare(
            [now[today - WEEK + day * DAY] for day in range(7)],
            _by_weekday(then, sample),
            allowed_p=allowed,
            seed=today.toordinal(),
        )
    return found


def _by_weekday(days: Days, sample: Sample) -> dict[int, list[Counter[str]]]:
    """Days of the sample by weekday, from the first on which anything came in."""
    known = sorted(days)
    by_weekday: dict[int, list[Counter[str]]] = defaultdict(list)
    day = max(known[0], sample.since) if known else sample.until
    while day < sample.until:
        by_weekday[day.weekday()].append(days.get(day, Counter()))
        day += DAY
    return by_weekday


def _days(series: str, version: str, since: date, until: date, zone: tzinfo) -> Days:
    days: Days = defaultdict(Counter)
    for day, kind, number in _counted(series, version, since, until, zone):
        days[day][kind] += number
    return days


def _counted(
    series: str, version: str, since: date, until: date, zone: tzinfo
) -> Iterable[tuple[date, str, int]]:
    rows = predictions(version, _moment(since, zone), _moment(until, zone))
    rows = rows.annotate(day=TruncDate("at", tzinfo=zone)).order_by()
    if series == "confidence":
        binned = rows.filter(confidence__isnull=False).annotate(
            bin=Cast(Floor(F("confidence") * BINS), IntegerField())
        )
        for day, bin_, number in binned.values_list("day", "bin").annotate(n=Count("pk")):
            yield day, f"{min(bin_, BINS - 1) / BINS:.1f}", number
        return
    for day, intent, why, number in rows.values_list("day", "intent", "no_intent").annotate(
        n=Count("pk")
    ):
        if series == "intents":
            yield day, intent or f"no_intent:{why}", number
        else:
            yield day, "named" if intent else "no_intent", number


def predictions(version: str, since: datetime, until: datetime) -> QuerySet[Prediction]:
    """What the model said of first messages."""
    rows = Prediction.objects.filter(classifier=version, round=1, message_number=1, failure="")
    found: QuerySet[Prediction] = rows.filter(at__gte=since, at__lt=until)
    return found


def _row(series: str, found: Drift, sample: Sample, today: date, now: datetime) -> DriftLook:
    return DriftLook(
        day=today,
        series=series,
        classifier=sample.classifier,
        reference=sample.reference,
        rows_before=found.rows_before,
        rows_now=found.rows_now,
        weeks=found.weeks,
        stability=found.stability,
        expected=found.expected,
        p=found.p,
        allowed_p=settings.DRIFT_ALARMS_A_YEAR / LOOKS_A_YEAR,
        fires=found.fires,
        moved=[asdict(moved) for moved in found.moved[:KEPT]],
        at=now,
    )


def _zone(now: datetime) -> tzinfo:
    opening = default_hours(now)
    return opening.time_zone if opening else ZoneInfo(settings.TIME_ZONE)


def _moment(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)
