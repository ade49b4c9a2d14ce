"""The rules: which alerts a deadline or an episode calls for, and how they end."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notifications.domain import alerts
from services.notifications.domain.desired import desired
from tests.notifications.book import Book
from tests.notifications.builders import (
    DUE,
    NEW_VISIT,
    VISIT,
    a_deadline,
    a_readmission,
    a_warning,
    an_ack,
    an_episode,
    at,
    hours,
)

MISSED, SOON = "call_72h_missed", "call_72h_due_soon"
WARNED: dict[str, Any] = {"warnings": (a_warning(48), a_warning(66, "P2")), "warned": 1, "warned_at": at(48)}


def told(book: Book, *events: Any, now: datetime = DUE + timedelta(days=9)) -> Book:
    """Apply the events in order, each as a new revision."""
    for revision, event in enumerate(events, max(book.revisions.values(), default=0) + 1):
        book.apply(event.model_copy(update={"revision": revision}), now)
    return book


def test_a_pending_deadline_calls_for_nothing() -> None:
    """Most events change nothing."""
    assert desired(a_deadline()) == ()
    assert told(Book(), a_deadline()).kinds() == {}


@pytest.mark.parametrize(
    ("fields", "raised_at"),
    [
        ({}, DUE),
        ({"hold_until": DUE + hours(1)}, DUE + hours(1)),
        ({"hold_until": at(0.2)}, DUE),
        ({"known_at": DUE + hours(5)}, DUE + hours(5)),
    ],
)
def test_a_missed_deadline_is_raised_when_it_was_true_and_known(fields: Any, raised_at: datetime) -> None:
    """The due time, the arrival of what made it so, or the end of the settle window, whichever is last."""
    alert = told(Book(), a_deadline("missed", **fields)).of(MISSED)

    assert ("firing", "P2", raised_at) == (alert.status, alert.severity, alert.raised_at)


@pytest.mark.parametrize("fields", [{"late_known": True}, {"owed": False}])
def test_late_known_or_no_longer_owed_is_never_a_page(fields: Any) -> None:
    """Late-known is work; what nobody owes is nothing."""
    assert told(Book(), a_deadline("missed", **fields)).kinds() == {}


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        ("met_late", {}, ("resolved", "done")),
        ("met", {}, ("retracted", "not_needed")),
        ("attempted", {}, ("retracted", "not_needed")),
        ("void", {}, ("retracted", "not_needed")),
        ("superseded", {}, ("retracted", "not_needed")),
        ("waived", {}, ("retracted", "not_needed")),
        ("missed", {"owed": False, "known_at": DUE + hours(1)}, ("retracted", "not_needed")),
        ("pending", {"due_at": DUE + hours(9), "learned_at": DUE + hours(1)}, ("retracted", "not_needed")),
        ("pending", {"generation": 1, "known_at": DUE + hours(1)}, ("retracted", "not_needed")),
    ],
)
def test_a_page_ends_with_its_truth(status: str, fields: Any, expected: tuple[str, str]) -> None:
    """Resolved where the work was done, retracted where it is no longer owed or never was missed."""
    book = told(Book(), a_deadline("missed"), a_deadline(status, **fields))

    alert = book.of(MISSED)

    assert (*expected, DUE + hours(1)) == (alert.status, alert.ending, alert.ended_at)


def test_what_ended_it_without_a_time_of_its_own_came_to_light_now() -> None:
    """A miss that is no longer owed keeps the due time as its known_at: then the alert ends now."""
    book = told(Book(), a_deadline("missed"), a_deadline("missed", owed=False), now=DUE + hours(3))

    assert DUE + hours(3) == book.of(MISSED).ended_at


def test_an_end_is_told_once() -> None:
    """The same state again changes nothing."""
    book = told(Book(), a_deadline("missed"), a_deadline("met_late"))
    before = dict(book.rows)

    assert before == told(book, a_deadline("met_late"), a_deadline("met_late")).rows


def test_an_alert_is_raised_again_when_it_is_true_again() -> None:
    """An entry withdrawn: the same alert, live again from that arrival."""
    again = a_deadline("missed", known_at=DUE + hours(2))

    alert = told(Book(), a_deadline("missed"), a_deadline("met"), again).of(MISSED)

    assert ("firing", DUE + hours(2), None, 3, 3) == (
        alert.status, alert.raised_at, alert.ended_at, alert.revision, alert.told_of,
    )  # fmt: skip


def test_a_new_generation_is_another_alert() -> None:
    """An alert sent before must not be taken for a deadline that began anew."""
    again = a_deadline("missed", generation=1, known_at=DUE + hours(9), due_at=DUE + hours(9))

    book = told(Book(), a_deadline("missed"), a_deadline("void"), again)

    assert [row.status for row in book.rows.values()] == ["retracted", "firing"]


# --- what was between ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        ("met_late", {}, {MISSED: "resolved"}),
        ("met", {}, {MISSED: "retracted"}),
        ("met", {"known_at": DUE}, {}),
        ("met", {"known_at": at(50)}, {}),
        ("attempted", {"known_at": DUE}, {}),
        ("met_late", {"late_known": True}, {}),
        ("met_late", {"hold_until": DUE + hours(2)}, {}),
        ("void", {}, {}),
        ("met_late", WARNED, {MISSED: "resolved", SOON: "resolved"}),
        ("met", WARNED | {"known_at": at(50)}, {SOON: "resolved"}),
        ("met", WARNED | {"known_at": at(47)}, {}),
        ("missed", WARNED, {MISSED: "firing", SOON: "resolved"}),
        ("void", WARNED, {SOON: "retracted"}),
    ],
)
def test_the_last_state_alone_ends_in_the_same_alerts(status: str, fields: Any, expected: Any) -> None:
    """Only the latest state is published: what was raised and ended in between is noted all the same."""
    if status == "void":
        book = told(Book(), a_deadline(**{**fields, "revision": 1}), a_deadline(status, **fields))
    else:
        book = told(Book(), a_deadline(status, **fields))

    assert dict(sorted(expected.items())) == book.kinds()


def test_what_nobody_saw_is_not_told() -> None:
    """An alert that was over before it was known has nothing to say to anyone."""
    assert told(Book(), a_deadline("met_late")).of(MISSED).told_of == 0


# --- warnings -----------------------------------------------------------------------------------------------


def test_a_warning_is_raised_at_its_offset() -> None:
    """The first warning still standing gives the instant."""
    alert = told(Book(), a_deadline(**WARNED)).of(SOON)

    assert ("firing", "P3", at(48), DUE) == (alert.status, alert.severity, alert.raised_at, alert.due_at)


def test_a_second_warning_updates_the_first() -> None:
    """One live alert: it keeps its instant and takes the higher severity."""
    book = told(Book(), a_deadline(**WARNED), a_deadline(**WARNED | {"warned": 2}))

    alert = book.of(SOON)

    assert ("firing", "P2", at(48), 2, 2) == (
        alert.status, alert.severity, alert.raised_at, alert.revision, alert.told_of,
    )  # fmt: skip


def test_a_warning_learned_late_is_raised_at_its_arrival() -> None:
    """Nothing is raised before the message that made it true was here."""
    assert at(50) == told(Book(), a_deadline(**WARNED, learned_at=at(50))).of(SOON).raised_at


def test_a_warning_that_somebody_had_been_spared_is_raised_when_that_is_taken_back() -> None:
    """Given a warning of hour 48 that came true only at hour 52, when it is told, then it is raised at hour 52."""
    late = WARNED["warnings"][0].model_copy(update={"known_at": at(52)})
    spared = WARNED | {"warnings": (late, WARNED["warnings"][1])}

    assert at(52) == told(Book(), a_deadline(**spared)).of(SOON).raised_at


def test_a_warning_gives_way_to_the_miss() -> None:
    """At the due time the one ends and the other begins; it does not read as done."""
    soon = told(Book(), a_deadline(**WARNED), a_deadline("missed", **WARNED)).of(SOON)

    assert (soon.status, soon.ended_at, soon.ending) == ("resolved", DUE, "overdue")


def test_a_warning_is_resolved_by_the_work() -> None:
    """Done in time: resolved at the arrival of the entry."""
    soon = told(Book(), a_deadline(**WARNED), a_deadline("met", **WARNED | {"known_at": at(50)})).of(SOON)

    assert ("resolved", at(50), "done") == (soon.status, soon.ended_at, soon.ending)


def test_a_late_entry_ends_the_warning_at_the_due_time() -> None:
    """By then it had given way to the miss, which the entry retracts."""
    book = told(Book(), a_deadline(**WARNED), a_deadline("met", **WARNED))

    assert (DUE, DUE + hours(1)) == (book.of(SOON).ended_at, book.of(MISSED).ended_at)


def test_a_warning_is_retracted_when_the_due_time_moves() -> None:
    """No warning stands any more: no longer needed, since the arrival of what moved it."""
    moved = a_deadline(due_at=DUE + hours(40), learned_at=at(49))

    soon = told(Book(), a_deadline(**WARNED), moved).of(SOON)

    assert ("retracted", at(49)) == (soon.status, soon.ended_at)


def test_a_warning_held_beyond_the_due_time_is_none() -> None:
    """By the end of the settle window it would have given way already."""
    assert told(Book(), a_deadline(**WARNED, hold_until=DUE)).kinds() == {}


def test_a_warning_that_was_said_stands_on_while_the_discharge_is_told_again() -> None:
    """A corrected A03 begins another settle window, beyond the due time: nobody hears "no longer needed" of work still owed."""
    held = WARNED | {"hold_until": DUE + hours(0.1)}

    book = told(Book(), a_deadline(**WARNED), now=at(50))
    told(book, a_deadline(**held), now=at(71.9))
    assert ("firing", at(48)) == (book.of(SOON).status, book.of(SOON).raised_at)
    told(book, a_deadline("missed", **held))
    assert (book.of(SOON).status, book.of(SOON).ended_at) == ("resolved", DUE)


def test_what_is_owed_again_before_its_due_time_is_warned_of_since_then() -> None:
    """The call was withdrawn at the fiftieth hour; the warning of the forty-eighth is true and known since then."""
    again = a_deadline(**WARNED, generation=1, known_at=at(50))

    assert told(Book(), a_deadline("met", known_at=at(40)), again, now=at(51)).of(SOON).raised_at == at(50)


def test_what_is_owed_again_after_its_due_time_was_never_warned_of_anew() -> None:
    """Only what fired before the due time is a warning: a withdrawal, and a late meeting after it, make none."""
    again = a_deadline("missed", **WARNED, generation=1, known_at=DUE + hours(20))
    done = a_deadline("met_late", **WARNED, generation=1, known_at=DUE + hours(30))

    book = told(
        Book(), a_deadline(**WARNED), a_deadline("missed", **WARNED), a_deadline("met_late", **WARNED), again
    )
    assert sorted(row.kind for row in book.rows.values()) == [SOON, MISSED, MISSED]
    told(book, done)
    assert sorted(row.kind for row in book.rows.values()) == [SOON, MISSED, MISSED]


def test_what_is_held_and_over_before_it_was_shown_is_dropped_in_every_generation() -> None:
    """Owed again, held by a new settle window, done soon after it while we were down: nobody hears of it then."""
    again = WARNED | {"generation": 1, "hold_until": at(52)}

    book = told(Book(), a_deadline(**again, known_at=at(50)), now=at(50))
    assert book.of(SOON).status == "held"
    told(book, a_deadline("met", **again | {"known_at": at(52.5)}), now=at(53))
    book.advance(at(54))

    assert not any(row.standing for row in book.rows.values())


# --- the settle window --------------------------------------------------------------------------------------

HELD = {"kind": "handoff_ack_facility", "due_at": at(0.05), "known_at": at(0.05), "hold_until": at(0.2)}


def test_an_alert_is_held_until_the_window_ends() -> None:
    """Held is neither shown nor sent; at its instant it is raised by itself."""
    book = told(Book(), a_deadline("missed", **HELD), now=at(0.1))
    held = book.of("handoff_ack_facility_missed")

    book.advance(at(0.19))
    still = book.of("handoff_ack_facility_missed")
    book.advance(at(0.2))
    raised = book.of("handoff_ack_facility_missed")

    assert (held.status, held.revision, held.told_of) == ("held", 0, 0)
    assert held == still
    assert ("firing", at(0.2), None, 1, 1) == (
        raised.status, raised.raised_at, raised.raise_at, raised.revision, raised.told_of,
    )  # fmt: skip


@pytest.mark.parametrize("status", ["void", "met_late", "met"])
def test_a_held_alert_that_stops_being_true_never_was(status: str) -> None:
    """A discharge cancelled within the window leaves no trace."""
    book = told(Book(), a_deadline("missed", **HELD), now=at(0.1))

    told(book, a_deadline(status, **HELD | {"known_at": at(0.15)}), now=at(0.15))

    assert book.kinds() == {}


def test_a_held_alert_follows_its_window() -> None:
    """A longer window moves it."""
    book = told(Book(), a_deadline("missed", **HELD), now=at(0.1))

    told(book, a_deadline("missed", **HELD | {"hold_until": at(0.3)}), now=at(0.1))

    assert at(0.3) == book.of("handoff_ack_facility_missed").raise_at


def test_an_ended_alert_to_be_raised_again_waits_for_its_window() -> None:
    """Until then it stays ended; and ended, if that stops being true."""
    again = a_deadline("missed", hold_until=at(99), known_at=at(98))
    book = told(Book(), a_deadline("missed"), a_deadline("met"), again, now=at(98))
    waiting = book.of(MISSED)
    other = told(Book(), a_deadline("missed"), a_deadline("met"), again, a_deadline("void"), now=at(98))

    book.advance(at(99))

    assert ("retracted", at(99), 2) == (waiting.status, waiting.raise_at, waiting.revision)
    assert ("firing", at(99), None, 3) == (
        book.of(MISSED).status, book.of(MISSED).raised_at, book.of(MISSED).ended_at, book.of(MISSED).revision,
    )  # fmt: skip
    assert (
        other.of(MISSED).status, other.of(MISSED).raise_at, other.of(MISSED).revision,
    ) == ("retracted", None, 2)  # fmt: skip


# --- acknowledgement ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "n", "status"),
    [(MISSED, 73, "acknowledged"), (MISSED, 72, "firing"), (MISSED, 60, "firing"), (SOON, 73, "firing")],
)
def test_an_acknowledgement_counts_for_what_was_raised_before_it(kind: str, n: float, status: str) -> None:
    """Actions come before timers at one instant."""
    book = told(Book(), a_deadline("missed"), a_deadline("missed", acknowledged=(an_ack(kind, n),)))

    assert status == book.of(MISSED).status


def test_a_withdrawn_acknowledgement_lets_it_fire_again() -> None:
    """Nobody has it any more: firing, and to be told."""
    acked = a_deadline("missed", acknowledged=(an_ack(MISSED, 74), an_ack(MISSED, 73)))
    book = told(Book(), a_deadline("missed"), acked)
    before = book.of(MISSED)

    after = told(book, a_deadline("missed")).of(MISSED)

    assert ("acknowledged", at(73), 1) == (before.status, before.acknowledged_at, before.told_of)
    assert (after.status, after.acknowledged_at, after.told_of) == ("firing", None, 3)


def test_an_acknowledged_alert_ends_like_any_other() -> None:
    """Acknowledged is not resolved."""
    acked = a_deadline("missed", acknowledged=(an_ack(MISSED, 73),))

    assert told(Book(), acked, a_deadline("met_late", known_at=at(75))).of(MISSED).status == "resolved"


# --- what changes while it is live --------------------------------------------------------------------------


def test_a_page_stays_when_a_correction_makes_it_late_known() -> None:
    """Whoever was paged is not told "no longer needed" of work that is still owed."""
    corrected = a_deadline("missed", due_at=at(71), learned_at=at(80), late_known=True)

    book = told(Book(), a_deadline("missed"), corrected)

    assert ("firing", DUE, at(71)) == (
        book.of(MISSED).status, book.of(MISSED).raised_at, book.of(MISSED).due_at,
    )  # fmt: skip
    assert alerts.late_since(corrected, book.rows.values(), None, DUE) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"severity": "P3"}, 2), ({"team": "5N"}, 2), ({"patient_id": NEW_VISIT}, 1), ({"unit": None}, 1)],
)
def test_only_what_matters_to_the_receiver_is_told_again(fields: Any, expected: int) -> None:
    """Severity, due time and owner are news; a merge of patients is not."""
    alert = told(Book(), a_deadline("missed"), a_deadline("missed", **fields)).of(MISSED)

    assert (2, expected) == (alert.revision, alert.told_of)


# --- readmission --------------------------------------------------------------------------------------------


def test_a_readmission_names_the_new_stay() -> None:
    """P2, raised at the arrival of what made it so."""
    alert = told(Book(), an_episode(readmission=a_readmission())).of("readmission_detected")

    assert ("firing", "P2", at(100), NEW_VISIT) == (
        alert.status, alert.severity, alert.raised_at, alert.visit_id,
    )  # fmt: skip


@pytest.mark.parametrize("fields", [{}, {"readmission": a_readmission(notice=False)}, {"status": "void"}])
def test_a_readmission_that_vanishes_is_retracted(fields: Any) -> None:
    """At the arrival of the cancellation."""
    gone = an_episode(
        **{"known_at": at(101), "readmission": a_readmission() if "status" in fields else None} | fields
    )

    alert = told(Book(), an_episode(readmission=a_readmission()), gone).of("readmission_detected")

    assert ("retracted", at(101)) == (alert.status, alert.ended_at)


def test_another_stay_is_another_readmission() -> None:
    """The first is retracted, the second raised."""
    other = an_episode(readmission=a_readmission(visit_id=VISIT, known_at=at(105)), known_at=at(105))

    book = told(Book(), an_episode(readmission=a_readmission()), other)

    assert {r.visit_id: r.status for r in book.rows.values()} == {NEW_VISIT: "retracted", VISIT: "firing"}


def test_a_readmission_is_acknowledged() -> None:
    """It was raised by a message, and messages come before actions at one instant."""
    event = an_episode(readmission=a_readmission(), acknowledged=(an_ack("readmission_detected", 100),))

    assert told(Book(), event).of("readmission_detected").status == "acknowledged"


# --- late-known ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"late_known": True, "learned_at": at(80), "known_at": at(80)}, at(80)),
        ({"late_known": True, "learned_at": at(80), "hold_until": at(80.2)}, at(80.2)),
        ({"late_known": True, "known_at": at(90)}, at(90)),
        ({"late_known": True, "owed": False}, None),
        ({"late_known": False}, None),
    ],
)
def test_an_item_counts_since_it_was_known(fields: Any, expected: datetime | None) -> None:
    """Its arrival, or the end of the settle window."""
    assert expected == alerts.late_since(a_deadline("missed", **fields), (), None, DUE)


@pytest.mark.parametrize(("before", "expected"), [(80, at(80)), (91, at(90))])
def test_an_item_stays_one_since_it_first_was(before: float, expected: datetime) -> None:
    """A correction among past due times does not take it off the list and put it on again."""
    corrected = a_deadline("missed", late_known=True, learned_at=at(90))

    assert expected == alerts.late_since(corrected, (), at(before), at(90))


def test_shadow_alerts_are_kept() -> None:
    """A shadow feed shows what would have been."""
    assert not told(Book(), a_deadline("missed", live=False)).of(MISSED).live
