"""What customers and agents do to a ticket, an act a function.

May import `pipeline`, services of `decisions`, `history`, `promises`.
Start reading in `agent_actions.py`, `customer_actions.py`.
"""
