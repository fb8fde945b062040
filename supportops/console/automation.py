"""The automation page: for each intent how far it may go, what is known of it, what stops it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from classification.models import Intent
from decisions.bounds.binomial import upper_bound
from decisions.certificates import sample as certificates_sample
from decisions.certificates import validity
from decisions.certificates.sample import Sample
from decisions.certificates.validity import Held
from decisions.in_force import NoPolicyInForce, PolicyInForce, policy_in_force
from decisions.models import OVERALL, Breaker, Certificate, Quarantine, Switch
from decisions.rules.acceptance import lowered
from decisions.rules.policy import IntentPolicy
from metrics.rollup import ask as metrics
from supportops.ui import show
from supportops.ui.charts import AS_STATED, Chart, Series, radius
from tickets.cache import remembered
from tickets.codes import Level

PERIOD = timedelta(days=30)
DELTA = 0.05
STEPS = 40
BINS = 10
REMEMBERED = 300  # seconds: hundreds of decisions are replayed for it
ORDER = {Level.AUTO: 0, Level.SHADOW: 1, Level.SUGGEST: 2, Level.OFF: 3}

Row = tuple[float, bool]  # confidence of an answer that the policy would give, and whether wrong


@dataclass(frozen=True, slots=True)
class Known:
    """What blind reviews say: rows by intent that the policy would automate, and all rows."""

    accepted: Mapping[str, Sequence[Row]]
    everything: Sequence[Row]

    @property
    def surest(self) -> list[Row]:
        """All rows that the policy would automate, the surest first."""
        return sorted((row for rows in self.accepted.values() for row in rows), reverse=True)


@dataclass(frozen=True, slots=True)
class Line:
    """One intent. Of `reviewed` answers at its threshold `wrong` were; `bound` with 95 %."""

    intent: str
    risk: str | None
    rule: IntentPolicy
    threshold: float | None  # the stricter of policy and certificate; None: nothing is permitted
    certificate: Certificate | None
    tickets: int
    automated: int
    reviewed: int
    wrong: int
    bound: float | None
    stopped: str  # why nothing of it is automated though the policy would; or empty

    @property
    def coverage(self) -> float | None:
        return self.automated / self.tickets if self.tickets else None


def page(request: HttpRequest) -> HttpResponse:
    """How far automation goes, and on what that rests."""
    if not request.user.has_perm("decisions.view_policy"):
        raise PermissionDenied
    context = {**admin.site.each_context(request), "title": "Automation", **gather(timezone.now())}
    return TemplateResponse(request, "console/automation.html", context)


def gather(now: datetime) -> dict[str, Any]:
    """Everything that the page shows."""
    try:
        policy = policy_in_force()
    except NoPolicyInForce:
        return {"policy": None}
    version = validity.classifier_in_use() or ""
    key = f"automation:{version}:{policy.digest}"
    known = remembered(key, lambda: _known(version, policy, now), REMEMBERED)
    held = validity.held(version, now)
    return {
        "policy": policy,
        "version": version,
        "switch": Switch.objects.filter(on=True).first(),
        "certificate": held.first,
        "lines": lines(policy, version, held, known, now),
        "charts": charts(known),
        "reviewed": len(known.everything),
    }


def _known(version: str, policy: PolicyInForce, now: datetime) -> Known:
    if not version:
        return Known({}, [])
    return known_from(certificates_sample.sample_of(version, lowered(policy.snapshot), now=now))


def known_from(sample: Sample) -> Known:
    """The rows of a sample as numbers: no ticket and no reviewer stands in what is remembered."""
    accepted: dict[str, list[Row]] = {}
    for row in sample.accepted:
        intent = str(sample.taken[int(row.key)].intent)
        accepted.setdefault(intent, []).append((row.confidence, row.counts_as_wrong))
    # Of all tickets, so rows that all had the same chance; likely ones are drawn more often.
    lowest = min((row.rate for row in sample.rows), default=0.0)
    everything = [
        (row.confidence, row.counts_as_wrong)
        for row in sample.rows
        if row.confidence and row.u < lowest
    ]
    return Known(accepted, everything)


def lines(
    policy: PolicyInForce,
    version: str,
    held: Held,
    known: Known,
    now: datetime,
) -> list[Line]:
    """One line for each intent of the policy: what is automated first."""
    counted = {row["intent"]: row for row in metrics.by_intent(now - PERIOD, now)}
    risks = dict(Intent.objects.values_list("slug", "risk"))
    stops = _stops(version)
    found = []
    for intent, rule in policy.snapshot.intents.items():
        certificate = held.for_intent(intent)
        threshold = max(rule.threshold, certificate.threshold) if certificate else None
        rows = [
            wrong for stated, wrong in known.accepted.get(intent, ()) if stated >= (threshold or 0)
        ]
        row = counted.get(intent, {"tickets": 0, "automated": 0})
        found.append(
            Line(
                intent=intent,
                risk=risks.get(intent),
                rule=rule,
                threshold=threshold,
                certificate=certificate,
                tickets=row["tickets"],
                automated=row["automated"],
                reviewed=len(rows),
                wrong=sum(rows),
                bound=upper_bound(sum(rows), len(rows), DELTA) if rows else None,
                stopped=stops.get(intent) or stops.get(OVERALL, ""),
            )
        )
    return sorted(
        found, key=lambda line: (ORDER[Level(line.rule.level)], -line.tickets, line.intent)
    )


def _stops(version: str) -> dict[str, str]:
    """What keeps an intent, or all, from being automated now."""
    stops = {row.intent: "breaker open" for row in Breaker.objects.filter(open=True)}
    barred = Quarantine.objects.filter(classifier_version=version, lifted_at=None)
    return stops | dict.fromkeys(barred.values_list("intent", flat=True), "in quarantine")


def charts(known: Known) -> list[Chart]:
    """Risk against coverage and stated against observed; none while nobody has reviewed."""
    return [risk_curve(known), reliability(known)] if known.everything else []


def risk_curve(known: Known) -> Chart:
    """How many answers would be wrong at each threshold, and what that is at most."""
    rows = known.surest
    places = sorted({max(1, round(len(rows) * step / STEPS)) for step in range(1, STEPS + 1)})
    points = [
        (n, sum(wrong for _, wrong in rows[:n]), rows[n - 1][0]) for n in places if n <= len(rows)
    ]
    of = max(1, len(known.everything))
    observed = [(n / of, wrong / n) for n, wrong, _ in points]
    at_most = [(n / of, upper_bound(wrong, n, DELTA)) for n, wrong, _ in points]
    return Chart(
        title="What would automating more cost?",
        x_label="share of all tickets automated",
        y_label="wrong among them",
        most_x=max([0.1, *(x for x, _ in observed)]),
        most_y=max([0.1, *(y for _, y in at_most if y < 0.5)]),
        series=[
            Series("at most, for one look (95 %)", at_most, look="dashed", tone="warning"),
            Series("wrong, as reviewed", observed, tone="danger"),
        ],
        headings=("From confidence", "Reviewed", "Wrong", "At most", "Coverage"),
        rows=[
            (
                show.number(stated),
                str(n),
                str(wrong),
                show.percent(upper_bound(wrong, n, DELTA), 1),
                show.percent(n / of),
            )
            for n, wrong, stated in points
        ],
    )


def reliability(known: Known) -> Chart:
    """Whether confidence means what it says, on reviewed tickets."""
    bins: dict[int, list[Row]] = {}
    for row in known.everything:
        bins.setdefault(min(BINS - 1, int(row[0] * BINS)), []).append(row)
    found = [
        (
            sum(stated for stated, _ in rows) / len(rows),
            sum(not wrong for _, wrong in rows) / len(rows),
            len(rows),
        )
        for _, rows in sorted(bins.items())
    ]
    most = max(n for _, _, n in found)
    return Chart(
        title="Does confidence mean what it says?",
        x_label="stated confidence",
        y_label="right, as reviewed",
        series=[
            AS_STATED,
            Series(
                "reviewed tickets, larger where they are many",
                [(stated, right) for stated, right, _ in found],
                look="dots",
                sizes=[radius(n, most) for _, _, n in found],
            ),
        ],
        headings=("Stated", "Right", "Reviewed"),
        rows=[
            (show.percent(stated, 1), show.percent(right, 1), str(n)) for stated, right, n in found
        ],
    )
