"""Alerts: when one fires, how long it lasts, whom it names.

May import `rollup`, `drift`, services and tables below.
Start reading in `watch.py`, then `alerts.py`.
"""
