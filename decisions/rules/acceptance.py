"""What a policy would automate at some threshold. Pure: no Django.

That set, and not single answers, is what a certificate speaks of: guards, rules, margins and levels
act as they would; thresholds, the switch, breakers and hourly caps are left aside.
"""

from dataclasses import replace

from decisions.rules.engine import decide
from decisions.rules.facts import Facts
from decisions.rules.policy import PolicySnapshot
from tickets.codes import Level

LOWEST_TESTED = 0.5  # below this confidence no threshold is ever tested


def lowered(policy: PolicySnapshot) -> PolicySnapshot:
    """The policy with every threshold of its automatic intents at the bottom."""
    intents = {
        slug: replace(intent, threshold=LOWEST_TESTED) if intent.level == Level.AUTO else intent
        for slug, intent in policy.intents.items()
    }
    return replace(policy, intents=intents)


def would_automate(facts: Facts, lowered_policy: PolicySnapshot) -> bool:
    """Whether some threshold that may be tested would let this ticket through."""
    free = replace(
        facts,
        kill_switch=False,
        breaker_open=False,
        cap_reached=False,
        certified_threshold=LOWEST_TESTED,
    )
    return decide(free, lowered_policy).automates


def automatic_intents(policy: PolicySnapshot) -> list[str]:
    """Slugs of the intents that the policy automates, in order."""
    return sorted(s for s, intent in policy.intents.items() if intent.level == Level.AUTO)
