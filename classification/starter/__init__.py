"""The starter messages that a fresh install learns from, by writer, and those held out.

May import nothing. Pure.
Start reading in `corpus.py`.
"""
