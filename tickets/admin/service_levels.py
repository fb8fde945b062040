"""What the business promises, and when it works: edited by leads, in the words of people."""

from calendar import day_name
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from supportops.ui import show
from supportops.ui.listing import ConsoleAdmin
from tickets.business_time import HoursInvalid
from tickets.models import Calendar, ServiceLevel
from tickets.models.targets import MOST_MINUTES
from tickets.promises.hours_in_words import (
    read_closing_lines,
    read_day,
    read_minutes,
    spell_closing_days,
    spell_day,
    spell_minutes,
)

DAYS = [f"day_{number}" for number in range(7)]


class Written(forms.CharField):
    """A text that stands for something; what makes no sense is said in a sentence."""

    def __init__(self, read: Callable[[str], Any], **options: Any) -> None:
        self.read = read
        super().__init__(required=False, **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return self.read(text)
        except HoursInvalid as error:
            raise ValidationError(str(error)) from error


def _promised(text: str) -> int | None:
    minutes = read_minutes(text) if text.strip() else None
    if minutes is not None and not 1 <= minutes <= MOST_MINUTES:
        raise HoursInvalid(f"From 1 min to {spell_minutes(MOST_MINUTES)}.")
    return minutes


class ServiceLevelForm(forms.ModelForm):
    """Times are written as `4 h` or `1 h 30 min`."""

    first_response_minutes = Written(
        _promised,
        label="First answer within",
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "4 h"}),
        help_text="Business time, such as 30 min, 4 h or 1 h 30 min. Empty: not promised.",
    )
    resolution_minutes = Written(
        _promised,
        label="Resolved within",
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "24 h"}),
        help_text="Business time less the time in which the customer is waited for. "
        "With eight hours a day, 24 h are three days.",
    )

    class Meta:
        model = ServiceLevel
        fields = (
            "name",
            "queue",
            "priority",
            "first_response_minutes",
            "resolution_minutes",
            "around_the_clock",
            "calendar",
            "warn_percent",
            "active",
        )
        labels = {"warn_percent": "Warn at"}
        help_texts = {
            "queue": "Empty: all queues. A promise for a queue comes before one for a priority.",
            "priority": "Empty: all priorities.",
            "around_the_clock": "Every minute counts, whatever the opening hours.",
            "calendar": "Empty: the hours of the ticket’s queue, or else those of the business.",
            "warn_percent": "Percent of the time that may be used before people are warned.",
            "active": "Taken away, nothing new is promised by it. Clocks that run go on.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("first_response_minutes", "resolution_minutes"):
            minutes = self.initial.get(name)
            self.initial[name] = spell_minutes(minutes) if minutes is not None else ""


@admin.register(ServiceLevel)
class ServiceLevelAdmin(ConsoleAdmin):
    """Promises, the most specific of which counts for a ticket."""

    form = ServiceLevelForm
    list_display = ("name", "for_what", "first_answer", "end", "hours", "warning", "state")
    list_select_related = ("queue", "calendar")
    ordering = (
        F("queue__position").asc(nulls_last=True),
        F("first_response_minutes").asc(nulls_last=True),
        "id",
    )
    fields = ServiceLevelForm.Meta.fields

    @display(description="For")
    def for_what(self, level: ServiceLevel) -> str:
        parts = [str(level.queue)] if level.queue else []
        parts += [show.spoken(level.priority)] if level.priority else []
        return " · ".join(parts) or "All other tickets"

    @display(description="First answer")
    def first_answer(self, level: ServiceLevel) -> str:
        return _spelled(level.first_response_minutes)

    @display(description="Resolved")
    def end(self, level: ServiceLevel) -> str:
        return _spelled(level.resolution_minutes)

    @display(description="Hours")
    def hours(self, level: ServiceLevel) -> str:
        if level.around_the_clock:
            return "Around the clock"
        return str(level.calendar) if level.calendar else "Of the queue or business"

    @display(description="Warning")
    def warning(self, level: ServiceLevel) -> str:
        return f"at {level.warn_percent} %"

    @display(description="State")
    def state(self, level: ServiceLevel) -> SafeString:
        return show.pill("Active", "success") if level.active else show.pill("Off", "plain")


def _spelled(minutes: int | None) -> str:
    return spell_minutes(minutes) if minutes is not None else "–"


def _day_field(number: int) -> Written:
    return Written(
        lambda text: read_day(text, number),
        label=day_name[number],
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "closed"}),
    )


class CalendarForm(forms.ModelForm):
    """A field for each day of the week, and a line for each closing day."""

    day_0 = _day_field(0)
    day_1 = _day_field(1)
    day_2 = _day_field(2)
    day_3 = _day_field(3)
    day_4 = _day_field(4)
    day_5 = _day_field(5)
    day_6 = _day_field(6)
    closing_days = Written(
        read_closing_lines,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
        help_text="Own days beside the public ones, one a line: 2026-12-24 Christmas party.",
    )

    class Meta:
        model = Calendar
        fields = ("slug", "time_zone", "holiday_country", "holiday_subdivision", "closing_days")
        help_texts = {
            "time_zone": "A name such as Europe/Berlin. All times below are local there.",
            "holiday_country": "A code such as DE: its public holidays are free. Empty: none.",
            "holiday_subdivision": "Region of the country, such as BY; it may have more of them.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number, name in enumerate(DAYS):
            self.initial[name] = spell_day(self.instance.hours.get(str(number), []))
        self.initial["closing_days"] = spell_closing_days(self.instance.closing_days)

    def _post_clean(self) -> None:
        """Before the row itself is checked."""
        days = {str(number): self.cleaned_data.get(name) for number, name in enumerate(DAYS)}
        self.instance.hours = {number: spans for number, spans in days.items() if spans}
        super()._post_clean()  # type: ignore[misc]


@admin.register(Calendar)
class CalendarAdmin(ConsoleAdmin):
    """Business hours. The one called `default` is that of the business."""

    form = CalendarForm
    list_display = ("slug", "time_zone", "week", "region", "next_closing_day")
    fieldsets = (
        (None, {"fields": ("slug", "time_zone")}),
        (
            "Opening hours",
            {
                "fields": tuple(DAYS),
                "description": "Spans such as 09:00–12:00, 13:00–17:00. Empty: closed.",
            },
        ),
        (
            "Closed",
            {"fields": ("holiday_country", "holiday_subdivision", "closing_days")},
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Calendar | None = None) -> list[str]:
        return ["slug"] if obj else []

    @display(description="Open")
    def week(self, calendar: Calendar) -> str:
        days = [
            (day_name[int(day)][:3], spell_day(calendar.hours[day]))
            for day in sorted(calendar.hours)
        ]
        return "; ".join(f"{day} {spans}" for day, spans in days if spans) or "never"

    @display(description="Public holidays")
    def region(self, calendar: Calendar) -> str:
        parts = [calendar.holiday_country, calendar.holiday_subdivision]
        return "-".join(part for part in parts if part) or "–"

    @display(description="Next closing day")
    def next_closing_day(self, calendar: Calendar) -> str:
        today = timezone.localdate().isoformat()
        coming = [f"{day} {name}" for day, name in sorted(calendar.closing_days) if day >= today]
        return coming[0] if coming else "–"
