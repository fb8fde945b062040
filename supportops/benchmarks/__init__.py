"""Speed and safety under load, measured against something run beside it.

May import everything; nothing imports it.
Start reading in `bench.py`, `crash.py`.
"""
