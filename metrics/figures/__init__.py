"""What each number means: definitions, intervals, words and charts.

May import nothing of Django. Pure.
Start reading in `definitions.py`.
"""
