"""Taking one intent out of a certificate that reviews have shown to be too often wrong.

The rest keeps its certificate: without its worst part there are no more wrong automatic answers
than before, though they may be a larger share of the automatic ones.
"""

from datetime import datetime

from django.db import transaction

from decisions.certificates.earn import digest_of_rows, too_often_wrong
from decisions.certificates.sample import Twins, sample_of, tally_of
from decisions.certificates.validity import held
from decisions.in_force import NoPolicyInForce, policy_in_force
from decisions.models import Quarantine, lock_stops
from decisions.reasons import stated
from decisions.rules.acceptance import lowered
from tickets.codes import AuditKind
from tickets.history import record


def watch(
    classifier_version: str, *, now: datetime, twins: Twins | None = None
) -> list[Quarantine]:
    """Quarantine what the reviews so far have shown to be worse than its certificate allows.

    May be looked at as often as one likes.
    """
    certificate = held(classifier_version, now).first
    if certificate is None:
        return []
    try:
        snapshot = policy_in_force().snapshot
    except NoPolicyInForce:
        return []
    policy = lowered(snapshot)
    sample = sample_of(classifier_version, policy, now=now, twins=twins)
    alpha, delta = certificate.alpha, certificate.delta
    tallies = tally_of(sample, classifier_version, snapshot, threshold=certificate.threshold)
    found = [
        _quarantine(
            intent,
            classifier_version,
            tallies[intent],
            alpha=alpha,
            delta=delta,
            sample_digest=digest_of_rows(sample.accepted),
            now=now,
        )
        for intent in too_often_wrong(tallies, policy, alpha=alpha, delta=delta)
    ]
    return [row for row in found if row is not None]


def _quarantine(
    intent: str,
    classifier_version: str,
    wrong: list[bool],
    *,
    alpha: float,
    delta: float,
    sample_digest: str,
    now: datetime,
) -> Quarantine | None:
    """The row, if the intent was not in quarantine already."""
    with transaction.atomic():
        lock_stops(shared=False)
        row, made = Quarantine.objects.get_or_create(
            intent=intent,
            classifier_version=classifier_version,
            lifted_at=None,
            defaults={
                "alpha": alpha,
                "delta": delta,
                "rows": len(wrong),
                "errors": sum(wrong),
                "sample_digest": sample_digest,
                "at": now,
            },
        )
        if not made:
            return None
        _put_on_record(row, record.Actor.machine(), now)
        return row


def lift(quarantine_id: int, reason: str, *, actor: record.Actor, now: datetime) -> bool:
    """Let an intent back into its certificate; False when it is not in quarantine.

    Raises:
        ReasonMissing: the reason is blank.
    """
    reason = stated(reason)
    with transaction.atomic():
        lock_stops(shared=False)
        row = (
            Quarantine.objects.select_for_update().filter(pk=quarantine_id, lifted_at=None).first()
        )
        if row is None:
            return False
        row.lifted_at, row.reason = now, reason
        row.save()
        _put_on_record(row, actor, now)
        return True


def _put_on_record(row: Quarantine, actor: record.Actor, now: datetime) -> None:
    data = {
        "quarantine": row.pk,
        "lifted": row.lifted_at is not None,
        "intent": row.intent,
        "classifier": row.classifier_version,
        "alpha": row.alpha,
        "rows": row.rows,
        "errors": row.errors,
        "reason": row.reason,
        "sample": row.sample_digest,
    }
    entry = record.AuditEntry(AuditKind.CERTIFICATE, f"quarantine:{row.pk}", actor, data)
    record.write(now=now, audit=[entry])
