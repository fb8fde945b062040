"""Whether customers write differently than before, and about what.

May import services and tables of all apps.
Start reading in `drift.py`; `weeks.py` gathers what it compares.
"""
