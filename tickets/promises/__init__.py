"""Service levels: what is promised, by which calendar, and what has become of it.

May import tables of tickets, `business_time`, `history`.
Start reading in `targets.py`.
"""
