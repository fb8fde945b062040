"""Whether customers write differently than before, and about what.

May import `figures`, tables.
Start reading in `drift.py`; `weeks.py` gathers what it compares.
"""
