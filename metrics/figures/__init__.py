"""What each number means: definitions, intervals and words.

May import nothing of Django. Pure.
Start reading in `definitions.py`.
"""
