"""What an import says at its end: how much would have been answered by machine, at what risk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import add

from django.db.models import Count, Q
from django.db.models.fields.json import KeyTextTransform

from classification import services as classification
from classification.models import Intent
from classification.starter.corpus import OUT_OF_SCOPE
from decisions import in_force
from decisions.certificates import validity
from decisions.in_force import NoPolicyInForce
from decisions.models import Decision
from metrics.figures.intervals import wilson
from tickets.data.import_tickets import THERE
from tickets.models import ApiKey

SHOWN = 20
# What a ticket that only its being an import kept from an automatic answer was decided for.
WOULD_AUTOMATE = ["guard:imported"]


@dataclass(frozen=True, slots=True)
class Row:
    """Tickets of one predicted intent in what came from a source.

    `wrong` of the `labelled` among those that would have been answered had another label there.
    """

    intent: str | None
    tickets: int
    would_automate: int
    labelled: int
    wrong: int

    def __add__(self, other: "Row") -> "Row":
        return Row(
            self.intent,
            self.tickets + other.tickets,
            self.would_automate + other.would_automate,
            self.labelled + other.labelled,
            self.wrong + other.wrong,
        )


def words(rows: Sequence[Row], *, now: datetime) -> Iterator[str]:
    """The lines to print."""
    if not rows:
        yield "Nothing was imported from this source."
        return
    total = reduce(add, rows)
    share = total.would_automate / total.tickets
    yield ""
    yield f"Had they come in live, as rules and model were when they were imported ({_by_what()}):"
    yield (
        f"  {total.would_automate} of {total.tickets} would have been answered by machine: "
        f"{share:.1%}."
    )
    yield f"  {'intent':<28}{'tickets':>9}{'by machine':>12}{'labelled':>10}{'wrong':>7}"
    for row in rows[:SHOWN]:
        yield (
            f"  {row.intent or '(none)':<28}{row.tickets:>9}{row.would_automate:>12}"
            f"{row.labelled:>10}{row.wrong:>7}"
        )
    yield from _risk(total, now)


def _by_what() -> str:
    version = classification.serving_version() or "no model"
    try:
        number = in_force.policy_in_force().snapshot.number
    except NoPolicyInForce:
        return f"now no policy, {version}"
    return f"now policy {number}, {version}"


def _risk(total: Row, now: datetime) -> Iterator[str]:
    """Measured where the file had labels that are our intents; else what was certified."""
    if total.labelled:
        low, high = wilson(total.wrong, total.labelled)
        yield (
            f"Measured: {total.wrong} of {total.labelled} with a label of yours would have been "
            f"answered for another intent: {total.wrong / total.labelled:.1%} "
            f"(95 %: {low:.1%} to {high:.1%})."
        )
    version = classification.serving_version() or ""
    certificate = validity.held(version, now).first
    if certificate is None:
        yield "Certified: nothing is in force for this model, so no live ticket is automated."
    else:
        yield (
            f"Certified ({certificate.kind}): at most {certificate.alpha:.1%} wrong among those, "
            f"with {1 - certificate.delta:.0%} confidence."
        )


def summary(source: ApiKey) -> list[Row]:
    """What would have been answered by machine, of all that came from a source."""
    counted = (
        Decision.objects.filter(ticket__api_key=source, round=1)
        .annotate(there=KeyTextTransform(THERE, "ticket__metadata"))
        .values("intent", "there")
        .annotate(tickets=Count("pk"), would=Count("pk", filter=Q(reasons=WOULD_AUTOMATE)))
        .order_by()
    )
    intents = set(Intent.objects.values_list("slug", flat=True)) | {OUT_OF_SCOPE}
    found: dict[str | None, Row] = {}
    for group in counted:
        intent, would = group["intent"], group["would"]
        labelled = would if group["there"] in intents else 0
        row = Row(intent, group["tickets"], would, labelled, labelled * (group["there"] != intent))
        found[intent] = row + found[intent] if intent in found else row
    return sorted(found.values(), key=lambda row: (-row.would_automate, -row.tickets))
