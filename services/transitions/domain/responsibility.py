"""Who is responsible for a patient from the moment they leave until the case is closed: exactly one party, always."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from services.transitions.domain.model import Span

SENDER, RECEIVER, TEAM, NOBODY = "sender", "receiver", "team", "nobody"

Change = tuple[datetime, str]


def spans(
    first: str, changes: Sequence[Change], opened_at: datetime, closed_at: datetime | None
) -> tuple[Span, ...]:
    """The parties one after the other, from `opened_at` to `closed_at` (None: it is still open).

    `changes` are instants from which a party is responsible, in any order; of one instant the last given holds.
    """
    if closed_at is not None and closed_at <= opened_at:
        return ()
    if not changes:
        return (Span(first, opened_at, closed_at),)
    latest = {max(at, opened_at): to for at, to in sorted(changes, key=lambda change: change[0])}
    party, since, found = latest.pop(opened_at, first), opened_at, []
    for at, to in latest.items():
        if to != party and (closed_at is None or at < closed_at):
            found.append(Span(party, since, at))
            party, since = to, at
    found.append(Span(party, since, closed_at))
    return tuple(found)


def of_handoff(
    said: Iterable[Change],
    *,
    opened_at: datetime,
    closed_at: datetime | None,
    due_at: datetime | None,
    arrived_at: datetime | None,
) -> tuple[Span, ...]:
    """The parties of a handoff. The sender has until `due_at` to find somebody; from then on nobody has the patient.

    A refusal told to the sender leaves them responsible, before and after that. `said` are instants at which somebody
    accepted (receiver) or declined (sender); an arrival hands the patient to the receiver, acknowledged or not.
    """
    told = sorted(said, key=lambda change: change[0])
    changes = list(told)
    if arrived_at is not None:
        changes.append((arrived_at, RECEIVER))
    if due_at is not None:
        before = [party for at, party in told if at <= due_at]
        if (not before or before[-1] != SENDER) and not (arrived_at and arrived_at <= due_at):
            changes.append((due_at, NOBODY))
    return spans(SENDER, changes, opened_at, closed_at)


def unowned_from(found: Iterable[Span]) -> datetime | None:
    """From when on nobody is responsible, where that goes on, or will where nothing happens."""
    return next((span.since for span in found if span.party == NOBODY and span.until is None), None)
