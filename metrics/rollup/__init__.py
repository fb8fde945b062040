"""Counting by the hour, keeping it, and answering from what is kept.

May import `figures`, services and tables of all apps.
Start reading in `roll_up.py`, which writes, then `ask.py`, which reads.
"""
