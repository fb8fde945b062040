"""Running it: prepare, serve, back up and restore, see whether all is well.

May import every app.
Start reading in `prepare.py`, `serve.py`.
"""
