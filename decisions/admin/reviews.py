"""Blind review in the console: one message after the other, two keys each."""

from itertools import zip_longest
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from decisions.certificates import progress
from decisions.in_force import policy_in_force
from decisions.models import Quarantine, Review
from decisions.reviews import answers, queue
from decisions.reviews.answers import Answer, AnswerIncomplete, NotYours
from supportops.ui import show
from supportops.ui.listing import ReadOnlyAdmin
from tickets.codes import ReviewPart, ReviewVerdict

# One key for each intent, in the order in which they are shown. `y` and `n` answer the second
# question, so they are left out.
KEYS = "abcdefghijklmopqrstuvwxz1234567890"
OTHER_VERDICTS = {
    ReviewVerdict.NONE: ("None of these", "."),
    ReviewVerdict.TWO: ("Two requests at once", ","),
    ReviewVerdict.UNDECIDABLE: ("Cannot be told", "/"),
}


class AnswerForm(forms.Form):
    """`choice` is an intent as `intent:slug`, or one of the other verdicts."""

    choice = forms.CharField(max_length=80, error_messages={"required": "Choose an answer."})
    machine_could = forms.ChoiceField(
        choices=[("yes", "yes"), ("no", "no"), ("", "")], required=False
    )
    note = forms.CharField(max_length=500, required=False)

    def answer(self) -> Answer:
        """What was said. Raises AnswerIncomplete for a choice that is none."""
        if not self.is_valid():
            raise AnswerIncomplete("Choose an answer.")
        choice, could = self.cleaned_data["choice"], self.cleaned_data["machine_could"]
        if choice.startswith("intent:"):
            return Answer(
                verdict=ReviewVerdict.INTENT,
                intent=choice.removeprefix("intent:"),
                machine_could={"yes": True, "no": False}.get(could),
                note=self.cleaned_data["note"],
            )
        if choice not in set(OTHER_VERDICTS):
            raise AnswerIncomplete("Choose an answer.")
        return Answer(verdict=ReviewVerdict(choice), note=self.cleaned_data["note"])


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    """What was drawn and what was said of it. Open ones do not show here what others said."""

    list_display = ("ticket_id", "part", "stratum", "state", "verdict", "intent", "moment")
    list_filter = ()
    list_select_related = ("reviewer",)
    when_empty = "A part of all tickets is drawn when they come in; each then waits for a reviewer."
    fields = (
        "ticket_id",
        "part",
        "u",
        "rate",
        "stratum",
        "verdict",
        "intent",
        "machine_could",
        "reviewer",
        "answered_at",
        "due_at",
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """A person who reviews sees no answers to tickets that may still be theirs to judge."""
        rows = super().get_queryset(request)
        return rows.exclude(ticket__reviews__answered_at=None)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("next/", view(self.next_view), name="decisions_review_next"),
            path("standing/", view(self.standing_view), name="decisions_review_standing"),
            path("<int:review_id>/answer/", view(self.answer_view), name="decisions_review_answer"),
            path("<int:review_id>/skip/", view(self.skip_view), name="decisions_review_skip"),
            *super().get_urls(),
        ]

    def next_view(self, request: HttpRequest) -> HttpResponse:
        """The next message for this person. Looking reserves it for a quarter of an hour."""
        review = queue.next_for(
            self._reviewer(request),
            may_settle=self._settles(request),
            now=timezone.now(),
            part=ReviewPart.SETTLE if "settle" in request.GET else None,
        )
        return self._page(request, review, AnswerForm())

    def answer_view(self, request: HttpRequest, review_id: int) -> HttpResponse:
        user = self._reviewer(request)
        form = AnswerForm(request.POST or None)
        if request.method != "POST":
            return self._onwards()
        try:
            answers.answer(
                review_id,
                user,
                form.answer(),
                may_settle=self._settles(request),
                now=timezone.now(),
            )
        except AnswerIncomplete as error:
            messages.error(request, str(error))
            return self._page(request, Review.objects.filter(pk=review_id).first(), form)
        except (NotYours, Review.DoesNotExist):
            messages.warning(request, "Somebody else has answered this one meanwhile.")
        return self._onwards()

    def skip_view(self, request: HttpRequest, review_id: int) -> HttpResponse:
        user = self._reviewer(request)
        if request.method == "POST" and Review.objects.filter(pk=review_id).exists():
            queue.skip(review_id, user, now=timezone.now())
        return self._onwards()

    def standing_view(self, request: HttpRequest) -> HttpResponse:
        """What the reviews say so far, and how far it is to a certificate."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "What the reviews say",
            **progress.gather(timezone.now()),
            "may_settle": self._settles(request),
            "quarantines": Quarantine.objects.filter(lifted_at=None),
        }
        return TemplateResponse(request, "console/standing.html", context)

    def _onwards(self) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:decisions_review_next"))

    def _reviewer(self, request: HttpRequest) -> User:
        user = request.user
        if not isinstance(user, User) or not user.has_perm("decisions.change_review"):
            raise PermissionDenied
        return user

    def _settles(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("decisions.settle_review"))

    def _page(self, request: HttpRequest, review: Review | None, form: AnswerForm) -> HttpResponse:
        user = self._reviewer(request)
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        context = {
            **self.admin_site.each_context(request),
            "title": "Blind review",
            "review": review,
            "opening": queue.opening_of(review) if review else None,
            "form": form,
            "intents": _choices(),
            "others": [(v.value, words, key) for v, (words, key) in OTHER_VERDICTS.items()],
            "progress": queue.progress_of(
                user, may_settle=self._settles(request), midnight=midnight
            ),
            "standing_url": reverse("admin:decisions_review_standing")
            if request.user.has_perm("decisions.view_review")
            else "",
        }
        return TemplateResponse(request, "console/review.html", context)

    @display(description="State")
    def state(self, review: Review) -> SafeString:
        return show.pill("Answered", "success")

    @display(description="Answered")
    def moment(self, review: Review) -> str | SafeString:
        return show.ago(review.answered_at)


def _choices() -> list[tuple[str, str]]:
    """Intents of the policy in force with their keys, in an order that tells nothing."""
    intents = sorted(policy_in_force().snapshot.intents)
    return list(zip_longest(intents, KEYS[: len(intents)], fillvalue=""))
