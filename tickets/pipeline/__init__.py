"""From what came in to what is decided: the one place that joins prediction and rules for a ticket.

May import services of `classification` and `decisions`, `history`, `promises`. Nothing above.
Start reading in `receive.py`, then `ask.py` and `decide.py`.
"""
