"""What holds of every scenario, however odd: its order decides nothing, and what is settled stays settled."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from baton import replay
from baton.replay import engine as engines
from baton.replay.courses import Arrival, Course, Instant
from baton.replay.engine import Engine
from baton.replay.outcome import outcome
from baton.replay.transitions import Transitions
from tests.baton.hl7 import adt, local
from tests.baton.stories import in_order, without_void

MONDAY = local("2026-01-05 08:00")
CONFIG = replay.load()
FEW = settings(max_examples=80, deadline=None)

HOURS = st.integers(0, 150).map(lambda hours: MONDAY + timedelta(hours=hours))
ARRIVALS = st.sampled_from([MONDAY + timedelta(hours=hours) for hours in (0, 3, 30, 31, 80, 100, 170)])
VISITS = ("W1", "W2")


@st.composite
def messages(draw: st.DrawFn, at: st.SearchStrategy[datetime] = ARRIVALS) -> replay.Line:
    """A message of one of two patients about one of two visits, possible or not."""
    trigger = draw(
        st.sampled_from(
            ("A01", "A02", "A03", "A03", "A04", "A06", "A08", "A11", "A12", "A13", "A21", "A22", "A31", "A40")
        )
    )
    recorded = draw(HOURS)
    merge = trigger == "A40"
    patient = draw(st.sampled_from(("P1", "P2")))
    left = trigger in {"A03", "A08"}
    text = adt(
        trigger,
        f"C{draw(st.integers(0, 10**9))}",
        recorded,
        patient,
        "" if merge else draw(st.sampled_from(VISITS)),
        occurred=draw(st.none() | HOURS),
        admitted=draw(st.sampled_from((None, MONDAY - timedelta(days=1), MONDAY + timedelta(hours=60)))),
        discharged=draw(st.none() | HOURS) if left else None,
        disposition=draw(st.sampled_from(("", "01", "01", "03", "20", "30"))) if left else "",
        died=draw(HOURS) if draw(st.integers(0, 12)) == 0 else None,
        merged={"P1": "P2", "P2": "P1"}[patient] if merge else "",
        unit=draw(st.sampled_from(("4W", "ICU"))),
        patient_class=draw(st.sampled_from(("I", "I", "E", "O"))),
    )  # fmt: skip
    return replay.Line(draw(at), adt=text.encode())


@st.composite
def actions(draw: st.DrawFn) -> replay.Line:
    """Something somebody did about one of the visits, or says was not done."""
    kind = draw(
        st.sampled_from(
            (
                "contact_attempted",
                "contact_attempted",
                "handoff_acknowledged",
                "handoff_declined",
                "deadline_waived",
                "alert_acknowledged",
                "action_withdrawn",
            )
        )
    )
    said: dict[str, Any] = {
        "type": kind,
        "visit": draw(st.sampled_from(VISITS)),
        "id": f"act{draw(st.integers(0, 5))}",
    }
    if kind == "contact_attempted":
        said |= {
            "channel": "phone",
            "party": "patient",
            "outcome": draw(st.sampled_from(("reached", "no_answer", "refused"))),
            "clinician": draw(st.booleans()),
        }
        if draw(st.integers(0, 2)) == 0:
            said["form"] = {"red_flag": draw(st.booleans()), "clinician_callback": draw(st.booleans())}
    elif kind == "handoff_acknowledged":
        said |= {"read_back": draw(st.booleans())}
    elif kind == "handoff_declined":
        said |= {"reason": "no bed"}
    elif kind == "deadline_waived":
        said |= {"kind": draw(st.sampled_from(("call_72h", "tcm_contact"))), "reason": "moved"}
    elif kind == "alert_acknowledged":
        about = ("call_72h", "tcm_contact_due_soon", "readmission_detected", "red_flag", "handoff_declined")
        said |= {"kind": draw(st.sampled_from(about))}
    at = draw(ARRIVALS)
    if kind in {"contact_attempted", "handoff_acknowledged", "handoff_declined"} and draw(st.booleans()):
        said["occurred_at"] = (at - timedelta(hours=draw(st.integers(0, 20)))).isoformat()
    return replay.Line(at, action=json.dumps(said).encode())


SCENARIOS = st.lists(messages() | messages() | actions(), max_size=14)
UNTILS = st.integers(0, 60).map(lambda half_days: MONDAY + timedelta(hours=12 * half_days))


@FEW
@given(SCENARIOS, UNTILS, st.randoms(use_true_random=False))
def test_the_order_of_lines_never_matters(lines: list[replay.Line], until: datetime, rng: Any) -> None:
    """A file with its lines shuffled ends in the same document."""
    lines = one_of_each_id(lines)
    shuffled = list(lines)
    rng.shuffle(shuffled)

    assert replay.replay(lines, until, CONFIG) == replay.replay(shuffled, until, CONFIG)


@FEW
@given(SCENARIOS, UNTILS, UNTILS)
def test_reading_a_story_in_two_parts_is_reading_it(
    lines: list[replay.Line], one: datetime, other: datetime
) -> None:
    """Stopping at an instant and going on changes nothing."""
    middle, until = sorted((one, other))
    lines = sorted(lines, key=lambda line: line.at)
    engine = Engine(CONFIG)
    engine.run([line for line in lines if line.at <= middle], middle)
    engine.run([line for line in lines if line.at > middle], until)

    assert replay.replay(lines, until, CONFIG) == outcome(engine)


def together(arrivals: Iterable[Arrival], known: Transitions) -> list[Course]:
    """Everything that comes to everybody, instant by instant."""
    all_of_it = Course({}, [])
    for arrival in arrivals:
        said = [known.read(value, arrival.at) for value in arrival.actions]
        all_of_it.instants.append(Instant(arrival.at, list(arrival.events), said))
        all_of_it.patients |= {event.patient.patient_id: None for event in arrival.events}
    return [all_of_it]


@FEW
@given(SCENARIOS, UNTILS)
def test_one_patient_after_the_other_is_all_at_once(lines: list[replay.Line], until: datetime) -> None:
    """Given a story gone through patient by patient; then it ends as one gone through instant by instant."""
    with patch.object(engines, "courses", together):
        expected = replay.replay(lines, until, CONFIG)

    assert replay.replay(lines, until, CONFIG) == expected


@FEW
@given(SCENARIOS, UNTILS)
def test_what_time_has_settled_stays_settled(lines: list[replay.Line], until: datetime) -> None:
    """While nothing arrives, a settled deadline and an alert that was raised stay what they are."""
    until = max([until, *(line.at for line in lines)])
    before, after = (replay.replay(lines, until + timedelta(days=days), CONFIG) for days in (0, 3))
    settled = [row for row in deadlines(before) if row["status"] != "pending"]

    assert [row for row in settled if row not in deadlines(after)] == []
    raised = [(row["visit"], row["kind"], row["raised_at"]) for row in after["alerts"]]
    assert [
        row for row in before["alerts"] if (row["visit"], row["kind"], row["raised_at"]) not in raised
    ] == []


@FEW
@given(
    st.lists(messages(st.just(MONDAY)), max_size=9, unique_by=lambda line: line.adt),
    st.sampled_from((0, 90, 170)).map(lambda hours: MONDAY + timedelta(hours=hours)),
    st.randoms(use_true_random=False),
)
def test_the_order_of_arrival_decides_nothing_that_stands(
    lines: list[replay.Line], arrival: datetime, rng: Any
) -> None:
    """Messages that arrive one after the other, in any order and some of them twice, end in the same rows."""
    until = MONDAY + timedelta(days=20)
    if any(b"|Y\r" in (line.adt or b"") for line in lines):
        arrival = MONDAY + timedelta(hours=170)  # a death that lies after its report is dated by the report
    shuffled = [*lines, *rng.sample(lines, min(3, len(lines)))]
    rng.shuffle(shuffled)

    together = standing([replay.Line(arrival, adt=line.adt) for line in lines], until)

    assert together == standing(strung(shuffled, arrival), until)


def test_a_late_cancel_joins_what_was_taken_for_two_stays() -> None:
    """A number seems to be used again after a discharge, until the cancel of that discharge arrives."""
    admitted, again = local("2026-01-05 08:00"), local("2026-01-08 07:30")
    texts = [
        adt("A01", "J1", local("2026-01-05 08:30"), "P1", "V1", admitted=admitted),
        adt("A03", "J2", local("2026-01-06 10:00"), "P1", "V1", admitted=admitted, discharged=local("2026-01-06 09:50"), disposition="01"),
        adt("A13", "J3", local("2026-01-06 11:00"), "P1", "V1", admitted=admitted),
        adt("A01", "J4", local("2026-01-08 08:00"), "P1", "V1", admitted=again),
    ]  # fmt: skip
    one, two, cancel, other = (replay.Line(MONDAY, adt=text.encode()) for text in texts)
    arrival, until = local("2026-01-08 09:00"), local("2026-01-09 00:00")

    in_order_of_time = standing(strung([one, two, cancel, other], arrival), until)

    assert [visit["generation"] for visit in in_order_of_time["visits"]] == [0]
    assert in_order_of_time == standing(strung([one, two, other, cancel], arrival), until)


def strung(lines: list[replay.Line], at: datetime) -> list[replay.Line]:
    """The lines a second apart."""
    return [replay.Line(at + timedelta(seconds=n), adt=line.adt) for n, line in enumerate(lines)]


def one_of_each_id(lines: list[replay.Line]) -> list[replay.Line]:
    """Of different actions under one id at one instant the first counts, and none of them is first."""
    seen = set()
    kept = []
    for line in lines:
        said = json.loads(line.action) if line.action else {}
        key = (line.at, said.get("id"), said.get("type") == "action_withdrawn")
        if not said or key not in seen:
            kept.append(line)
        seen.add(key)
    return kept


def deadlines(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {**row, "visit": episode["visit"], "opened_at": episode["opened_at"]}
        for episode in document["episodes"]
        for row in episode["deadlines"]
    ]


def standing(lines: list[replay.Line], until: datetime) -> dict[str, Any]:
    """Visits, what is owed and verdicts, without what tells when things were learned."""
    found = without_void(replay.replay(lines, until, CONFIG))
    for episode in found["episodes"]:
        for row in episode["deadlines"]:
            del row["late_known"]
    return {name: in_order(found[name]) for name in ("visits", "episodes", "readmissions")}
