"""What a message is probably about: text in, probabilities out.

May import tables of tickets; never `decisions`.
Start reading in `contract.py`, then `services.py`.
"""
