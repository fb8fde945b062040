"""Replaying what was decided through a draft. Writes nothing; reads in batches, so that a million
decisions need no more memory than a thousand."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TextIO

from django.db.models import Max, Min

from decisions.certificates import sample
from decisions.deciding import reply
from decisions.models import Decision, Finding, Policy, Review
from decisions.policies import check, published
from decisions.rules.backtest import NOT_ESTIMABLE, Backtest, Case, Flip
from decisions.rules.engine import decide
from decisions.rules.facts import Facts
from decisions.rules.policy import PolicySnapshot
from decisions.rules.topics import TopicDetector
from tickets.codes import ReviewPart

BATCH = 500
COLUMNS: tuple[str, ...] = (
    "id",
    "ticket_id",
    "ticket__reference",
    "round",
    "at",
    "intent",
    "confidence",
    "outcome",
    "queue",
    "policy_id",
    "policy_digest",
    "facts",
)

Row = Mapping[str, Any]
Progress = Callable[[int, int], None]


class NothingDecided(LookupError):
    """There is no decision to replay."""


@dataclass(frozen=True, slots=True)
class Window:
    """The decisions of some days, up to the newest one. No clock: it is the history that counts."""

    days: int
    since: datetime
    until: datetime
    decisions: int

    @classmethod
    def of(cls, days: int) -> "Window":
        """Raises NothingDecided where there is no decision."""
        until = Decision.objects.aggregate(newest=Max("at"))["newest"]
        if until is None:
            raise NothingDecided("Nothing was decided yet, so there is nothing to replay.")
        since = until - timedelta(days=days)
        return cls(days, since, until, Decision.objects.filter(at__gt=since).count())


@dataclass(frozen=True, slots=True)
class _Sample:
    """Where blind labels have equal probability and are complete."""

    lowest_rate: float
    open_from: int | None  # the first ticket that was drawn and is not judged yet
    until: datetime

    @classmethod
    def of(cls, window: Window) -> "_Sample":
        drawn = Review.objects.filter(part=ReviewPart.FIRST, decision__at__gt=window.since)
        lowest = drawn.aggregate(lowest=Min("rate"))["lowest"] or 0.0
        # What is overdue counts as wrong and holds nothing up.
        waiting = Review.objects.open().filter(
            decision__at__gt=window.since, u__lt=lowest, due_at__gt=window.until
        )
        return cls(lowest, waiting.aggregate(first=Min("ticket_id"))["first"], window.until)

    def is_settled(self, ticket_id: int) -> bool:
        return self.open_from is None or ticket_id < self.open_from

    def label(self, row: Row, parts: list[Review]) -> bool | None:
        """Whether an automatic answer would have been wrong; None where chance did not ask."""
        if not parts or parts[0].u >= self.lowest_rate:
            return None
        wrong = sample.verdict_of(parts, row["intent"])
        overdue = any(p.answered_at is None and p.due_at <= self.until for p in parts)
        return True if wrong is None and overdue else wrong


def simulate(
    policy: Policy,
    window: Window,
    *,
    on_flip: Callable[[Flip], None] | None = None,
    progress: Progress | None = None,
) -> Backtest:
    """Replay the window through the policy as it stands in its rows."""
    replay = _Replay(policy.snapshot(), window)
    for done, facts, case in replay.cases():
        if facts is None:
            replay.result.left_out += 1
        else:
            flip = replay.result.add(case, decide(facts, replay.policy))
            if flip is not None and on_flip is not None:
                on_flip(flip)
        if progress is not None and (done % BATCH == 0 or done == window.decisions):
            progress(done, window.decisions)
    return replay.result


class _Replay:
    """One run: what it needs to know beforehand, and its tally."""

    def __init__(self, policy: PolicySnapshot, window: Window) -> None:
        self.policy, self.window = policy, window
        self.ready = reply.sendable()
        self.sample = _Sample.of(window)
        self.detector: TopicDetector | None = None
        self.result = Backtest(
            policy=policy.number,
            digest=policy.digest(),
            since=window.since.isoformat(),
            until=window.until.isoformat(),
            days=window.days,
        )

    def cases(self) -> Iterator[tuple[int, Facts | None, Case]]:
        done = 0
        for batch in _batches(self.window):
            parts, findings = _parts(batch), _findings(batch)
            words = self._words(batch)
            for row in batch:
                done += 1
                labelled = parts.get(row["ticket_id"], []) if row["round"] == 1 else []
                case = self._case(row, labelled, findings.get(row["id"]))
                yield done, self._facts(row, words), case

    def _case(self, row: Row, parts: list[Review], finding: bool | None) -> Case:
        judged = sample.verdict_of(parts, row["intent"])
        return Case(
            decision=row["id"],
            ticket=row["ticket__reference"],
            at=row["at"].isoformat(),
            intent=row["intent"],
            confidence=row["confidence"],
            outcome=row["outcome"],
            queue=row["queue"],
            wrong=self.sample.label(row, parts),
            settled=self.sample.is_settled(row["ticket_id"]),
            judged_wrong=judged if finding is None else finding,
        )

    def _facts(self, row: Row, words: Mapping[int, str]) -> Facts | None:
        """The facts as recorded, but for what the draft itself would have brought: its reply and
        its topics."""
        try:
            facts = Facts.from_record(row["facts"])
        except (ValueError, TypeError):
            return None
        facts = replace(facts, reply_ready=reply.is_ready_under(facts, self.policy, self.ready))
        return self._searched(row, facts, words) if self._topics_differ(row) else facts

    def _topics_differ(self, row: Row) -> bool:
        if row["policy_id"] is None:
            return False
        then = published.snapshot_of(row["policy_id"], row["policy_digest"])
        return then.topics != self.policy.topics

    def _words(self, batch: list[Row]) -> dict[int, str]:
        """First messages of those tickets whose topics were found by other lists."""
        wanted = [r["ticket_id"] for r in batch if r["facts"] and self._topics_differ(r)]
        return check.first_words(wanted)

    def _searched(self, row: Row, facts: Facts, words: Mapping[int, str]) -> Facts:
        text = words.get(row["ticket_id"], "")
        if not text.strip() or row["round"] != 1:
            self.result.not_reread += 1
            return facts
        if self.detector is None:
            self.detector = TopicDetector(self.policy.topics)
        self.result.reread += 1
        return check.searched(facts, text, self.detector)


def _batches(window: Window) -> Iterator[list[Row]]:
    """The window's decisions in order of their numbers, by key and not by offset."""
    rows = Decision.objects.filter(at__gt=window.since, at__lte=window.until)
    first = rows.aggregate(first=Min("id"))["first"]  # so that no batch searches what is older
    rows, last = rows.order_by("id"), (first or 0) - 1
    while batch := list(rows.filter(pk__gt=last).values(*COLUMNS)[:BATCH]):
        yield batch
        last = batch[-1]["id"]


