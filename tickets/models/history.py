"""Rows that only grow. Refused here, in the admin and by a database trigger."""

from typing import Any, ClassVar, NoReturn, TypeVar

from django.db import models

from tickets.models.sql import insert

M = TypeVar("M", bound=models.Model)


class HistoryIsReadOnly(Exception):
    """Somebody tried to change or delete what is on record."""


class HistoryQuerySet(models.QuerySet[M]):
    """A QuerySet without update and delete."""

    def _refuse(self) -> NoReturn:
        raise HistoryIsReadOnly(f"{self.model.__name__} rows are never changed or deleted.")

    def update(self, **kwargs: Any) -> int:
        self._refuse()

    def delete(self) -> tuple[int, dict[str, int]]:
        self._refuse()

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        self._refuse()


HistoryManager = models.Manager.from_queryset(HistoryQuerySet)


class HistoryModel(models.Model):
    """Base of append-only tables: a row is inserted once and stays as it is."""

    objects: ClassVar[Any] = HistoryManager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise HistoryIsReadOnly(f"{type(self).__name__} rows are never changed.")
        if self.pk is None:
            insert(self)
        else:
            super().save(*args, **kwargs | {"force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise HistoryIsReadOnly(f"{type(self).__name__} rows are never deleted.")
