"""Who asks, and with which key."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from tickets.codes import Scope

KEY_PREFIX = "so_"


class Requester(models.Model):
    """A person who writes to the business, known by the e-mail address."""

    email = models.EmailField(max_length=254, unique=True, null=True)  # noqa: DJ001  erased is null
    name = models.CharField(max_length=200, blank=True, db_index=True)
    verified = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())
    erased_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.name or self.email or f"erased #{self.pk}"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def in_force(self, now: datetime) -> Self:
        return self.filter(revoked_at=None).filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        )


class ApiKey(models.Model):
    """A key of an integration. Only its SHA-256 is kept: keys are 192 random bits, so a slow hash
    would protect nothing and cost every request."""

    name = models.CharField(max_length=100, unique=True)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=8, editable=False, help_text="Last four characters.")
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def digest_of(key: str) -> str:
        return hashlib.sha256(key.encode()).hexdigest()

    @classmethod
    def issue(
        cls,
        *,
        name: str,
        scopes: Iterable[Scope],
        expires_at: datetime | None = None,
        created_by: Any = None,
    ) -> tuple["ApiKey", str]:
        """Create a key. The second value is the key itself, which is stored nowhere."""
        key = KEY_PREFIX + secrets.token_urlsafe(24)
        row = cls.objects.create(
            name=name,
            digest=cls.digest_of(key),
            hint=key[-4:],
            scopes=sorted(set(scopes)),
            expires_at=expires_at,
            created_by=created_by,
        )
        return row, key

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes

    def note_use(self, now: datetime) -> None:
        """Keep the hour of last use; more often would turn every read into a write."""
        if self.last_used_at is None or now - self.last_used_at > timedelta(hours=1):
            type(self).objects.filter(pk=self.pk).update(last_used_at=now)
