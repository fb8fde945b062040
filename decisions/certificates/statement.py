"""What a certificate promises and what not, in plain words."""

from collections.abc import Mapping

from decisions.bounds.binomial import Permit
from decisions.certificates.agreement import Agreement
from decisions.certificates.terms import LIFE

TENTH = 0.1


def live(permit: Permit, shares: Mapping[str, float], agreed: Agreement) -> str:
    """As judged by people, on tickets that were drawn by chance."""
    return " ".join(
        [
            f"As judged by your reviewers: of the tickets that this policy automates at confidence "
            f"{permit.threshold:.3f} or more, at most {permit.alpha:.0%} are answered wrongly, "
            f"with {1 - permit.delta:.0%} confidence ({permit.errors} of {permit.rows} reviewed "
            f"ones were).",
            of_parts(permit.alpha, shares),
            f"It holds for this model and for what this policy lets through, for {LIFE.days} days, "
            "as long as tomorrow resembles the sample.",
            second_look(agreed),
        ]
    )


def provisional(permit: Permit, shares: Mapping[str, float], outside: float) -> str:
    """On messages that the model was not trained on, mixed with so many out of scope."""
    return " ".join(
        [
            f"Provisional: judged on held-out messages, {outside:.0%} of them out of scope, not on "
            f"your live tickets. Of those that this policy would automate at confidence "
            f"{permit.threshold:.3f} or more, at most {permit.alpha:.0%} are answered wrongly, "
            f"with {1 - permit.delta:.0%} confidence ({permit.errors} of {permit.rows} were).",
            of_parts(permit.alpha, shares),
            "It says as much about your customers as the held-out messages resemble theirs, and it "
            "does not show whether a person was needed. Review live tickets to earn one that does.",
        ]
    )


def of_parts(alpha: float, shares: Mapping[str, float]) -> str:
    """What a pooled promise says of a part: with a share v of the answers, at most alpha / v."""
    words = (
        f"This speaks of the whole. Of an intent with a tenth of the automatic answers it says "
        f"only that at most {known(alpha, TENTH)} are wrong"
    )
    if not shares:
        return f"{words}."
    slug, share = min(shares.items(), key=lambda item: (item[1], item[0]))
    name = slug.replace("_", " ")
    return f"{words}; of the smallest here, {name} with {share:.1%}, at most {known(alpha, share)}."


def known(alpha: float, share: float) -> str:
    """At most alpha / share, as percent; a share of nothing is known about not at all."""
    return f"{min(1.0, alpha / share):.0%}" if share > 0 else "100%"


def second_look(agreed: Agreement) -> str:
    """What the second reviewer found in a random tenth."""
    bound = agreed.missed_at_most
    if bound is None:
        return (
            "No row was looked at twice yet, so it is not known how many errors one person misses."
        )
    return (
        f"Of {agreed.rows} rows that a second person looked at by chance, {agreed.differed} were "
        f"judged differently and {agreed.errors_found} held an error that the first had let pass: "
        f"at most {bound:.1%} of all, with 95% confidence."
    )
