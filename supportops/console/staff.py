"""Accounts of staff and their roles in the console."""

from typing import Any

from axes import admin as axes_admin
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from supportops.ui.listing import ConsoleAdmin, ReadOnlyAdmin

# Their own pages come first, so that ours can take their places.
admin.site.unregister([User, Group, AccessAttempt])
admin.site.unregister([axes_admin.AccessLog, axes_admin.AccessFailureLog])


@admin.register(User)
class StaffAdmin(ConsoleAdmin, DjangoUserAdmin):  # type: ignore[misc]
    """Who works here. Nobody gives rights that go beyond their own."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "first_name", "last_name", "role_names", "is_active", "last_login")
    list_filter = ("is_active",)
    search_fields = ("username", "first_name", "last_name", "email")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "groups")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "first_name", "last_name", "groups")}),
        ("Password", {"fields": ("password1", "password2")}),
    )
    readonly_fields = ("last_login", "date_joined")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Roles are few: all are seen at once."""
        field = super().formfield_for_manytomany(
            db_field, request, widget=CheckboxSelectMultiple, **kwargs
        )
        assert field is not None  # roles are a field of every account
        field.help_text = "What somebody may do; docs/roles.md says what each role is good for."
        return field

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """An account without limits is changed only by another one without."""
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not change:
            obj.is_staff = True  # customers have no accounts
        super().save_model(request, obj, form, change)

    @admin.display(description="Roles")
    def role_names(self, user: User) -> str:
        if user.is_superuser:
            return "everything"
        return ", ".join(group.name for group in user.groups.all()) or "none"


@admin.register(Group)
class RoleAdmin(ReadOnlyAdmin, DjangoGroupAdmin):  # type: ignore[misc]
    """What each role may do. Installed by `manage.py prepare`."""

    list_display = ("name",)
    fields = ("name", "rights")
    readonly_fields = ("rights",)

    @admin.display(description="Rights")
    def rights(self, group: Group) -> str:
        names = group.permissions.values_list("content_type__app_label", "codename")
        return ", ".join(sorted(f"{app}.{code}" for app, code in names))


@admin.register(AccessAttempt)
class FailedLoginAdmin(ReadOnlyAdmin):
    """Wrong passwords by name and address. To delete a row is to unlock."""

    list_display = ("username", "ip_address", "failures_since_start", "locked", "attempt_time")
    search_fields = ("username", "ip_address")
    fields = ("username", "ip_address", "failures_since_start", "attempt_time", "user_agent")
    ordering = ("-attempt_time",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("axes.delete_accessattempt"))

    @admin.display(description="Locked", boolean=True)
    def locked(self, attempt: Any) -> bool:
        return bool(attempt.failures_since_start >= settings.AXES_FAILURE_LIMIT)
