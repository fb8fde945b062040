"""Full-text search over tickets, on SQLite and PostgreSQL.

May import tables of tickets alone.
Start reading in `index.py`.
"""
