"""What happens to a ticket: facts in, verdict out, and what permits or stops automation.

May import tables of tickets; never a classifier.
Start reading in `rules/engine.py`, then `deciding/decide.py`.
"""
