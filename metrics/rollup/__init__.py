"""Counting by the hour, keeping it, and answering from what is kept.

May import `figures`, tables of all apps.
Start reading in `roll_up.py` writes, `ask.py` reads.
"""
