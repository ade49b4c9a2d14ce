"""Updates that the next one overwrites can be left out: what the fold makes of a visit is the same."""

import random
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, structs

from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.fold import fold
from services.admissions.domain.joins import reported_by
from services.admissions.domain.model import AdtEvent, DiagnosisEntry, PatientKey
from services.admissions.domain.sources import sources
from services.admissions.domain.superseded import Essence, essence, extended, last_word, repeats
from tests.admissions.domain.builders import M1, M2, PROFILE, VISIT, an_event, on, said
from tests.admissions.domain.histories import INSTANTS, LONG, histories

Told = tuple[PatientKey | None, AdtEvent]

A01 = an_event("A01", "05 08:30", pv1_3="4W")
WINDOW = PROFILE.dup_window


def told(events: Sequence[AdtEvent]) -> list[Told]:
    return [(event.patient, event) for event in events]


def updates(count: int, day: int = 6, **fields: Any) -> list[AdtEvent]:
    """So many updates, a minute apart, each with another attending physician."""
    return [
        an_event("A08", f"{day:02} {8 + n // 60:02}:{n % 60:02}", pv1_3="4W", attending=f"DR{n}", **fields)
        for n in range(count)
    ]


def left(found: Essence[PatientKey | None]) -> list[str]:
    return [event.control_id for _, event in found.told]


def test_of_a_storm_the_first_and_the_last_are_kept() -> None:
    """Given an admission and 300 updates that differ in the physician; then three events are left of 301."""
    events = [A01, *updates(300)]
    found = essence(told(events), WINDOW)
    assert left(found) == [A01.control_id, events[1].control_id, events[-1].control_id]
    assert found.count == 301


def test_a_storm_that_goes_on() -> None:
    """Given the essence of a storm; then more of it is taken without the rest, and it stays as small."""
    events = updates(400)
    known = essence(told([A01, *events[:200]]), WINDOW)
    after = extended(known, told(events[200:]), WINDOW)
    assert after is not None
    assert (after.count, len(after.told)) == (401, 3)
    assert fold((event for _, event in after.told), PROFILE) == fold([A01, *events], PROFILE)


@pytest.mark.parametrize(
    "what",
    [
        {"pv1_2": "O"},
        {"pv1_36": "01"},
        {"pv1_44": "05 09:00"},
        {"pv1_45": "06 08:00"},
        {"stated": "06 07:00"},
        {"patient": M2},
        {"trigger": "A02"},
        {"attending": None},
    ],
)
def test_what_says_something_that_lasts_stays(what: dict[str, Any]) -> None:
    """Given an update among others that says another class, disposition, time, patient …; then it is kept."""
    events = updates(9)
    trigger = str(what.pop("trigger", "A08"))
    given_attending = what if "attending" in what else {"attending": "EVE", **what}
    events[4] = an_event(trigger, "06 08:04", pv1_3="4W", **given_attending)
    found = essence(told([A01, *events]), WINDOW)
    assert (events[4].control_id in left(found)) == ("attending" not in what)


@pytest.mark.parametrize(
    "late",
    [
        an_event("A02", "06 12:00", pv1_3="ICU"),
        an_event("A08", "06 08:02", recorded="06 12:00", stated="06 08:02"),
        an_event("A08", "06 08:02"),
        structs.replace(updates(3)[1], control_id="again"),
    ],
    ids=["another kind", "said of before", "older", "sent again"],
)
def test_what_may_need_the_rest_asks_for_it(late: AdtEvent) -> None:
    """Given the essence of a storm; then anything but a further update of now makes the visit be read again."""
    events = updates(5)
    late = structs.replace(late, received_at=on("07 08:00"))
    if late.control_id == "again":
        late = structs.replace(late, fingerprint=events[2].fingerprint)
    assert extended(essence(told([A01, *events]), WINDOW), told([late]), WINDOW) is None


def test_a_short_history_takes_anything() -> None:
    """Given an essence that left nothing out; then an older message is folded with the rest."""
    known = essence(told([A01]), WINDOW)
    assert extended(known, told([an_event("A04", "05 07:00")]), WINDOW) is not None


def test_repetitions_are_left_out() -> None:
    """Given two updates sent in turn again and again by a feed without EVN-2; then two of each are left at most."""
    first, second = updates(2)
    storm = [
        structs.replace(
            (first, second)[n % 2],
            event_id=f"{n:032}",
            control_id=f"r{n}",
            recorded_at=on("06 10:00") + timedelta(minutes=n),
            occurred_at=on("06 10:00") + timedelta(minutes=n),
            created_at=on("06 10:00") + timedelta(minutes=n),
            received_at=on("06 10:01") + timedelta(minutes=n),
        )
        for n in range(100)
    ]
    known = essence(told([A01, *storm[:50]]), WINDOW)
    after = extended(known, told(storm[50:]), WINDOW)
    assert after is not None
    assert len(after.told) <= 5
    assert fold((event for _, event in after.told), PROFILE) == fold([A01, *storm], PROFILE)


