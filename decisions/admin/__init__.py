"""Policies, decisions, reviews and what stops automation, in the console.

May import services below, `supportops.ui`; decides nothing.
Start reading in `policies.py`.
"""

from decisions.admin import policies, record, reply_templates, reviews, stops, trials

__all__ = ["policies", "record", "reply_templates", "reviews", "stops", "trials"]
