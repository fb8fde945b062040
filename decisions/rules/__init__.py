"""The rules: facts, guards, conditions, policies and the engine that weighs them.

May import nothing of Django. Pure: the same facts and policy give the same verdict.
Start reading in `engine.py`, then `guards.py`.
"""
