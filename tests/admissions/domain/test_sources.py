"""Which messages told of a visit's facts: found by their arrival, the same in whatever order they are given."""

import random

from services.admissions.domain.model import AdtEvent
from services.admissions.domain.sources import sources
from tests.admissions.domain.builders import an_event, on, visit

A01 = an_event("A01", "05 08:30", arrived="05 08:35", pv1_3="ICU")
A02 = an_event("A02", "07 09:30", arrived="07 09:31", pv1_3="4W")
A03 = an_event("A03", "09 15:00", arrived="09 15:05", pv1_44="05 08:30", pv1_36="01")
ECHO = an_event("A08", "09 16:00", arrived="09 16:05", pv1_45="09 15:00")
LATER = an_event("A08", "11 09:00", arrived="11 09:05", pv1_36="03")


def told(*events: AdtEvent) -> list[tuple[object, str, str]]:
    found = sources(visit(*events), events)
    return [(one.learned_at, one.trigger, one.control_id) for one in found]


def test_each_fact_has_the_message_that_first_told_of_it() -> None:
    """Given a stay with a move, its end, an echo and a later word of where to, then the echo is the source of nothing."""
    events = (A01, A02, A03, ECHO, LATER)

    assert told(*events) == [(on(at), event.trigger, event.control_id) for at, event in (
        ("05 08:35", A01), ("07 09:31", A02), ("09 15:05", A03), ("11 09:05", LATER),
    )]  # fmt: skip


def test_a_message_that_changes_nothing_changes_no_source() -> None:
    """So that a feed which repeats itself publishes nothing."""
    assert told(A01, A03) == told(A01, A03, ECHO)


def test_the_order_does_not_matter() -> None:
    events = [A01, A02, A03, ECHO, LATER]
    assert told(*random.Random(1).sample(events, len(events))) == told(*events)
