"""Decisions on many tickets at once, for history that comes in by the thousand.

What all of them share is read once: policy, certificates, stops, hours, templates. No quota is
taken, so nothing here may automate; the caller brings tickets that a guard keeps from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from decisions.certificates import validity
from decisions.certificates.validity import Held
from decisions.deciding import decide as decisions
from decisions.deciding import reply
from decisions.deciding.cases import Case, Surroundings, facts_of
from decisions.deciding.decide import DAY
from decisions.deciding.reply import Reply
from decisions.in_force import PolicyInForce, policy_in_force
from decisions.models import OVERALL, Breaker, Decision, Switch, lock_stops
from decisions.rules import engine
from decisions.rules.facts import Facts
from decisions.rules.policy import IntentPolicy
from tickets.models import Ticket


class MustNotAutomate(RuntimeError):
    """A ticket of this batch could be answered by machine. Nothing was written."""


@dataclass(slots=True)
class _Shared:
    """What every case of a batch sees."""

    in_force: PolicyInForce
    now: datetime
    switch: bool
    breakers: set[str]
    held: dict[str, Held]
    business_hours: bool
    recent: Mapping[int, tuple[int, int]]
    ready: dict[str | None, Reply | None] = field(default_factory=dict)

    def around(self, ticket: Ticket, case: Case) -> Surroundings:
        written, answered = self.recent.get(ticket.requester_id, (0, 0))
        return Surroundings(
            switch=self.switch,
            breaker=bool(self.breakers & {case.intent or OVERALL, OVERALL}),
            business_hours=self.business_hours,
            tickets_24h=written,
            automatic_replies_24h=answered,
        )

    def certified(self, facts: Facts) -> Facts:
        """The facts with the certificate that covers them."""
        version = facts.classifier or ""
        if version not in self.held:
            self.held[version] = validity.held(version, self.now)
        certificate = self.held[version].covering(facts, self.in_force.digest)
        return validity.with_certificate(facts, certificate)

    def reply(self, intent: IntentPolicy, case: Case) -> Reply | None:
        """The reply to a customer with a name like the first one's; never sent from here."""
        if case.intent not in self.ready:
            self.ready[case.intent] = reply.reply_for(intent, case.variables)
        return self.ready[case.intent]


def rows_for(cases: Sequence[tuple[Ticket, Case]], *, now: datetime) -> list[Decision]:
    """The decision on each ticket's round, as rows that the caller writes in this transaction.

    Raises:
        MustNotAutomate: nothing kept a ticket from being answered by machine.
    """
    shared = _shared([ticket.requester_id for ticket, _ in cases], now)
    return [_row(ticket, case, shared) for ticket, case in cases]


def _row(ticket: Ticket, case: Case, shared: _Shared) -> Decision:
    policy = shared.in_force.snapshot
    reply = shared.reply(policy.for_intent(case.intent), case)
    ready = reply is not None and reply.is_ready
    facts = facts_of(
        ticket, case, shared.in_force.detector, shared.around(ticket, case), reply_ready=ready
    )
    facts = shared.certified(facts)
    verdict = engine.decide(facts, policy)
    if verdict.automates:
        raise MustNotAutomate(f"{ticket.reference} would be answered by machine.")
    return decisions.row_of(ticket, case, facts, verdict, shared.in_force, reply, shared.now)


def _shared(requester_ids: Sequence[int], now: datetime) -> _Shared:
    in_force = policy_in_force()
    lock_stops(shared=True)
    return _Shared(
        in_force=in_force,
        now=now,
        switch=Switch.objects.filter(on=True).exists(),
        breakers=set(Breaker.objects.filter(open=True).values_list("intent", flat=True)),
        held={},
        business_hours=decisions.is_open(now),
        recent=_recent(sorted(set(requester_ids)), now),
    )


def _recent(requester_ids: Sequence[int], now: datetime) -> dict[int, tuple[int, int]]:
    """What each person wrote here and was answered in the last 24 hours. Imports are no writing:
    they say when they were carried over, not when somebody wrote."""
    lately = Ticket.objects.lately(requester_ids, since=now - DAY, now=now)
    return {person: (written, answered) for person, written, answered in lately}
