"""Permits with a number on them: which counts, on which sample, and what it says.

May import `rules`, `bounds`, `in_force`; never `deciding` or `stops`, which ask it.
Start reading in `validity.py`, `sample.py`, then `earn.py`.
"""
