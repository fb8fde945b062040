"""Nobody steers automation without saying why, for those who read it later."""


class ReasonMissing(ValueError):
    """Nobody stops automation, or lets it go on, without saying why."""


def stated(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise ReasonMissing("Say why, for those who read this later.")
    return reason[:300]
