"""Policies, decisions and what stops automation, in the console."""

from decisions.admin import policies, record, stops, wordings

__all__ = ["policies", "record", "stops", "wordings"]
