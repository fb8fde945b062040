"""What customers and agents do to a ticket, one function per action.

May import `pipeline`, services of `decisions`, `history`, `promises`.
Start reading in `agent_actions.py`, `customer_actions.py`.
"""
