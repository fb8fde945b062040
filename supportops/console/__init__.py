"""The console around the apps' own pages: menu, home, automation, runbooks, colleagues.

May import every app.
Start reading in `site.py`, then `homepage.py`.
"""
