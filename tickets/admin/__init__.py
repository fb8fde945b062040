"""The tables of tickets in the console.

May import services below, `supportops.ui`; decides nothing.
Start reading in `ticket/ticket_admin.py`, `ticket_list/change_list.py`.
"""

from tickets.admin import audit, history, people, service_levels
from tickets.admin.ticket import ticket_admin

__all__ = ["audit", "history", "people", "service_levels", "ticket_admin"]
