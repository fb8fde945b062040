"""What several classifiers have in common: rows, vocabulary, parts of a message, calibration.

May import `reading`, `contract`. Pure.
Start reading in `parts.py`, `calibration.py`.
"""
