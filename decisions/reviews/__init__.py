"""Blind review: somebody who did not handle a ticket judges its first message and nothing else.

May import `certificates`, where what they say counts, and `stops`, which it feeds.
Start reading in `queue.py`, then `answers.py`.
"""