@st.composite
def storms(draw: st.DrawFn, *, after: str, max_size: int = 12) -> list[AdtEvent]:
    """Updates close to each other that mostly say the same, some of them repetitions, some at one instant."""
    at = on(after)
    odd = draw(st.sampled_from([0, 0, 1, 3]))
    found: list[AdtEvent] = []
    same = {
        "pv1_2": draw(st.sampled_from(["I", "E"])),
        "pv1_44": draw(st.sampled_from([*INSTANTS, None])),
        "pv1_45": draw(st.sampled_from([*INSTANTS, None])),
        "pv1_36": draw(st.sampled_from(["01", None])),
    }
    for _ in range(draw(st.integers(0, max_size))):
        fields: dict[str, Any] = dict(same)
        if draw(st.integers(0, 9)) < odd:
            fields["pv1_2"] = draw(st.sampled_from(["I", "E", "O", "U"]))
            fields["pv1_45"] = draw(st.sampled_from([*INSTANTS, None]))
        event = an_event(
            "A08",
            "05 08:00",
            pv1_3=draw(st.sampled_from(["4W", "ICU", "ICU^2^^HOSPB"])),
            attending=draw(st.sampled_from(["ANN", "BOB"])),
            patient=draw(st.sampled_from([M1] * 9 + [M2])),
            **fields,
        )
        at += timedelta(minutes=draw(st.sampled_from([0, 1, 30])))
        event = structs.replace(
            event, recorded_at=at, occurred_at=at, created_at=at, received_at=at.replace(minute=0, second=0)
        )
        if found and draw(st.integers(0, 9)) < odd:
            event = structs.replace(event, fingerprint=draw(st.sampled_from(found)).fingerprint)
        found.append(event)
    return found


def outcome(events: Sequence[Told], profile: FeedProfile) -> object:
    """All that admissions makes of the events of a visit number."""
    own = [event for _, event in events]
    newest = max(own, key=lambda event: (event.received_at, event.event_id))
    visits = fold(own, profile)
    return (
        visits,
        [sources(visit, own) for visit in visits],
        reported_by(events),
        newest.received_at,
        newest.trigger,
    )


PROFILES = st.sampled_from(
    [PROFILE, FeedProfile(feed="HOSPA", null_discharge_undoes=False, a08_implies_discharge=False)]
)


@settings(max_examples=20000 if LONG else 60, deadline=None)
@given(
    histories(max_size=7),
    storms(after="05 08:30"),
    storms(after="05 11:30"),
    st.lists(storms(after="05 14:00"), max_size=2),
    PROFILES,
    st.randoms(use_true_random=False),
)
def test_the_visit_is_that_of_all_its_events(
    events: list[AdtEvent],
    storm: list[AdtEvent],
    another: list[AdtEvent],
    more: list[list[AdtEvent]],
    profile: FeedProfile,
    dice: random.Random,
) -> None:
    """Whatever the history, the storms in it and after it, and the order in which they came."""
    whole = told([*events, *storm, *another])
    dice.shuffle(whole)
    cuts = sorted({0, len(whole), *(dice.randrange(len(whole) + 1) for _ in range(3))})
    batches = [whole[first:last] for first, last in pairwise(cuts)]
    batches += [told(batch) for batch in more if batch]
    read: list[Told] = []
    known: Essence[PatientKey | None] | None = None
    for batch in batches:
        read += batch
        known = extended(known, batch, profile.dup_window) if known is not None else None
        known = known or essence(read, profile.dup_window)
        assert known.count == len(read)
        assert outcome(known.told, profile) == outcome(read, profile)


# --- the last word repeated -----------------------------------------------------------------------------------


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


def echo_of(event: AdtEvent, n: int = 1, **changes: Any) -> AdtEvent:
    """An update that says the same n minutes later."""
    return again(event, n, **({"trigger": "A08", "type": "updated", "prior_location": UNSET} | changes))


def test_a_word_repeated() -> None:
    """Given an update that is the last word; then the same said later only repeats it."""
    assert last_word([A01, LAST]) is LAST
    assert repeats(again(LAST), LAST)


@pytest.mark.parametrize(
    "events",
    [
        [A01],
        [an_event("A04", "05 08:30", pv1_2="E"), an_event("A06", "06 08:00", pv1_3="4W")],
        [A01, an_event("A02", "06 08:00", pv1_3="ICU", pv1_6="4W")],
        [A01, an_event("A03", "09 15:00", pv1_36="01")],
        [A01, an_event("A03", "09 15:00", pv1_45=UNSET)],
    ],
    ids=["admitted", "converted", "moved", "discharged", "discharged without PV1-45"],
)
def test_another_event_repeated_by_an_update(events: list[AdtEvent]) -> None:
    """Given an admission, move or discharge that is the last word; then an update with the same words repeats it."""
    last = events[-1]
    assert last_word(events) is last
    assert repeats(echo_of(last), last)
    assert repeats(echo_of(last, person=said(sex="F")), last)
    assert fold([*events, echo_of(last)], PROFILE) == fold(events, PROFILE)


