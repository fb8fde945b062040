"""The report of a period: text, JSON, CSV, one HTML page.

May import `figures`, `rollup`, `decisions.why`, `supportops.ui`.
Start reading in `report.py`.
"""
