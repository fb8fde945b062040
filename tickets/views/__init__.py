"""The customer's pages: the form and a ticket's page.

May import services below, and what other entry points share; decides nothing.
Start reading in `form_page.py`, `tracking_page.py`.
"""

from tickets.views.form_page import inquiry
from tickets.views.refusal import csrf_failure
from tickets.views.theme import theme
from tickets.views.tracking_page import sent, track

__all__ = ["csrf_failure", "inquiry", "sent", "theme", "track"]
