"""Candidates in the shadow: asked about what was decided, after it was decided.

Nothing here runs in the live path. A job reads decisions that are committed, asks the candidate and
keeps its word; what the candidate throws is kept too, and changes nothing else.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, Max, OuterRef, QuerySet

from decisions.certificates import validity
from decisions.certificates.sample import says_wrong
from decisions.deciding import reply
from decisions.models import Candidate, Decision, Policy, Review, ShadowVerdict
from decisions.policies import check, published
from decisions.rules.engine import Verdict, decide
from decisions.rules.facts import Facts
from decisions.rules.policy import PolicySnapshot
from decisions.rules.topics import TopicDetector
from tickets.codes import CandidateKind, Outcome, ReviewPart, ReviewVerdict
from tickets.history import record

logger = logging.getLogger("supportops.shadowing")

SETTLED_AFTER = timedelta(minutes=10)  # a transaction that began earlier has ended
MOST_EXAMPLES = 5


class AlreadyRunning(ValueError):
    """One candidate of a kind at a time."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a candidate says of a ticket."""

    verdict: Verdict
    intent: str | None
    confidence: float | None


Ask = Callable[[Decision], Word]


def start(
    *,
    actor: record.Actor,
    now: datetime,
    policy: Policy | None = None,
    model_version: str = "",
) -> Candidate:
    """Try a policy or a model in the shadow, from the next decision on.

    Raises:
        AlreadyRunning: another candidate of that kind is being tried.
    """
    latest = Decision.objects.aggregate(latest=Max("id"))["latest"] or 0
    try:
        with transaction.atomic():
            return Candidate.objects.create(
                kind=CandidateKind.POLICY if policy else CandidateKind.MODEL,
                policy=policy,
                model_version=model_version,
                started_by_id=actor.user_id,
                started_at=now,
                after=latest,
            )
    except IntegrityError as error:
        raise AlreadyRunning("Another one is being tried. End that first.") from error


def end(candidate: Candidate, *, now: datetime) -> bool:
    """Stop asking. What it said stays. False when it had ended already."""
    rows = Candidate.objects.running().filter(pk=candidate.pk)
    return rows.update(ended_at=now) == 1


def waiting(candidate: Candidate, limit: int) -> list[Decision]:
    """Decisions that the candidate was not asked about yet."""
    asked = ShadowVerdict.objects.filter(candidate=candidate, decision=OuterRef("pk"))
    rows = Decision.objects.filter(pk__gt=candidate.after, round=1).exclude(facts={})
    return list(rows.filter(~Exists(asked)).order_by("pk")[:limit])


def ask_policy(candidate: Candidate, *, now: datetime, limit: int) -> int:
    """Ask a policy about what was decided since; how many decisions."""
    decisions = waiting(candidate, limit)
    if not decisions:
        return 0
    try:
        assert candidate.policy is not None
        snapshot = candidate.policy.snapshot()
        digest, ask = snapshot.digest(), _policy_word(snapshot, decisions)
    except Exception as error:  # noqa: BLE001
        logger.warning("candidate cannot be asked: %s", type(error).__name__)
        digest, ask = "", _throws(error)
    return ask_all(candidate, decisions, ask, digest=digest, limit=limit, now=now)


def _throws(error: Exception) -> Ask:
    """A candidate that cannot be asked at all fails on every ticket."""

    def ask(decision: Decision) -> Word:
        raise error

    return ask


def _policy_word(policy: PolicySnapshot, decisions: Sequence[Decision]) -> Ask:
    ready, detector = reply.sendable(), TopicDetector(policy.topics)
    differ = {d.ticket_id for d in decisions if _then(d).topics != policy.topics}
    words = check.first_words(differ)

    def ask(decision: Decision) -> Word:
        facts = Facts.from_record(decision.facts)
        facts = replace(facts, reply_ready=reply.is_ready_under(facts, policy, ready))
        text = words.get(decision.ticket_id, "")
        if text.strip():
            facts = check.searched(facts, text, detector)
        return Word(decide(facts, policy), decision.intent, decision.confidence)

    return ask


