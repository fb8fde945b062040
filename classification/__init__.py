"""What a message is probably about: text in, probabilities out.

May import tables of tickets; never `decisions`, but for pages and commands.
Start reading in `contract.py`, then `services.py`.
"""
