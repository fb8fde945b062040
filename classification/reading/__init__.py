"""Reading a message as people write it: what is theirs, what is quoted, in which language.

May import nothing but the standard library. Pure.
Start reading in `read.py`.
"""
