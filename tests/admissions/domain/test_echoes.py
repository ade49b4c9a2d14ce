"""An update that repeats the last one changes no visit; anything else may."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.admissions.domain.echoes import echoed, tail
from services.admissions.domain.fold import fold
from services.admissions.domain.joins import reported_by
from services.admissions.domain.model import AdtEvent
from tests.admissions.domain.builders import PROFILE, an_event, on
from tests.admissions.domain.histories import LONG, histories

A01 = an_event("A01", "05 08:30", pv1_3="4W")
LAST = an_event("A08", "06 09:00", pv1_3="4W")


def again(event: AdtEvent, n: int = 1, **changes: object) -> AdtEvent:
    """The same said n minutes later."""
    later = timedelta(minutes=n)
    return structs.replace(
        event,
        event_id=f"{event.event_id}.{n}",
        control_id=f"{event.control_id}{n}",
        fingerprint=f"{event.fingerprint}.{n}",
        occurred_at=event.occurred_at + later,
        recorded_at=event.recorded_at + later,
        created_at=event.created_at + later,
        received_at=event.received_at + later,
        **changes,
    )


def test_an_echo() -> None:
    """However many there are."""
    known = tail([A01, LAST])
    assert known is not None
    assert (after := echoed(known, [again(LAST, n) for n in (3, 1, 2)])) is not None
    assert (known.count, after.count) == (2, 5)
    assert echoed(after, [again(LAST, 4)]) is not None


def test_no_echo() -> None:
    """Another word, another kind, another time, another patient, an older message."""
    known = tail([A01, LAST])
    assert known is not None
    other = on("05 12:00")
    for event in (
        again(LAST, attending="BOB"),
        again(LAST, trigger="A02"),
        again(LAST, patient=None),
        structs.replace(again(LAST), occurred_at=other),
        structs.replace(again(LAST), received_at=other),
        structs.replace(again(LAST), recorded_at=other, occurred_at=other),
    ):
        assert echoed(known, [event]) is None


def test_no_tail() -> None:
    """Where the last message is no update, or not last in every order."""
    assert tail([A01]) is None
    assert tail([A01, structs.replace(LAST, occurred_at=on("05 12:00"))]) is None
    assert tail([an_event("A03", "09 15:00", recorded="06 08:00"), LAST]) is None
    assert tail([structs.replace(A01, received_at=on("07 08:00")), LAST]) is None


@settings(max_examples=5000 if LONG else 150, deadline=None)
@given(histories(max_size=10), st.integers(1, 3))
def test_an_echo_never_changes_anything(events: list[AdtEvent], count: int) -> None:
    """Whatever the history before it."""
    latest = max(events, key=lambda event: event.recorded_at)
    last = structs.replace(again(latest, 600), trigger="A08", stated_at=None)
    last = structs.replace(last, occurred_at=last.recorded_at, received_at=on("20 08:00"))
    events = [*events, last]
    known = tail(events)
    if known is None:
        return
    echoes = [again(last, n + 1) for n in range(count)]
    assert echoed(known, echoes) is not None
    assert fold([*events, *echoes], PROFILE) == fold(events, PROFILE)
    told, retold = ([(each.patient, each) for each in part] for part in (events, [*events, *echoes]))
    assert reported_by(retold) == reported_by(told)
