"""The tables of tickets in the console."""

from tickets.admin import history, people, ticket

__all__ = ["history", "people", "ticket"]
