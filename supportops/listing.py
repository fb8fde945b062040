"""Parts that every list of the console is built from."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin


class CappedPaginator(Paginator):
    """Counts up to a cap, so that a list costs the same at a thousand and at a million rows."""

    template_name = "console/pagination.html"
    cap = 1_000

    @cached_property
    def counted(self) -> int:
        """Rows counted; one more than the cap says that there are more."""
        rows: Any = self.object_list
        # Only keys: the order and the joined rows of the page play no part in a count.
        return rows.order_by().values("pk")[: self.cap + 1].count()

    @cached_property
    def count(self) -> int:  # type: ignore[override]
        return min(self.counted, self.cap)

    @property
    def is_capped(self) -> bool:
        return self.counted > self.cap


class ConsoleAdmin(ModelAdmin):
    """Base of the console's lists: wide, counted only as far as it helps, nothing deleted."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    list_filter_submit = False
    actions = None
    compressed_fields = True
    show_facets = admin.ShowFacets.NEVER

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(ConsoleAdmin):
    """History and machinery: looked at, never changed."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
