"""The pictures of the pages as geometry, from literals."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from services.worklist import pages_pictures as pictures
from services.worklist.views import (
    ActionView,
    BoardSlot,
    CaseView,
    DeadlineView,
    Hours,
    PatientPage,
    Person,
    VisitView,
)

OPENED = datetime(2026, 1, 9, 20, 0, tzinfo=UTC)
NOW = OPENED + timedelta(hours=67)
ZONE = "America/New_York"
VISIT = UUID(int=1)


def _deadline(
    kind: str, after: timedelta, status: str = "pending", settled: timedelta | None = None
) -> DeadlineView:
    return DeadlineView(
        deadline_id=UUID(int=abs(hash(kind)) % 2**64), kind=kind, status=status, due_at=OPENED + after,
        settled_at=OPENED + settled if settled else None, owed=status in ("pending", "missed"), overdue=False,
        late_known=False, provisional=False, severity="P2", because="Because.", source="d:1",
    )  # fmt: skip


def _page(*deadlines: DeadlineView, **more: Any) -> tuple[PatientPage, CaseView]:
    case = CaseView(
        case="CAAAAAAA", kind="discharge", status="open", opened_at=OPENED, closed_at=None, close_reason=None,
        facility="MERCY", unit="4W", team="t", programme=None, readmission=None, visit_id=VISIT, visit_number="V1",
        deadlines=deadlines, source="e:1",
    )  # fmt: skip
    visit = VisitView(
        visit_id=VISIT, number="V1", facility="MERCY", unit="4W", state="discharged", started_at=None,
        admitted_at=OPENED - timedelta(days=4), discharged_at=OPENED, disposition="home", attending=None,
        hospital_service=None, live=True, source="v:1",
    )  # fmt: skip
    person = Person(
        patient_id=UUID(int=2), name="Testcase, Alpha", birth_date=None, sex=None, language=None, number="1", authority="M"
    )  # fmt: skip
    said: dict[str, Any] = {
        "person": person, "hours": Hours(zone=ZONE, start="08:00", end="20:00", open=True), "taken": None,
        "case": case.case, "cases": (case,), "visits": (visit,), "facts": (), "alerts": (), "actions": (), "as_of": NOW,
    }  # fmt: skip
    return PatientPage(**said | more), case


WHOLE = (
    _deadline("call_72h", timedelta(hours=72)),
    _deadline("tcm_contact", timedelta(hours=105)),
    _deadline("visit_14d", timedelta(days=14)),
    _deadline("pcp_notify", timedelta(hours=24), "met", timedelta(hours=5)),
    _deadline("med_rec", timedelta(hours=30), "missed", timedelta(hours=30)),
    _deadline("handoff_ack_facility", timedelta(hours=4), "void", timedelta(hours=1)),
)


def test_the_picture_has_a_row_for_each_duty_that_stands():
    """Given duties of every status, then each that stands has a row, and what is void has none."""
    drawn = pictures.timeline(*_page(*WHOLE), NOW)

    assert [row.label for row in drawn.rows] == [
        "Stay", "Call within 72 hours", "Contact in 2 business days", "Visit within 14 days", "Notice to primary care",
        "Medicines reconciled", "What was done", "Alerts",
    ]  # fmt: skip


def test_a_status_is_a_shape_before_it_is_a_colour():
    """Given what is owed, done and missed, then each is told by another shape."""
    rows = {row.label: row.marks for row in pictures.timeline(*_page(*WHOLE), NOW).rows}

    shapes = [
        rows[label][0].shape
        for label in ("Call within 72 hours", "Notice to primary care", "Medicines reconciled")
    ]
    assert shapes == ["diamond", "tick", "square"]


def test_time_runs_one_way_and_the_first_days_have_room():
    """Given a stay, some days and two weeks, then later is never further left, and the first days take the most room."""
    _, case = _page(*WHOLE)
    scale, breaks = pictures._scale(
        OPENED - timedelta(days=4), case, case.deadlines, OPENED + timedelta(days=14)
    )
    xs = [scale.x(OPENED + timedelta(hours=hours)) for hours in range(-100, 24 * 15, 3)]

    assert xs == sorted(xs)
    assert scale.x(breaks[1]) - scale.x(breaks[0]) > 0.4 * (pictures.WIDTH - pictures.LABELS)
    assert (min(xs), max(xs)) == (pictures.LABELS, pictures.WIDTH - 14)


@pytest.mark.parametrize(
    "span", [timedelta(minutes=50), timedelta(days=3), timedelta(days=30), timedelta(days=900)]
)
def test_words_of_the_scale_do_not_touch(span: timedelta):
    """Given spans from an hour to years, then the words along the scale keep their distance, and there are some."""
    page, case = _page(_deadline("call_72h", span))

    ticks = [tick.x for tick in pictures.timeline(page, case, OPENED + span).ticks]

    assert all(two - one >= pictures.NARROWEST_TICK for one, two in pairwise(ticks))
    assert ticks


def test_a_hundred_calls_are_some_marks():
    """Given more calls than a row can show, then the picture stays small; words tell the rest."""
    calls = tuple(
        ActionView(action_id=f"a{n}", type="contact_attempted", state="confirmed", case="CAAAAAAA", by="rn1",
                   at=OPENED + timedelta(minutes=n), occurred_at=OPENED + timedelta(minutes=n), body={"outcome": "no_answer"})
        for n in range(200)
    )  # fmt: skip

    drawn = pictures.timeline(*_page(*WHOLE, actions=calls), NOW)

    assert len(drawn.rows[-2].marks) == pictures.MOST_MARKS


def test_the_picture_is_told_in_one_sentence():
    """Given a case, then who does not see the picture reads when it began, what is owed by when, and what became of it."""
    drawn = pictures.timeline(*_page(WHOLE[0], WHOLE[3]), NOW)

    assert drawn.summary == (
        "Discharge home on Fri 9 Jan 2026, 15:00. Call within 72 hours due today 15:00, owed; "
        "Notice to primary care due Sat 10 Jan 15:00, done."
    )


def test_a_case_without_its_visit_is_drawn():
    """Given a deadline heard of before its visit, then the picture is there, with an empty row for the stay."""
    drawn = pictures.timeline(*_page(WHOLE[0], visits=()), NOW)

    assert (drawn.rows[0].label, drawn.rows[0].bars) == ("Stay", ())


def test_the_board_has_every_hour():
    """Given items in two hours of twelve, then twelve columns are drawn, as high as what is in them, the worst lowest."""
    slots = [
        BoardSlot(at=NOW, items=5, severities={"P2": 2, "P4": 3}),
        BoardSlot(at=NOW + timedelta(hours=3), items=20, severities={"P3": 20}),
    ]

    drawn = pictures.columns(slots, NOW, 12, ZONE, height=100)

    assert [each.items for each in drawn] == [5, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0]
    assert drawn[0].parts == (("k-bad", 90.0, 10.0), ("k-soft", 75.0, 15.0))
    assert drawn[3].top == 0


def test_meters_share_one_scale():
    """Given figures, then the largest is full and the rest in proportion; none at all is no division by nought."""
    assert [each.share for each in pictures.meters({"owed": 200, "overdue": 50})] == [100.0, 25.0]
    assert [each.share for each in pictures.meters({"owed": 0})] == [0.0]
