"""Policies and models that do not decide yet: backtest, replay, shadow.

May import `rules`, `deciding`, `policies`, `certificates`.
Start reading in `simulate.py`.
"""
