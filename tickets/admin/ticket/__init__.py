"""A ticket's page in the console: what it shows and what people do there.

May import services below, `supportops.ui`; decides nothing.
Start reading in `ticket_admin.py`, then `page.py` and `actions.py`.
"""
