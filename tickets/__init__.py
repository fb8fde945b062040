"""Tickets: people who write, what they wrote, and what becomes of it.

May import `classification` and `decisions`, from `pipeline` upwards only.
Start reading in docs/architecture.md, then `pipeline/receive.py`.
"""
