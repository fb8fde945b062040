"""The API of decisions, reviews and the kill switch.

May import services of decisions; decides nothing.
Start reading in `decisions.py`.
"""
