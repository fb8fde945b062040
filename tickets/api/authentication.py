"""Who calls the API, and what they may do. There are no sessions here, so CSRF plays no part.

The settings of the API framework name what is here, so nothing here may import its views.
"""

import logging
from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, MethodNotAllowed, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tickets.models import ApiKey
from tickets.models.sql import API_KEY, rows_of

logger = logging.getLogger("supportops.authentication")


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer so_…`."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        key = _key_in_force(request)
        return None if key is None else (None, key)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def key_of(request: HttpRequest) -> ApiKey | None:
    """The key of a request outside the API framework; None without a key that is in force."""
    try:
        return _key_in_force(request)
    except AuthenticationFailed:
        return None


def _key_in_force(request: HttpRequest | Request) -> ApiKey | None:
    """None where no key was sent. Keys are random, so they are looked up by their SHA-256.

    Raises:
        AuthenticationFailed: the key is unknown, revoked or expired.
    """
    scheme, _, given = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer":
        return None
    found = rows_of(ApiKey, API_KEY, ApiKey.digest_of(given.strip()))
    if not found:
        raise AuthenticationFailed("This key is not known.")
    key = found[0]
    _refuse_ended(key)
    _note_use(key)
    return key


def _refuse_ended(key: ApiKey) -> None:
    if key.revoked_at is not None:
        raise AuthenticationFailed("This key was revoked.")
    if key.expires_at is not None and key.expires_at <= timezone.now():
        raise AuthenticationFailed("This key has expired.")


def _note_use(key: ApiKey) -> None:
    try:
        key.note_use(timezone.now())
    except DatabaseError as error:
        # A database that cannot write can still answer questions.
        logger.warning("use of key %s not noted: %s", key.pk, type(error).__name__)


class HasScope(BasePermission):
    """A view names the scope of each of its methods in `scopes`; what is not named is refused."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiKey):
            return False
        method = str(request.method)
        if method.lower() not in view.http_method_names or not hasattr(view, method.lower()):
            raise MethodNotAllowed(method)
        scope = self.scope_of(view, method)
        if scope is None or not request.auth.allows(scope):
            raise PermissionDenied(f"The key needs the scope {scope}.")
        return True

    @staticmethod
    def scope_of(view: Any, method: str) -> Any:
        scopes = getattr(view, "scopes", {})
        return scopes.get("GET" if method == "HEAD" else method)
