"""The list of tickets in the console: filters, order, acting on many.

May import services below, `supportops.ui`; decides nothing.
Start reading in `change_list.py`.
"""
