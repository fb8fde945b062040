"""Tickets by the thousand: import, export, erasure, reclassification, demo.

May import `pipeline`, `desk`, services.
Start reading in `import_tickets.py`, `erase.py`.
"""
