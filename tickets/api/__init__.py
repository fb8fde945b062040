"""The API of tickets: one serializer in, one out, a service between.

May import everything below entry points; decides nothing.
Start reading in `views.py`; `endpoint.py` holds what all endpoints share.
"""
