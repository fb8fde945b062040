"""What people keep of the ticket list: views, and what they did to many tickets at once."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from tickets.codes import BulkKind
from tickets.models.ticket import choices, one_of

UNDO_WITHIN = timedelta(minutes=10)


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def seen_by(self, user: Any) -> Self:
        """Somebody's own, and what is shared with everybody."""
        return self.filter(Q(owner=user) | Q(shared=True))


class SavedView(models.Model):
    """A name for a search of the ticket list: its filters as they stand in the address."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=500)
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["shared", "name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="saved_view_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="saved_view_named"),
        ]
        permissions = [("share_savedview", "Can share views with everybody")]

    def __str__(self) -> str:
        return self.name


class BulkChangeQuerySet(models.QuerySet["BulkChange"]):
    def undoable(self, user: Any, now: datetime) -> Self:
        """What somebody did a moment ago and may take back."""
        return self.filter(user=user, undone_at=None, at__gt=now - UNDO_WITHIN).order_by("-id")


class BulkChange(models.Model):
    """One thing done to many tickets at once, with what each of them was before."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=choices(BulkKind))
    at = models.DateTimeField()
    # A list of {"ticket": id, "changed_at": time, "before": {column: value}}
    tickets = models.JSONField()
    undone_at = models.DateTimeField(null=True, blank=True)

    objects = BulkChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [one_of("kind", BulkKind, "bulk_change_kind_known")]
        indexes = [models.Index(fields=["user", "-id"], name="bulk_change_user")]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"
