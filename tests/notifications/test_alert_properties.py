"""Whatever order and repetition the events of a deadline come in, the book ends as the last state says."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.transitions import DeadlineEvent
from services.notifications.domain import alerts
from services.notifications.domain.desired import desired
from services.notifications.domain.model import LIVE
from tests.notifications.book import Book
from tests.notifications.builders import DUE, a_deadline, a_warning, an_ack, at, hours

NOW = DUE + timedelta(days=30)
KINDS = ("call_72h_missed", "call_72h_due_soon")


@st.composite
def histories(draw: st.DrawFn) -> list[DeadlineEvent]:
    """States of one deadline in order of revision, each known an hour after the last, late ones too."""
    events, generation, known = [], 0, DUE - hours(30)
    for revision in range(1, draw(st.integers(1, 7)) + 1):
        known += hours(draw(st.integers(1, 20)))
        generation += draw(st.sampled_from([0, 0, 0, 1]))
        status = draw(
            st.sampled_from(["pending", "missed", "met", "met_late", "attempted", "void", "superseded"])
        )
        fields: dict[str, Any] = {
            "revision": revision,
            "generation": generation,
            "known_at": known,
            "due_at": DUE + hours(draw(st.sampled_from([0, 0, 5, -3]))),
            "owed": status == "pending" or (status == "missed" and draw(st.booleans())),
            "late_known": draw(st.sampled_from([False, False, False, True])),
            "severity": draw(st.sampled_from(["P2", "P3"])),
            "warnings": (a_warning(48), a_warning(66, "P2")),
            "warned": draw(st.integers(0, 2)),
            "hold_until": draw(st.sampled_from([None, known + hours(0.2)])),
            "acknowledged": tuple(an_ack(kind, 90) for kind in KINDS if draw(st.booleans())),
        }
        events.append(a_deadline(status, **fields))
    return events


def live(book: Book) -> dict[Any, Any]:
    return {key: (row.kind, row.severity, row.due_at) for key, row in book.rows.items() if row.status in LIVE}


@given(histories())
def test_what_is_live_is_what_the_last_state_calls_for(events: list[DeadlineEvent]) -> None:
    """Nothing else stands; one that was paged and became late-known by a correction stays.

    So does a warning once given, though it would now be given only at the due time or beyond: a settle window has begun since.
    """
    book = Book()
    for event in events:
        book.apply(event, NOW)

    last = events[-1]
    wanted = {a.alert_id: (a.kind, a.severity, a.due_at) for a in desired(last) if a.ended_at is None}

    found = live(book)
    beyond = max(last.known_at, last.hold_until or last.known_at) >= last.due_at
    if last.status == "pending" and last.warned and beyond:
        found = {key: row for key, row in found.items() if key in wanted or row[0] != "call_72h_due_soon"}
    if not (last.status == "missed" and last.owed and last.late_known):
        assert wanted == found
    else:
        assert alerts.late_since(last, book.rows.values(), None, NOW) is None if found else not wanted


@given(histories(), st.data())
def test_order_and_repetition_do_not_matter(events: list[DeadlineEvent], data: st.DataObject) -> None:
    """Each event delivered any number of times, older ones again after newer ones: the same rows, exactly."""
    once, often = Book(), Book()
    for event in events:
        once.apply(event, NOW)
    seen: list[DeadlineEvent] = []
    for event in events:
        seen.append(event)
        often.apply(event, NOW)
        for old in data.draw(st.lists(st.sampled_from(seen), max_size=4)):
            assert often.apply(old, NOW) == ()

    assert once.rows == often.rows


@given(histories(), st.data())
def test_any_shuffle_leaves_the_same_alerts_standing(
    events: list[DeadlineEvent], data: st.DataObject
) -> None:
    """States that came too late to be seen leave no trace but in the past."""
    shuffled = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=3))))
    last = Book()
    last.apply(events[-1], NOW)
    book = Book()
    for event in shuffled:
        book.apply(event, NOW)

    if not events[-1].late_known:
        assert live(last) == live(book)


@given(histories())
def test_an_alert_is_a_truthful_interval(events: list[DeadlineEvent]) -> None:
    """It ends after it began, has as many revisions as changes, and tells of none that is not its own."""
    book = Book()
    changes: dict[Any, int] = {}
    for event in events:
        for change in book.apply(event, event.known_at):
            changes[change.alert_id] = changes.get(change.alert_id, 0) + 1
        for change in book.advance(event.known_at + hours(0.5)):
            changes[change.alert_id] = changes.get(change.alert_id, 0) + 1

    for key, row in book.rows.items():
        assert row.ended_at is None or row.ended_at >= row.raised_at
        assert (row.ended_at is None) == (row.status in {"firing", "acknowledged", "held"})
        assert row.told_of <= row.revision <= changes[key]
        assert (row.revision == 0) == (row.status == "held")


def test_a_replayed_history_is_applied_once() -> None:
    """The whole topic read again changes nothing."""
    book = Book()
    history = [a_deadline("missed", revision=1), a_deadline("met_late", revision=2, known_at=at(80))]
    for event in history * 2:
        book.apply(event, NOW)

    assert book.kinds() == {"call_72h_missed": "resolved"}
    assert book.of("call_72h_missed").revision == 2
