"""What is sent out: mails and signed requests, delivered from rows, tried again.

May import tables, `desk`, `http_client`.
Start reading in `deliver.py`.
"""
