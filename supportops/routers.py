"""Sends the shared cache to a database file of its own, so that counters cost no fsync."""

from typing import Any


class CacheRouter:
    app_label = "django_cache"

    def _alias(self, model: Any) -> str | None:
        return "cache" if model._meta.app_label == self.app_label else None

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return self._alias(model)

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return self._alias(model)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return (db == "cache") == (app_label == self.app_label)
