"""The numbers for machines: JSON, alerts, Prometheus.

May import everything in metrics; decides nothing.
Start reading in `metrics.py`, `exposition.py`.
"""
