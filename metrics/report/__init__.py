"""The report of a period: text, JSON, CSV, one HTML page.

May import `figures`, `rollup`.
Start reading in `report.py`.
"""
