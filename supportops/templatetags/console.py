"""`{% load console %}`: the words and marks of `supportops.ui.show` as filters."""

from django import template

from supportops.ui import show

register = template.Library()
for _filter in (
    show.ago,
    show.clock,
    show.percent,
    show.doubt,
    show.half,
    show.unlocal,
    show.number,
    show.spoken,
    show.person,
    show.status_pill,
    show.priority_pill,
    show.outcome_pill,
    show.level_pill,
):
    register.filter(_filter)
