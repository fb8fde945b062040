"""A language model elsewhere as a second key. It can only take automation away.

May import tables of predictions, `tickets.http_client`.
Start reading in `second_key.py`; `llm.py` asks the endpoint.
"""
