"""Periodic jobs and who runs them: the embedded worker, or Celery.

May import services of every app.
Start reading in `jobs.py`, then `worker.py`.
"""
