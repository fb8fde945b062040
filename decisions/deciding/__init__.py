"""The service around the engine: gathers facts, decides, and makes the row.

May import `rules`, `in_force`, `certificates.validity`, `tickets.promises`.
Start reading in `decide.py`.
"""