def _parts(batch: Iterable[Row]) -> dict[int, list[Review]]:
    found: dict[int, list[Review]] = {}
    tickets = [row["ticket_id"] for row in batch]
    for part in Review.objects.filter(ticket__in=tickets).order_by("id"):
        found.setdefault(part.ticket_id, []).append(part)
    return found


def _findings(batch: Iterable[Row]) -> dict[int, bool]:
    """What people said last of automatic answers."""
    rows = Finding.objects.filter(decision__in=[row["id"] for row in batch]).order_by("id")
    return dict(rows.values_list("decision_id", "wrong"))


# --- Written out ----------------------------------------------------------------------------------


def write_json(result: Backtest, file: TextIO) -> None:
    json.dump(result.as_record(), file, indent=2, sort_keys=True, ensure_ascii=True)
    file.write("\n")


class FlipTable:
    """Every flip as a line of CSV, written while the replay runs."""

    HEAD = ("direction", "ticket", "decision", "at", "intent", "confidence", "reasons")

    def __init__(self, file: TextIO) -> None:
        self._write = csv.writer(file, lineterminator="\n").writerow
        self._write(self.HEAD)

    def add(self, flip: Flip) -> None:
        record = flip.as_record() | {"reasons": " ".join(flip.reasons)}
        self._write([record[name] for name in self.HEAD])


def as_text(result: Backtest) -> str:
    """What a terminal shows."""
    record = result.as_record()
    up, down = record["flips"]["escalate_to_auto"], record["flips"]["auto_to_escalate"]
    lines = [
        f"Policy v{result.policy} on {result.replayed} decisions of {result.days} days, "
        f"{result.since[:16]} to {result.until[:16]}.",
        f"Automated: {record['automated_before']:.1%} then, "
        f"{record['automated_after']:.1%} with it.",
        "",
        f"person -> automatic: {up}",
        f"automatic -> person: {down}",
    ]
    for (direction, intent, reason), group in result.table():
        words = f"{direction.replace('_', ' ')}  {intent or 'no intent'}  {reason}".rstrip()
        examples = ", ".join(flip.case.ticket for flip in group.examples)
        lines.append(f"  {group.tickets:>6}  {words}  such as {examples}")
    avoided = record["observed_wrong_avoided"]
    lines += [
        "",
        f"Wrong among the new automatic answers: {result.wrongs().words}.",
        f"The model's own guess: {result.up_guess:.1f} wrong.",
        f"Observed wrong answers avoided: {avoided['wrong']} "
        f"(of {avoided['labelled']} that somebody judged).",
    ]
    if result.only_certificate:
        lines.append(f"Waiting for nothing but a certificate: {result.only_certificate}.")
    lines += ["", "Tickets for people, by queue (then, with it):"]
    lines += [f"  {slug or 'none':<20} {a:>7} {b:>7}" for slug, a, b in result.queues()]
    if result.reread or result.not_reread:
        lines.append(
            f"Searched again for the draft's topics: {result.reread}; "
            f"as recorded, their words being erased or later: {result.not_reread}."
        )
    if result.left_out:
        lines.append(f"Left out, without facts that can be read: {result.left_out}.")
    return "\n".join(
        [*lines, "", "Not estimable:", *(f"  - {words}" for words in NOT_ESTIMABLE), ""]
    )
