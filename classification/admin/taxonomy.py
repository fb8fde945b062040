"""The taxonomy and predictions in the console."""

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from classification.models import Intent, Prediction
from supportops.ui import show
from supportops.ui.listing import ConsoleAdmin, ReadOnlyAdmin

RISK_TONES = {"open": "success", "assist": "info", "restricted": "danger"}


@admin.register(Intent)
class IntentAdmin(ConsoleAdmin):
    """What customers may want. Leads edit it; the slug stays for ever."""

    list_display = ("slug", "description", "risk_pill", "active", "position")
    list_filter = ("risk", "active")
    search_fields = ("slug", "description")
    fields = ("slug", "description", "not_this", "risk", "active", "position")
    list_per_page = 100

    def get_readonly_fields(self, request: HttpRequest, obj: Intent | None = None) -> list[str]:
        return ["slug"] if obj else []

    @display(description="Risk class")
    def risk_pill(self, intent: Intent) -> SafeString:
        if intent.risk is None:
            return show.pill("None: a person", "warning")
        return show.pill(intent.risk.capitalize(), RISK_TONES.get(intent.risk, "plain"))


@admin.register(Prediction)
class PredictionAdmin(ReadOnlyAdmin):
    """What classifiers said. History: it stays as it was said."""

    list_display = (
        "number",
        "to_ticket",
        "predicted",
        "how_sure",
        "runner_up",
        "classifier",
        "moment",
    )
    list_select_related = ("ticket",)
    list_filter = ("no_intent",)
    search_fields = ("=intent", "=classifier")
    search_help_text = "An intent or a classifier version"

    @display(description="Number")
    def number(self, prediction: Prediction) -> str:
        return f"#{prediction.pk}"

    @display(description="Ticket")
    def to_ticket(self, prediction: Prediction) -> SafeString:
        address = reverse("admin:tickets_ticket_change", args=[prediction.ticket_id])
        return format_html('<a class="so-link" href="{}">{}</a>', address, prediction.ticket)

    @display(description="Intent")
    def predicted(self, prediction: Prediction) -> str | SafeString:
        if prediction.failure:
            return show.pill(show.spoken(prediction.failure), "danger")
        if prediction.intent is None:
            return format_html('<span class="so-faint">{}</span>', prediction.no_intent)
        return prediction.intent

    @display(description="Confidence")
    def how_sure(self, prediction: Prediction) -> str:
        return show.percent(prediction.confidence, 1)

    @display(description="When")
    def moment(self, prediction: Prediction) -> str | SafeString:
        return show.clock(prediction.at)
