"""Guards: reasons to call a person that no policy can switch off. Pure: no Django.

The docstring of a guard is shown to agents under *Why?*. A guard stays silent only where a fact is
what it should be: something of another kind in its place is a doubt, and fires.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeGuard

from decisions.rules.facts import Facts
from decisions.rules.policy import PolicySnapshot
from tickets.codes import Channel, Level, RiskClass

Test = Callable[[Facts, PolicySnapshot], bool]


@dataclass(frozen=True, slots=True)
class Guard:
    """A test with a name, the facts it read, and words for people."""

    name: str
    test: Test
    reads: tuple[str, ...]

    @property
    def words(self) -> str:
        return (self.test.__doc__ or "").strip()


GUARDS: list[Guard] = []


def is_probability(value: object) -> TypeGuard[float]:
    """A number above 0 and up to 1. NaN compares false, so it is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def guard(*reads: str) -> Callable[[Test], Test]:
    def register(test: Test) -> Test:
        GUARDS.append(Guard(test.__name__, test, reads))
        return test

    return register


@guard("classifier_failed", "classifier")
def classifier_failed(facts: Facts, policy: PolicySnapshot) -> bool:
    """The classifier could not say anything about this message."""
    return facts.classifier_failed is not False or not isinstance(facts.classifier, str)


@guard("confidence")
def confidence_invalid(facts: Facts, policy: PolicySnapshot) -> bool:
    """The confidence is not a number between 0 and 1."""
    return not is_probability(facts.confidence)


@guard("intent", "second_key", "keys_agree")
def keys_disagree(facts: Facts, policy: PolicySnapshot) -> bool:
    """Two classifiers disagree about this message."""
    # Seen for itself as well: no summary may call two different names agreement.
    differ = None not in (facts.intent, facts.second_key) and facts.intent != facts.second_key
    return differ or facts.keys_agree is not True


@guard("second_key", "second_key_failure", "second_key_required")
def second_key_missing(facts: Facts, policy: PolicySnapshot) -> bool:
    """A second classifier has to agree, and it has said nothing about this message."""
    required = facts.second_key_required is not False
    return required and facts.second_key is None and could_be_answered(facts)


def could_be_answered(facts: Facts) -> bool:
    """Whether a second opinion matters: where the message alone calls for a person, it does not,
    and nobody is asked for one."""
    for_people = (
        facts.topics or facts.asks_for_person or facts.automatic_mail or facts.reopen_count != 0
    )
    return facts.intent is not None and facts.risk == RiskClass.OPEN and not for_people


@guard("kill_switch")
def kill_switch(facts: Facts, policy: PolicySnapshot) -> bool:
    """All automation is switched off."""
    return facts.kill_switch is not False


@guard("breaker_open")
def breaker_open(facts: Facts, policy: PolicySnapshot) -> bool:
    """Automation of this intent, or all of it, stopped itself after wrong answers."""
    return facts.breaker_open is not False


@guard("intent", "risk")
def risk_class(facts: Facts, policy: PolicySnapshot) -> bool:
    """Inquiries of this kind are always answered by a person."""
    return facts.intent is not None and facts.risk != RiskClass.OPEN


@guard("asks_for_person")
def asks_for_person(facts: Facts, policy: PolicySnapshot) -> bool:
    """The customer asked for a person."""
    return facts.asks_for_person is not False


@guard("reopen_count")
def reopened(facts: Facts, policy: PolicySnapshot) -> bool:
    """The ticket was opened again: the last answer was not enough."""
    return not is_count(facts.reopen_count) or facts.reopen_count > 0


@guard("decided_by_person")
def decided_by_person(facts: Facts, policy: PolicySnapshot) -> bool:
    """A person has already decided on this ticket."""
    return facts.decided_by_person is not False


@guard("wrote_again")
def wrote_again(facts: Facts, policy: PolicySnapshot) -> bool:
    """Something was added to the conversation before the first message was decided on."""
    return facts.wrote_again is not False


@guard("automatic_mail")
def automatic_mail(facts: Facts, policy: PolicySnapshot) -> bool:
    """The message was sent by a machine or from an address that takes no replies."""
    return facts.automatic_mail is not False


@guard("topics")
def sensitive_topic(facts: Facts, policy: PolicySnapshot) -> bool:
    """The message touches a topic that only a person should answer."""
    return not isinstance(facts.topics, tuple | list) or len(facts.topics) > 0


@guard("automatic_replies_24h")
def requester_cap(facts: Facts, policy: PolicySnapshot) -> bool:
    """This person has had as many automatic replies in 24 hours as is allowed."""
    had = facts.automatic_replies_24h
    return not is_count(had) or had >= policy.requester_cap


@guard("reply_ready")
def reply_incomplete(facts: Facts, policy: PolicySnapshot) -> bool:
    """There is no reply template for this, or it could not be filled in completely."""
    # Only where a reply would be sent: elsewhere a missing template is no reason of its own.
    wanted = policy.for_intent(facts.intent).level in (Level.AUTO, Level.SHADOW)
    return facts.intent is not None and wanted and facts.reply_ready is not True


@guard("channel")
def imported(facts: Facts, policy: PolicySnapshot) -> bool:
    """The message was imported from another system, and imports are never answered by machine."""
    return not isinstance(facts.channel, str) or facts.channel == Channel.IMPORT
