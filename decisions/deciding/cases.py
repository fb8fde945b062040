"""What is decided on, as plain data, and how it becomes the facts that rules may look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from decisions.rules.facts import Facts
from decisions.rules.topics import PERSON_TOPIC, TopicDetector
from tickets.models import Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A ticket's question as plain data. `text` is read for topics and stored nowhere here."""

    text: str
    prediction_id: int | None = None
    intent: str | None = None
    no_intent: str | None = None
    confidence: float | None = None
    runner_up: str | None = None
    margin: float | None = None
    risk: str | None = None
    classifier: str | None = None
    classifier_failed: bool = False
    language: str | None = None
    length: int = 0
    questions: int = 0
    automatic_mail: bool = False
    asks_for_person: bool = False  # by a button; the text is read for it as well
    second_key: str | None = None  # what another classifier names: an intent or out_of_scope
    second_key_failure: str | None = None
    second_key_required: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What stands around a case at the moment of its decision."""

    switch: bool
    breaker: bool
    business_hours: bool
    tickets_24h: int
    automatic_replies_24h: int


def facts_of(
    ticket: Ticket,
    case: Case,
    detector: TopicDetector,
    around: Surroundings,
    *,
    reply_ready: bool,
) -> Facts:
    """The facts of a case, given what stands around it. Reads no rows."""
    return replace(
        facts_of_words(case, detector, reply_ready=reply_ready),
        channel=ticket.channel,
        verified_sender=ticket.requester.verified,
        reopen_count=ticket.round - 1,
        decided_by_person=_person_decided(ticket),
        wrote_again=ticket.round == 1 and ticket.message_count > 1,
        business_hours=around.business_hours,
        kill_switch=around.switch,
        breaker_open=around.breaker,
        tickets_24h=around.tickets_24h,
        automatic_replies_24h=around.automatic_replies_24h,
    )


def facts_of_words(case: Case, detector: TopicDetector, *, reply_ready: bool) -> Facts:
    """What the rules may know of a message that stands for itself: of a held-out one for example,
    which nobody ever sent."""
    hits = detector.find(case.text)
    return Facts(
        intent=case.intent,
        no_intent=case.no_intent,
        confidence=case.confidence,
        runner_up=case.runner_up,
        margin=case.margin,
        risk=case.risk,
        classifier=case.classifier,
        classifier_failed=case.classifier_failed,
        second_key=case.second_key,
        second_key_failure=case.second_key_failure,
        second_key_required=case.second_key_required,
        keys_agree=None in (case.intent, case.second_key) or case.intent == case.second_key,
        language=case.language,
        length=case.length,
        questions=case.questions,
        topics=tuple(hit.code for hit in hits if hit.topic != PERSON_TOPIC),
        asks_for_person=case.asks_for_person or any(hit.topic == PERSON_TOPIC for hit in hits),
        automatic_mail=case.automatic_mail,
        reply_ready=reply_ready,
    )


def _person_decided(ticket: Ticket) -> bool:
    """Whether a person's word stands on this ticket. The machine never overturns it."""
    if ticket.first_human_reply_at is not None or ticket.intent_corrected:
        return True
    return ticket.round > 1 and ticket.assignee_id is not None
