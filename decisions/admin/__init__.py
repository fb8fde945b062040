"""Policies, decisions and what stops automation, in the console."""

from decisions.admin import policies, record, reviews, stops, trials, wordings

__all__ = ["policies", "record", "reviews", "stops", "trials", "wordings"]
