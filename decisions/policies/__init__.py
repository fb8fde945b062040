"""Policies as rows: drafts, checks, publication, scenarios, comparison.

May import `rules`, `deciding`, `certificates`, `why`.
Start reading in `drafts.py`, then `publish.py`.
"""