def word_of_model(
    decision: Decision, predicted: Mapping[str, Any], ready: Mapping[str, bool]
) -> Word:
    """What the policy of the time would have decided on a model's prediction.

    The model has no certificate yet; it is asked as if it had the one that covered its prediction
    then, so that something can be compared.
    """
    policy, facts = _then(decision), Facts.from_record(decision.facts)
    facts = replace(facts, **predicted)
    held = validity.held(decision.facts.get("classifier"), decision.at)
    facts = validity.with_certificate(facts, held.covering(facts, decision.policy_digest))
    facts = replace(
        facts,
        keys_agree=None in (facts.intent, facts.second_key) or facts.intent == facts.second_key,
        reply_ready=reply.is_ready_under(facts, policy, ready),
    )
    return Word(decide(facts, policy), facts.intent, facts.confidence)


def _then(decision: Decision) -> PolicySnapshot:
    """The policy that the decision came from."""
    if decision.policy_id is None:
        return PolicySnapshot(number=0)
    return published.snapshot_of(decision.policy_id, decision.policy_digest)


def ask_all(
    candidate: Candidate,
    decisions: Sequence[Decision],
    ask: Ask,
    *,
    digest: str,
    limit: int,
    now: datetime,
) -> int:
    """Ask about each, keep what is said, and remember how far it came."""
    rows = [_row(candidate, decision, ask, digest, now) for decision in decisions]
    # Another worker may have asked meanwhile: once is enough.
    ShadowVerdict.objects.bulk_create(rows, ignore_conflicts=True)
    if len(decisions) < limit:
        _move_on(candidate, now)
    return len(decisions)


def _row(
    candidate: Candidate, decision: Decision, ask: Ask, digest: str, now: datetime
) -> ShadowVerdict:
    row = ShadowVerdict(candidate=candidate, decision=decision, digest=digest, at=now)
    try:
        word = ask(decision)
    except Exception as error:  # noqa: BLE001
        # Whatever it is, it is the candidate's: the ticket was decided long ago.
        logger.warning("candidate failed: %s", type(error).__name__)
        row.failure = type(error).__name__[:64]
        return row
    row.outcome, row.reasons = word.verdict.outcome, list(word.verdict.reasons)
    row.queue, row.intent = word.verdict.queue or "", word.intent
    row.confidence = word.confidence
    return row


def _move_on(candidate: Candidate, now: datetime) -> None:
    """Look no further back than where a lower number could still be committed."""
    old = Decision.objects.filter(at__lte=now - SETTLED_AFTER, pk__gt=candidate.after)
    latest = old.aggregate(latest=Max("id"))["latest"]
    if latest is not None:
        Candidate.objects.filter(pk=candidate.pk).update(after=latest)


