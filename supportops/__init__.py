"""SupportOps: AI customer-support operations for small and mid-sized businesses.

May import everything: settings, console, background jobs, operation.
Start reading in `settings.py`, `urls.py`.
"""

__version__ = "0.1.0"
