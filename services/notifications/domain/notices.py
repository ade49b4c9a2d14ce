"""What a channel should be told, from what it knows and how the alert stands at that moment."""

from services.notifications.domain.model import FIRING, Alert

# What a channel knows of an alert. MAYBE: something was sent and no answer came; it may have arrived.
NOTHING, MAYBE, OPEN, CLOSED = "nothing", "maybe", "open", "closed"
TRIGGER, UPDATE, RESOLVE = "trigger", "update", "resolve"

FAILURES = 3
"""A channel fails when it failed this many times in a row with something to say: then it is the next one's turn."""


def reason_to_send(alert: Alert | None, told: str, heard_of: int, *, covered: bool = False) -> str | None:
    """The kind of message to send now, or None where there is nothing (any more) to say.

    A trigger is for what fires and nobody has; whoever may have got one hears of the end. `covered`: a channel of an
    earlier turn has delivered what there is to say, so whoever has not been told of the alert need not be.
    """
    if alert is None or not alert.live:
        return None
    if alert.standing:
        if told == OPEN:
            return UPDATE if alert.told_of > heard_of else None
        if covered and told != MAYBE:
            return None
        return TRIGGER if alert.status == FIRING else None
    return RESOLVE if told in {MAYBE, OPEN} else None


def knows_after(reason: str) -> str:
    """What the channel knows once it has taken the message."""
    return CLOSED if reason == RESOLVE else OPEN


def pause(failures: int, longest: float, chance: float) -> float:
    """Seconds until the next try after this many failures: doubling from one, with `chance` (0 to 1) as jitter."""
    full = min(longest, 2.0 ** min(failures, 30))
    return full * (0.5 + chance / 2)


def knows_after_some(reason: str, told: str) -> str:
    """What the channel knows once some of its recipients have taken the message and others have not."""
    return told if reason == RESOLVE else OPEN
