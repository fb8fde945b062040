"""Model versions in the console: how good they are, against each other, and which is in force."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from classification import services
from classification.contract import ClassifierUnavailable, ModelDamaged
from classification.models import ModelVersion, Promotion
from decisions.models import Certificate
from supportops.ui import show
from supportops.ui.charts import AS_STATED, Chart, Series, radius
from supportops.ui.listing import ReadOnlyAdmin
from tickets.history.record import Actor
from tickets.learning import compare

SHOWN_DIFFERENCES = 30


class PromotionForm(forms.Form):
    reason = forms.CharField(
        max_length=300, error_messages={"required": "Say why, for those who read this later."}
    )


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    list_display = (
        "version",
        "state",
        "classifier",
        "name",
        "training_rows",
        "accuracy",
        "trained",
    )
    fields = ("version",)
    change_form_template = "console/model.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "classification_modelversion"
        return [
            path("<int:model_id>/promote/", view(self.promote_view), name=f"{name}_promote"),
            path("<int:model_id>/compare/", view(self.compare_view), name=f"{name}_compare"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        model = self.get_object(request, unquote(object_id))
        shown = self._shown(request, model) if isinstance(model, ModelVersion) else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def _shown(self, request: HttpRequest, model: ModelVersion) -> dict[str, Any]:
        in_force = _in_force()
        scores = model.scores
        certificates = Certificate.objects.in_force(model.version, timezone.now())
        return {
            "title": model.version,
            "model": model,
            "is_in_force": in_force is not None and in_force.pk == model.pk,
            "in_force": in_force,
            "certificate": certificates.first(),
            "may_promote": request.user.has_perm("classification.add_promotion"),
            "promotions": model.promotions.select_related("by")[:10],
            "headline": _headline(scores),
            "charts": [chart for chart in (reliability(scores), risk_curve(scores)) if chart],
            "confusions": scores.get("confusions", []),
            "intents": sorted(scores.get("per_intent", {}).items()),
        }

    def promote_view(self, request: HttpRequest, model_id: int) -> HttpResponse:
        """Put a version in force, or an older one again. It starts without a certificate."""
        if not request.user.has_perm("classification.add_promotion"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        model, form = get_object_or_404(ModelVersion, pk=model_id), PromotionForm(request.POST)
        if not form.is_valid():
            messages.error(request, str(form.errors["reason"][0]))
        elif (refused := _refusal(model)) is not None:
            messages.error(request, refused)
        else:
            services.promote(
                model,
                actor=Actor.person(request.user),
                reason=form.cleaned_data["reason"],
                now=timezone.now(),
            )
            messages.success(request, f"{model.version} is in force from the next prediction on.")
        address = reverse("admin:classification_modelversion_change", args=[model_id])
        return HttpResponseRedirect(address)

    def compare_view(self, request: HttpRequest, model_id: int) -> HttpResponse:
        """This version against the one in force, on the same labelled messages."""
        if not request.user.has_perm("classification.view_modelversion"):
            raise PermissionDenied
        candidate, current = get_object_or_404(ModelVersion, pk=model_id), _in_force()
        try:
            found = compare.compare_models(current, candidate) if current else []
        except (ModelDamaged, ClassifierUnavailable) as error:
            found = []
            messages.error(request, str(error))
        context = {
            **self.admin_site.each_context(request),
            "title": "Compare models",
            "model": candidate,
            "in_force": current,
            "comparisons": [(one, one.differences[:SHOWN_DIFFERENCES]) for one in found],
        }
        return TemplateResponse(request, "console/models_compared.html", context)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        latest = Promotion.objects.order_by("-id").values("model_id")[:1]
        rows: QuerySet[ModelVersion] = super().get_queryset(request)
        return rows.annotate(serving_pk=Subquery(latest))

    @display(description="State")
    def state(self, model: ModelVersion) -> str | SafeString:
        if model.pk == model.serving_pk:  # type: ignore[attr-defined]
            return show.pill("In force", "success")
        return "–"

    @display(description="Accuracy")
    def accuracy(self, model: ModelVersion) -> str:
        return show.percent(model.scores.get("accuracy"), 1)

    @display(description="Trained")
    def trained(self, model: ModelVersion) -> str | SafeString:
        return show.ago(model.trained_at, "ago")


def _in_force() -> ModelVersion | None:
    latest = Promotion.objects.select_related("model").order_by("-id").first()
    return latest.model if latest else None


def _refusal(model: ModelVersion) -> str | None:
    """Why a version cannot serve: nothing is put in force that cannot be loaded."""
    try:
        compare.load(model)
    except (ModelDamaged, ClassifierUnavailable) as error:
        return f"It was not put in force. {error}"
    return None


def _headline(scores: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures by which a model is first judged, with what each means beside it."""
    calibration, outside = scores.get("calibration") or {}, scores.get("out_of_scope") or {}
    low, high = calibration.get("perfect_low"), calibration.get("perfect_high")
    ece = show.number(calibration.get("ece"))
    if low is not None:
        ece = f"{ece} (a perfect model: {show.number(low)} to {show.number(high)})"
    return [
        ("Right, in scope", show.percent(scores.get("accuracy"), 1)),
        ("Named an intent", show.percent(scores.get("answered"), 1)),
        ("Out of scope, yet named", show.percent(scores.get("out_of_scope_answered"), 1)),
        ("Calibration error", ece),
        ("Out of scope told apart (AUROC)", show.number(outside.get("auroc"))),
        ("Messages, intents", f"{scores.get('rows', '–')}, {scores.get('intents', '–')}"),
        ("Measured", str(scores.get("method", "–"))),
    ]


def reliability(scores: dict[str, Any]) -> Chart | None:
    """Stated confidence against the share right; None for a model stored before it was kept."""
    bins = scores.get("reliability")
    if not bins:
        return None
    most = max(one["rows"] for one in bins)
    return Chart(
        title="Does confidence mean what it says?",
        x_label="stated confidence",
        y_label="share right",
        series=[
            AS_STATED,
            Series(
                "messages, larger where they are many",
                [(one["stated"], one["right"]) for one in bins],
                look="dots",
                sizes=[radius(one["rows"], most) for one in bins],
            ),
        ],
        headings=("Stated", "Right", "Messages"),
        rows=[
            (show.percent(one["stated"], 1), show.percent(one["right"], 1), str(one["rows"]))
            for one in bins
        ],
    )


def risk_curve(scores: dict[str, Any]) -> Chart | None:
    """How many would be wrong among the surest share."""
    points = scores.get("risk_coverage")
    if not points:
        return None
    return Chart(
        title="What would automating more cost?",
        x_label="share of messages, the surest first",
        y_label="wrong among them",
        most_y=max(0.05, *(one["risk"] for one in points)),
        series=[Series("wrong", [(one["coverage"], one["risk"]) for one in points], tone="danger")],
        headings=("Share", "Wrong"),
        rows=[(show.percent(p["coverage"]), show.percent(p["risk"], 1)) for p in points],
    )


@admin.register(Promotion)
class PromotionAdmin(ReadOnlyAdmin):
    list_display = ("model", "by_whom", "reason", "moment")
    list_select_related = ("model", "by")

    @display(description="By")
    def by_whom(self, promotion: Promotion) -> str:
        return show.person(promotion.by) if promotion.by else "the machine"

    @display(description="When")
    def moment(self, promotion: Promotion) -> str | SafeString:
        return show.clock(promotion.at)
