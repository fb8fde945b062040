"""Policies: a draft can be edited, a published version is history."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from classification.models import Intent
from decisions.admin.conditions import ConditionsField
from decisions.admin.policy_pages import TryingPages, checks_of, in_force, risks
from decisions.admin.stops import ReasonForm, show_errors
from decisions.models import EscalationRule, IntentRule, Policy, Publication, ReplyTemplate
from decisions.policies import drafts
from decisions.policies.publish import NotPublishable, publish
from decisions.rules.policy import RuleInvalid
from decisions.why.words import condition_words
from supportops.ui import show
from supportops.ui.listing import ConsoleAdmin, ReadOnlyAdmin
from tickets.history.record import Actor
from tickets.models import Queue


def slugs_of(name: str) -> list[str]:
    """What a rule may name: slugs of intents, queues and replies that exist."""
    if name == "intent":
        return list(Intent.objects.order_by("slug").values_list("slug", flat=True))
    if name == "template":
        rows = ReplyTemplate.objects.order_by("slug").values_list("slug", flat=True)
        return list(rows.distinct())
    return list(Queue.objects.values_list("slug", flat=True))


NAMED = {
    "intent": "intent",
    "template": "template",
    "queue": "queue",
    "default_queue": "queue",
    "guard_queue": "queue",
}


class NamesSlugs:
    """Fields that name a row by its slug are chosen, not typed."""

    def formfield_for_dbfield(
        self, db_field: models.Field, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        if db_field.name not in NAMED:
            return super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        offered = [(slug, slug) for slug in slugs_of(NAMED[db_field.name])]
        blank = [("", "–")] if db_field.blank else [("", "Choose…")]
        return forms.ChoiceField(
            choices=blank + offered,
            required=not db_field.blank,
            widget=UnfoldAdminSelectWidget,
            label=str(db_field.verbose_name).capitalize(),
        )


class PartInline(NamesSlugs, TabularInline):
    """Rules freeze with their policy."""

    extra = 0
    tab = False
    hide_title = True

    def _draft(self, obj: Policy | None) -> bool:
        return obj is not None and not obj.published

    def has_add_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        return self._draft(obj) and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        return self._draft(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        return self._draft(obj) and super().has_delete_permission(request, obj)


class IntentRuleInline(PartInline):
    model = IntentRule
    fields = (
        "intent",
        "level",
        "threshold",
        "margin",
        "queue",
        "priority",
        "template",
        "hourly_cap",
    )


class EscalationRuleForm(forms.ModelForm):
    """Conditions from drop-downs; stored as the engine reads them."""

    lines = ConditionsField(label="Conditions, all must hold")

    class Meta:
        model = EscalationRule
        fields = ("slug", "reason", "queue", "priority")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["lines"].initial = self.instance.conditions

    def _update_errors(self, errors: forms.ValidationError) -> None:
        """What the model says of its conditions is said of the lines that make them."""
        found = getattr(errors, "error_dict", {})
        if "conditions" in found:
            said = found.pop("conditions")
            if "lines" not in self.errors:
                found["lines"] = said
            errors = forms.ValidationError(found)
        if getattr(errors, "error_dict", True):
            super()._update_errors(errors)  # type: ignore[misc]

    def clean_lines(self) -> list[dict[str, Any]]:
        conditions: list[dict[str, Any]] = self.cleaned_data["lines"]
        self.instance.conditions = conditions
        return conditions


class EscalationRuleInline(PartInline):
    model = EscalationRule
    form = EscalationRuleForm
    fields = ("slug", "reason", "lines", "queue", "priority")


@admin.register(Policy)
class PolicyAdmin(TryingPages, NamesSlugs, ConsoleAdmin):
    list_display = ("title", "state", "published_times", "by_whom", "created")
    list_select_related = ("created_by",)
    inlines = (IntentRuleInline, EscalationRuleInline)
    fields = ("name", "default_queue", "guard_queue", "requester_cap", "hourly_cap")
    change_form_template = "console/policy.html"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:policy_id>/draft/", wrap(self.draft_view), name="decisions_policy_draft"),
            path(
                "<int:policy_id>/publish/",
                wrap(self.publish_view),
                name="decisions_policy_publish",
            ),
            *self.trying_urls(),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Policy]:
        rows: models.QuerySet[Policy] = super().get_queryset(request)
        latest = Publication.objects.order_by("-id").values("policy_id")[:1]
        return rows.annotate(times=models.Count("publications"), current=models.Subquery(latest))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a draft is made from an existing policy, never from nothing

    def has_change_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        if obj is not None and obj.published:
            return False
        return super().has_change_permission(request, obj)

    def get_inline_instances(self, request: HttpRequest, obj: Policy | None = None) -> list[Any]:
        """A published policy shows its rules in words, not in fields."""
        if obj is None or obj.published or not self.has_change_permission(request, obj):
            return []
        return super().get_inline_instances(request, obj)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        policy = self.get_object(request, unquote(object_id))
        shown = self.shown(request, policy) if policy is not None else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def shown(self, request: HttpRequest, policy: Policy) -> dict[str, Any]:
        """What stands around the form: rules in words, publications, what may be done."""
        rules = [
            (rule, [condition_words(condition) for condition in rule.snapshot().conditions])
            for rule in policy.escalation_rules.all()
        ]
        return {
            "title": str(policy),
            "policy": policy,
            "is_in_force": in_force() == policy.pk,
            "editable": self.has_change_permission(request, policy),
            "intent_rules": policy.intent_rules.all(),
            "rules": rules,
            "publications": policy.publications.select_related("published_by", "second_by"),
            "may_draft": request.user.has_perm("decisions.add_policy"),
            "may_publish": request.user.has_perm("decisions.add_publication"),
            "may_try": request.user.has_perm("decisions.add_candidate"),
            **checks_of(policy),
        }

    def act_on(self, request: HttpRequest, policy_id: int, right: str) -> Policy | HttpResponse:
        """The policy that somebody may act on."""
        if not request.user.has_perm(right):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        policy = Policy.objects.filter(pk=policy_id).first()
        if policy is None:
            raise Http404("There is no such policy.")
        return policy

    def draft_view(self, request: HttpRequest, policy_id: int) -> HttpResponse:
        """Make a draft with the same rules."""
        policy = self.act_on(request, policy_id, "decisions.add_policy")
        if isinstance(policy, HttpResponse):
            return policy
        draft = drafts.draft_from(policy, actor=Actor.person(request.user), now=timezone.now())
        messages.success(request, f"Draft {draft.number} holds the rules of {policy}.")
        return self.to_page(draft.pk)

    def publish_view(self, request: HttpRequest, policy_id: int) -> HttpResponse:
        """Put a policy in force, or an older one again."""
        policy = self.act_on(request, policy_id, "decisions.add_publication")
        if isinstance(policy, HttpResponse):
            return policy
        form = ReasonForm(request.POST)
        if not form.is_valid():
            show_errors(request, form)
            return self.to_page(policy_id)
        try:
            publish(
                policy,
                actor=Actor.person(request.user),
                reason=form.cleaned_data["reason"],
                now=timezone.now(),
                risks=risks(),
            )
        except (NotPublishable, RuleInvalid) as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, f"{policy} is in force from the next ticket on.")
        return self.to_page(policy_id)

    def to_page(self, policy_id: int) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:decisions_policy_change", args=[policy_id]))

    @display(description="Policy", ordering="number")
    def title(self, policy: Policy) -> str:
        return str(policy)

    @display(description="State")
    def state(self, policy: Policy) -> SafeString:
        if not policy.published:
            return show.pill("Draft", "info")
        if policy.current == policy.pk:  # type: ignore[attr-defined]
            return show.pill("In force", "success")
        return show.pill("Published earlier", "plain")

    @display(description="Times published")
    def published_times(self, policy: Policy) -> int:
        return int(policy.times)  # type: ignore[attr-defined]

    @display(description="By")
    def by_whom(self, policy: Policy) -> str:
        return show.person(policy.created_by) if policy.created_by else "the machine"

    @display(description="Made")
    def created(self, policy: Policy) -> str | SafeString:
        return show.ago(policy.created_at, "ago")


@admin.register(Publication)
class PublicationAdmin(ReadOnlyAdmin):
    list_display = ("number", "policy", "reason", "by_whom", "moment")
    list_select_related = ("policy", "published_by")

    @display(description="Number")
    def number(self, publication: Publication) -> str:
        return f"#{publication.pk}"

    @display(description="By")
    def by_whom(self, publication: Publication) -> str:
        return show.person(publication.published_by) if publication.published_by else "machine"

    @display(description="When")
    def moment(self, publication: Publication) -> str | SafeString:
        return show.clock(publication.at)
