"""Training on tickets, comparing versions on the same messages, and what they may then do.

May import services of `classification` and `decisions`, `pipeline`.
Start reading in `train.py`, then `certify.py`.
"""
