"""Pages around a policy before it decides: replay, comparison, topics, shadow, second person."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from classification.models import Intent
from decisions.admin.stops import ReasonForm, show_errors
from decisions.models import Candidate, Policy, Publication, ReplyTemplate, Review
from decisions.policies import check, drafts, scenarios
from decisions.policies.compare import compare
from decisions.policies.publish import NotPublishable, Risks, needs_second, open_proposal, propose
from decisions.rules.backtest import DOWN, NOT_ESTIMABLE, UP, Backtest
from decisions.rules.policy import RuleInvalid
from decisions.rules.topics import TopicDetector, TopicsInvalid, check_lists
from decisions.trials import shadow, simulate
from decisions.trials.shadow import AlreadyRunning
from decisions.trials.simulate import NothingDecided, Window
from tickets.cache import remembered
from tickets.history import record
from tickets.history.record import Actor
from tickets.models import Ticket

MOST_ON_A_PAGE = 20_000  # decisions that somebody waits for; more is the command's matter
KEPT_SECONDS = 600


class DaysForm(forms.Form):
    days = forms.TypedChoiceField(
        choices=[(n, f"{n} days") for n in (7, 30, 90)], coerce=int, required=False
    )


def risks() -> Risks:
    """Intents in use with their risk classes."""
    return dict(Intent.objects.filter(active=True).values_list("slug", "risk"))


def in_force() -> int | None:
    """The key of the policy that decides now."""
    return Publication.objects.order_by("-id").values_list("policy_id", flat=True).first()


def checks_of(policy: Policy) -> dict[str, Any]:
    """What stands between a policy and its publication."""
    now = timezone.now()
    try:
        snapshot = policy.snapshot()
    except RuleInvalid as refusal:
        return {"unreadable": str(refusal)}
    findings = check.check(policy, risks=risks(), now=now)
    tried = scenarios.try_all(snapshot)
    return {
        "findings": findings,
        "needs_second": needs_second(findings),
        "may_raise": any(one.code == "below_certificate" for one in findings),
        "scenarios_asked": len(tried),
        "scenarios_failing": [one for one in tried if not one.passes],
        "proposal": open_proposal(policy, snapshot.digest(), now),
        "candidate": Candidate.objects.running().filter(policy=policy).first(),
    }


class TryingPages:
    """Views that the admin of policies mixes in."""

    admin_site: Any

    def trying_urls(self) -> list[URLPattern]:
        views = {
            "backtest": self.backtest_view,
            "compare": self.compare_view,
            "topics": self.topics_view,
            "shadow": self.shadow_view,
            "propose": self.propose_view,
            "raise": self.raise_view,
        }
        return [
            path(
                f"<int:policy_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"decisions_policy_{name}",
            )
            for name, view in views.items()
        ]

    def to_page(self, policy_id: int) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:decisions_policy_change", args=[policy_id]))

    def act_on(self, request: HttpRequest, policy_id: int, right: str) -> Policy | HttpResponse:
        raise NotImplementedError

    def looked_at(self, request: HttpRequest, policy_id: int) -> Policy:
        """The policy that somebody may look at."""
        if not request.user.has_perm("decisions.view_policy"):
            raise PermissionDenied
        policy = Policy.objects.filter(pk=policy_id).first()
        if policy is None:
            raise Http404("There is no such policy.")
        return policy

    def shown_page(
        self, request: HttpRequest, policy: Policy, name: str, title: str, **more: Any
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"{title}: {policy}",
            "policy": policy,
            **more,
        }
        return TemplateResponse(request, f"console/policy_{name}.html", context)

    # --- Looking ----------------------------------------------------------------------------------

    def backtest_view(self, request: HttpRequest, policy_id: int) -> HttpResponse:
        """What the policy would have done on the last days."""
        policy = self.looked_at(request, policy_id)
        form = DaysForm(request.GET)
        days = (form.cleaned_data["days"] if form.is_valid() else None) or 30
        shown: dict[str, Any] = {"days": days, "choices": (7, 30, 90)}
        try:
            window = Window.of(days)
        except NothingDecided as nothing:
            shown["nothing"] = str(nothing)
        else:
            shown["too_many"] = window.decisions if window.decisions > MOST_ON_A_PAGE else 0
            if not shown["too_many"]:
                shown |= told(replayed(policy, window))
        return self.shown_page(request, policy, "backtest", "Backtest", **shown)

    def compare_view(self, request: HttpRequest, policy_id: int) -> HttpResponse:
        """What it says otherwise than another version; if none is named, the one in force."""
        policy = self.looked_at(request, policy_id)
        asked = request.GET.get("with", "")
        chosen = int(asked) if asked.isdecimal() and len(asked) < 10 else in_force()
        other = Policy.objects.filter(pk=chosen or 0).first() or policy
        return self.shown_page(
            request,
            policy,
            "compare",
            "Compare",
            other=other,
            others=Policy.objects.exclude(pk=policy.pk).only("number", "name")[:50],
            found=compare(other.snapshot(), policy.snapshot()),
            publications=policy.publications.select_related("published_by", "second_by"),
        )

    # --- Topics -----------------------------------------------------------------------------------

    def topics_view(self, request: HttpRequest, policy_id: int) -> HttpResponse:
        """The lists of a policy: edited in a draft, and tried on a sentence in any."""
        policy = self.looked_at(request, policy_id)
        editable = not policy.published and request.user.has_perm("decisions.change_policy")
        sentence, lists = "", policy.topics
        if request.method == "POST":
            sentence = request.POST.get("sentence", "")[:2_000]
            lists = posted_lists(policy, request) if editable else lists
            if editable and "save" in request.POST and self.saved(request, policy, lists):
                return HttpResponseRedirect(request.path)
        return self.shown_page(
            request,
            policy,
            "topics",
            "Sensitive topics",
            editable=editable,
            lists=lines_of(lists),
            sentence=sentence,
            hits=found_in(lists, sentence) if sentence.strip() else None,
        )

    def saved(self, request: HttpRequest, policy: Policy, lists: Any) -> bool:
        try:
            drafts.word_topics(policy, lists)
        except TopicsInvalid as refusal:
            messages.error(request, str(refusal))
            return False
        messages.success(request, "The lists are saved in this draft.")
        return True

    # --- Acting -----------------------------------------------------------------------------------

    def shadow_view(self, request: HttpRequest, policy_id: int) -> HttpResponse:
        """Try the policy beside the live one, or stop trying it."""
        policy = self.act_on(request, policy_id, "decisions.add_candidate")
        if isinstance(policy, HttpResponse):
            return policy
        now, actor = timezone.now(), Actor.person(request.user)
        running = Candidate.objects.running().filter(policy=policy).first()
        if running is not None:
            shadow.end(running, now=now)
            messages.success(request, f"{policy} is no longer asked. What it said is kept.")
            return HttpResponseRedirect(candidate_address(running))
        try:
            candidate = shadow.start(actor=actor, now=now, policy=policy)
        except AlreadyRunning as refusal:
            messages.error(request, str(refusal))
            return self.to_page(policy_id)
        messages.success(request, f"{policy} is asked about every new ticket; nobody hears it.")
        return HttpResponseRedirect(candidate_address(candidate))

    def propose_view(self, request: HttpRequest, policy_id: int) -> HttpResponse:
        """Give the first of two words."""
        policy = self.act_on(request, policy_id, "decisions.add_publication")
        if isinstance(policy, HttpResponse):
            return policy
        form = ReasonForm(request.POST)
        if not form.is_valid():
            show_errors(request, form)
            return self.to_page(policy_id)
        try:
            propose(
                policy,
                actor=Actor.person(request.user),
                reason=form.cleaned_data["reason"],
                now=timezone.now(),
                risks=risks(),
            )
        except NotPublishable as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "Your word stands. Now somebody else has to publish it.")
        return self.to_page(policy_id)

    def raise_view(self, request: HttpRequest, policy_id: int) -> HttpResponse:
        """Raise thresholds below what was earned."""
        policy = self.act_on(request, policy_id, "decisions.change_policy")
        if isinstance(policy, HttpResponse):
            return policy
        if policy.published:
            raise PermissionDenied
        raised = drafts.raise_thresholds(policy, check.certified(timezone.now()))
        messages.success(request, f"{raised} thresholds raised to what was earned.")
        return self.to_page(policy_id)


def candidate_address(candidate: Candidate) -> str:
    return reverse("admin:decisions_candidate_change", args=[candidate.pk])


def replayed(policy: Policy, window: Window) -> Backtest:
    """The replay; kept for a while, since the same history, replies and draft give the same."""
    judged = Review.objects.order_by("-answered_at").exclude(answered_at=None)
    seen = [
        policy.snapshot().digest(),
        window.days,
        window.until.isoformat(),
        ReplyTemplate.objects.order_by("-pk").values_list("pk", flat=True).first(),
        judged.values_list("answered_at", flat=True).first(),
    ]
    key = f"backtest:{record.digest_of(record.canonical([str(one) for one in seen]))}"
    return remembered(key, lambda: simulate.simulate(policy, window), KEPT_SECONDS)


def told(result: Backtest) -> dict[str, Any]:
    """The replay as its page shows it, with links to tickets."""
    named = {flip.case.ticket for _, g in result.table() for flip in g.examples}
    keys = dict(Ticket.objects.filter(reference__in=named).values_list("reference", "pk"))
    return {
        "result": result,
        "up": result.flips(UP),
        "down": result.flips(DOWN),
        "before": result.share(after=False),
        "after": result.share(after=True),
        "wrongs": result.wrongs(),
        "kinds": [
            {
                "up": direction == UP,
                "intent": intent,
                "reason": reason,
                "tickets": group.tickets,
                "examples": [(f.case.ticket, keys.get(f.case.ticket)) for f in group.examples],
            }
            for (direction, intent, reason), group in result.table()
        ],
        "queues": [(slug, a, b, b - a) for slug, a, b in result.queues()],
        "not_estimable": NOT_ESTIMABLE,
    }


def lines_of(lists: Any) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Topics with their languages, each as the text of a field."""
    return [
        (
            topic,
            [(lang, f"{topic}:{lang}", "\n".join(entries)) for lang, entries in languages.items()],
        )
        for topic, languages in lists.items()
    ]


def posted_lists(policy: Policy, request: HttpRequest) -> dict[str, dict[str, list[str]]]:
    """The lists as they were sent; a field that is missing stays as it was."""
    return {
        topic: {
            language: _entries(request.POST.get(f"{topic}:{language}"), entries)
            for language, entries in languages.items()
        }
        for topic, languages in policy.topics.items()
    }


def _entries(text: str | None, before: list[str]) -> list[str]:
    if text is None:
        return before
    return [line.strip() for line in text.splitlines() if line.strip()]


def found_in(lists: Any, sentence: str) -> list[tuple[str, str]] | str:
    """Topics and entries that a sentence touches, or why the lists cannot be searched."""
    try:
        check_lists(lists)
    except TopicsInvalid as refusal:
        return str(refusal)
    return [(hit.topic, hit.entry) for hit in TopicDetector(lists).find(sentence)]
