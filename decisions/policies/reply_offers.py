"""Reply templates as an agent is offered them: filled in, and open about what is not."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from decisions.models import ReplyTemplate
from decisions.rules import replies


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with the values of one ticket. What has no value is left as a gap."""

    template: ReplyTemplate
    body: str
    values: tuple[tuple[str, str], ...]  # variable and what stands in its place
    missing: tuple[str, ...]

    @property
    def has_gaps(self) -> bool:
        return not replies.is_complete(self.body)


def newest_templates() -> QuerySet[ReplyTemplate]:
    """The newest version of each template, by slug."""
    newer = ReplyTemplate.objects.filter(slug=OuterRef("slug"), version__gt=OuterRef("version"))
    return ReplyTemplate.objects.filter(~Exists(newer)).order_by("slug")


def fill_in(template: ReplyTemplate, values: Mapping[str, str]) -> Filled:
    """The template for an agent to read and finish. Unlike an automatic answer it may have gaps."""
    named = sorted(replies.variables_in(template.body))
    return Filled(
        template=template,
        body=replies.with_gaps(template.body, values),
        values=tuple((name, values[name]) for name in named if values.get(name)),
        missing=tuple(name for name in named if not values.get(name)),
    )