# --- What came of it ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """Tickets on which the two say the same two different things."""

    live: str
    shadow: str
    live_intent: str | None
    shadow_intent: str | None
    tickets: int
    examples: tuple[ShadowVerdict, ...] = ()


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Candidate and live policy side by side."""

    asked: int
    agreed: int
    kinds: tuple[Kind, ...]
    failures: Mapping[str, int]
    live_right: int  # of the disagreements that blind reviewers judged
    shadow_right: int
    neither_right: int
    digest: str

    @property
    def disagreed(self) -> int:
        return sum(kind.tickets for kind in self.kinds)


def verdicts_of(candidate: Candidate) -> tuple[QuerySet[ShadowVerdict], str]:
    """What it said as it stands now: of a draft that was edited, only what came after."""
    rows = ShadowVerdict.objects.filter(candidate=candidate)
    latest = rows.order_by("-id").values_list("digest", flat=True).first()
    return rows.filter(digest=latest or ""), latest or ""


def disagreement(candidate: Candidate) -> Disagreement:
    """The table of what they differ on, the most frequent first."""
    rows, digest = verdicts_of(candidate)
    counted = (
        rows.filter(failure="")
        .order_by()
        .values("decision__outcome", "outcome", "decision__intent", "intent")
        .annotate(tickets=Count("id"))
    )
    kinds, agreed = [], 0
    for row in counted:
        kind = Kind(
            row["decision__outcome"],
            str(row["outcome"]),
            row["decision__intent"],
            row["intent"],
            row["tickets"],
        )
        if kind.live == kind.shadow and kind.live_intent == kind.shadow_intent:
            agreed += kind.tickets
        else:
            kinds.append(kind)
    failures = rows.exclude(failure="").order_by().values_list("failure").annotate(Count("id"))
    kinds.sort(key=lambda k: (-k.tickets, k.live, str(k.live_intent), str(k.shadow_intent)))
    right = _right(rows)
    return Disagreement(
        asked=rows.count(),
        agreed=agreed,
        kinds=tuple(_with_examples(rows, kind) for kind in kinds[:50]),
        failures=dict(failures),
        live_right=right["live"],
        shadow_right=right["shadow"],
        neither_right=right["neither"],
        digest=digest,
    )


def _with_examples(rows: QuerySet[ShadowVerdict], kind: Kind) -> Kind:
    found = rows.filter(
        failure="",
        outcome=kind.shadow,
        intent=kind.shadow_intent,
        decision__outcome=kind.live,
        decision__intent=kind.live_intent,
    )
    shown = found.select_related("decision__ticket").order_by("-id")[:MOST_EXAMPLES]
    return replace(kind, examples=tuple(shown))


def _right(rows: QuerySet[ShadowVerdict]) -> Counter[str]:
    """Whom a blind reviewer bears out where the two differ: by what they read in the message, or,
    where they read the same, by whether a machine could have answered it."""
    judged = Review.objects.answered().filter(
        part=ReviewPart.FIRST, decision__shadow_verdicts__in=rows.filter(failure="")
    )
    said = {review.decision_id: review for review in judged}
    right: Counter[str] = Counter()
    for row in rows.filter(decision__in=said).select_related("decision"):
        decision = row.decision
        if (decision.outcome, decision.intent) == (row.outcome, row.intent):
            continue
        review = said[row.decision_id]
        if decision.intent != row.intent:
            live, shadow = (_read_right(review, i) for i in (decision.intent, row.intent))
        else:
            wrong = says_wrong(review, row.intent)
            live = (decision.outcome == Outcome.ESCALATE) == wrong
            shadow = not live
        if live != shadow:
            right["live" if live else "shadow"] += 1
        elif not live:
            right["neither"] += 1
    return right


def _read_right(review: Review, intent: str | None) -> bool:
    """Whether the intent is the one that the reviewer named; none where none was."""
    named = review.intent if review.verdict == ReviewVerdict.INTENT else None
    return intent == named


def as_text(candidate: Candidate) -> str:
    """What a terminal shows of a candidate."""
    found = disagreement(candidate)
    lines = [f"{candidate}: asked {found.asked} times, {found.disagreed} times otherwise."]
    for kind in found.kinds:
        live = f"{kind.live} ({kind.live_intent or 'no intent'})"
        shadow = f"{kind.shadow} ({kind.shadow_intent or 'no intent'})"
        examples = ", ".join(row.decision.ticket.reference for row in kind.examples)
        lines.append(f"  {kind.tickets:>6}  {live} -> {shadow}  such as {examples}")
    lines += [f"  {number:>6}  failed: {name}" for name, number in sorted(found.failures.items())]
    lines.append(
        f"Where they differ and somebody reviewed blind: live right {found.live_right}, "
        f"candidate right {found.shadow_right}, neither {found.neither_right}."
    )
    return "\n".join(lines)
