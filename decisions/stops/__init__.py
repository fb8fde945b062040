"""What stops automation: breakers and the kill switch.

May import `bounds`, `in_force`, `certificates.validity`.
Start reading in `breakers.py`, `kill_switch.py`.
"""
