"""The record: events, audit chain, signed heads, and the triggers that keep them.

May import tables of tickets alone. The only writer of history.
Start reading in `record.py`: one call writes event, audit record and outbox rows.
"""
