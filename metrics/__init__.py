"""What is measured, and who is told. Reads everything below; nobody below imports it.

May import services and tables of the other apps.
Start reading in `figures/definitions.py`, then `rollup/roll_up.py`.
"""
