"""Decisions in words: which rule, which numbers, what would have turned it.

May import `rules`, tables of decisions.
Start reading in `explain.py`.
"""
