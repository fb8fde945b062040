"""Classifiers, certificates and alarms, measured on public data and known risks.

May import everything; nothing imports it.
Start reading in `classifiers.py`.
"""
