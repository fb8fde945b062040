"""Alerts: when one fires, how long it lasts, whom it names.

May import `figures`, `rollup`, `drift`.
Start reading in `watch.py`, then `alerts.py`.
"""
