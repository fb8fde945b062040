"""The statistics behind promises: exact bounds, the e-process, the breaker's chart, sampling.

May import nothing of Django. Pure.
Start reading in `binomial.py`; formulas and sources stand in docs/certificates.md.
"""