@pytest.mark.parametrize(
    "event",
    [
        again(LAST, attending="BOB"),
        again(LAST, trigger="A02"),
        again(LAST, patient=None),
        again(LAST, account=VISIT),
        structs.replace(again(LAST), occurred_at=on("05 12:00")),
        structs.replace(
            again(LAST),
            control_id=LAST.control_id,
            recorded_at=LAST.recorded_at,
            occurred_at=LAST.occurred_at,
        ),
        structs.replace(again(LAST), received_at=on("05 12:00")),
        structs.replace(again(LAST), recorded_at=on("05 12:00"), occurred_at=on("05 12:00")),
    ],
    ids=[
        "another word",
        "another kind",
        "another patient",
        "another account",
        "another time",
        "at once",
        "known before",
        "older",
    ],
)
def test_what_repeats_nothing(event: AdtEvent) -> None:
    """Given anything else; then the visit is folded again."""
    assert not repeats(event, LAST)


@pytest.mark.parametrize(
    "events",
    [
        [A01, structs.replace(LAST, occurred_at=on("05 12:00"))],
        [an_event("A03", "09 15:00", recorded="06 08:00"), LAST],
        [structs.replace(A01, received_at=on("07 08:00")), LAST],
        [structs.replace(A01, stated_at=on("07 08:00")), LAST],
        [structs.replace(A01, admit_at=on("07 08:00")), LAST],
        [A01, structs.replace(LAST, diagnoses=(DiagnosisEntry("I10", action="D"),))],
        [A01, an_event("A03", "06 08:00"), an_event("A13", "06 09:00")],
        [A01, an_event("A12", "06 08:00"), an_event("A02", "06 09:00")],
        [A01, an_event("A08", "06 08:00", pv1_45=None), an_event("A03", "06 09:00")],
        [an_event("A05", "05 08:00")],
        [A01, an_event("A03", "06 08:00"), an_event("A01", "06 09:00")],
        [A01, an_event("A02", "06 09:00", pv1_45="06 09:00")],
        [an_event("A01", "06 09:00", pv1_36=None)],
    ],
    ids=[
        "said of before",
        "not the last to happen",
        "not the last to come",
        "another to be admitted",
        "another stay to begin",
        "of single diagnoses",
        "taking back",
        "after a cancel",
        "after a null discharge",
        "of a visit to come",
        "after a discharge",
        "a discharge on an update only",
        "a deletion on an update only",
    ],
)
def test_no_last_word(events: list[AdtEvent]) -> None:
    """Given that the last event is not last in every order, or means more than an update would; then nothing repeats it."""
    assert last_word(events) is None


def _onward(event: AdtEvent, dice: random.Random) -> AdtEvent:
    """The event as one that takes nothing back."""
    said_again = {name: UNSET for name in ("discharge_at", "disposition") if getattr(event, name) is None}
    trigger = dice.choice(("A01", "A02", "A03", "A04", "A05", "A06", "A08"))
    if trigger not in ("A03", "A08") and dice.random() < 0.7:
        said_again["discharge_at"] = UNSET
    return structs.replace(event, trigger=trigger, **said_again)


@settings(max_examples=5000 if LONG else 200, deadline=None)
@given(histories(max_size=8), st.integers(1, 3), st.booleans(), PROFILES, st.randoms(use_true_random=False))
def test_the_last_word_repeated_changes_nothing(
    events: list[AdtEvent], count: int, cancels: bool, profile: FeedProfile, dice: random.Random
) -> None:
    """Given any history and its last word, said again once or more; then visit, owner and sources stay."""
    latest = max(events, key=lambda event: event.recorded_at)
    last = structs.replace(again(latest, 600), trigger="A08", stated_at=None, received_at=on("20 08:00"))
    if not cancels:
        events, last = [_onward(event, dice) for event in events], _onward(last, dice)
    last = structs.replace(last, occurred_at=last.recorded_at)
    before = [*events, last]
    if last_word(before) is None:
        return
    after = before.copy()
    for n in range(count):
        echo = echo_of(last, n + 1)
        assert repeats(echo, after[-1])
        after.append(echo)
    dice.shuffle(after)
    visits = fold(before, profile)
    assert fold(after, profile) == visits
    assert reported_by(told(after)) == reported_by(told(before))
    assert [sources(visit, after) for visit in visits] == [sources(visit, before) for visit in visits]
