"""The customer's pages."""

from tickets.views.following import sent, track
from tickets.views.inquiring import inquiry
from tickets.views.refusing import csrf_failure
from tickets.views.theming import theme

__all__ = ["csrf_failure", "inquiry", "sent", "theme", "track"]
