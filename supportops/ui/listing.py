"""Parts that every list of the console is built from."""

from typing import Any

from django.contrib import admin
from django.core.paginator import EmptyPage, Page, Paginator
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.views import ChangeList


class CappedPaginator(Paginator):
    """Counts up to a cap, so that a list costs the same at a thousand and at a million rows."""

    template_name = "console/pagination.html"
    cap = 1_000

    @cached_property
    def keys(self) -> list[Any]:
        """Keys of the rows in their order; one more than the cap says that there are more.

        One look for all: it counts, and the page needs no second search and no OFFSET.
        """
        rows: Any = self.object_list
        return list(rows.values_list("pk", flat=True)[: self.cap + 1])

    @cached_property
    def count(self) -> int:
        return min(len(self.keys), self.cap)

    @property
    def is_capped(self) -> bool:
        return len(self.keys) > self.cap

    def validate_number(self, number: Any) -> int:
        """The last page stands for all behind it: rows may be gone since its link was shown."""
        try:
            return super().validate_number(number)
        except EmptyPage:
            return self.num_pages

    def page(self, number: int | str) -> Page:
        valid = self.validate_number(number)
        first = (valid - 1) * self.per_page
        wanted = self.keys[first : min(first + self.per_page, self.cap)]
        rows: Any = self.object_list
        return self._get_page(rows.filter(pk__in=wanted), valid, self)  # type: ignore[attr-defined]


class ConsoleChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        # Django asks for a single page by the whole search again; the keys are known already.
        page = self.paginator.page(self.page_num)
        self.result_list = page.object_list
        self.page_num: int = page.number
        # Whatever it counted is all there is to say: no "n results (show all)" in the header.
        self.full_result_count = self.result_count


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
    list_max_show_all = 0
    when_empty = ""  # what will stand here, for a list without a row

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = str(self.opts.verbose_name_plural).capitalize()
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One button to save is enough."""
        fewer = {"show_save_and_continue": False, "show_save_and_add_another": False}
        return super().changeform_view(
            request, object_id, form_url, {**fewer, **(extra_context or {})}
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ConsoleChangeList

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(ConsoleAdmin):
    """History and machinery: looked at, never changed."""

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Only the right to look opens it: elsewhere a right to change stands for both."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.view_{self.opts.model_name}"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
