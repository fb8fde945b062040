"""The tables of tickets in the console."""

from tickets.admin import audit, history, people, promises, ticket

__all__ = ["audit", "history", "people", "promises", "ticket"]
