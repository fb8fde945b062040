"""Colleagues to whom tickets can be given."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser

BACKEND = "django.contrib.auth.backends.ModelBackend"  # the one that knows groups


def assignable() -> Iterable[AbstractBaseUser]:
    """Everybody who may work on tickets."""
    users: Any = get_user_model().objects
    able = users.with_perm("tickets.change_ticket", backend=BACKEND)
    return able.filter(is_active=True, is_staff=True).order_by("first_name", "username")
