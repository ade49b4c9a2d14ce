"""Rows through time: identity, generations, what was known when, and that order and repetition leave no trace."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.transitions.domain import fire, standing
from services.transitions.domain.model import Deed, EpisodeRow, Plan, Stay
from services.transitions.domain.number import EPISODES, NUMBERS
from services.transitions.domain.plan import plan
from services.transitions.domain.reconcile import Changes, reconcile, timers
from services.transitions.domain.risk.assess import RISKS
from services.transitions.protocol import load_protocol
from tests.transitions.domain.builders import (
    FACILITIES,
    PATIENT,
    PROTOCOL,
    Story,
    a_call,
    a_deed,
    a_move,
    a_stay,
    a_waiver,
    an_ack,
    an_emergency_visit,
    an_observation_stay,
    ny,
    planned,
    without_arrivals,
)

HOME = a_stay(discharged="2026-01-09 15:00")
LEFT = "2026-01-09 15:00"


def brought(rows: Any, ought: Plan, as_of: datetime, arrival: datetime | None = None) -> Changes:
    return reconcile(rows, ought, patient_id=PATIENT, as_of=as_of, arrival=arrival or as_of)


# --- identity and difference -----------------------------------------------------------------------------------


def test_a_case_number_can_be_read_out() -> None:
    """Twelve letters and digits, the same for ever; another visit has another."""
    one = Story().hears(LEFT, HOME).row().episode_id
    assert len(one) == 12
    assert one.isalnum()
    assert one.isupper()
    assert one == Story().hears("2026-01-10 15:00", HOME).row().episode_id
    other = Story().hears(LEFT, a_stay("V2", discharged=LEFT)).row(number="V2").episode_id
    assert one != other


def test_nothing_new_writes_nothing() -> None:
    """The same facts again, at any later time at which nothing fell due."""
    story = Story().hears(LEFT, HOME)
    assert [row.revision for row in story.last.episodes] == [1]
    assert [row.revision for row in story.last.deadlines] == [1] * 5
    story.hears("2026-01-09 19:00", HOME)
    assert (story.last.episodes, story.last.deadlines) == ((), ())


def test_only_what_changed_is_written() -> None:
    """A call meets one deadline by phone; the one that takes any channel as well; the episode is untouched."""
    story = Story().hears(LEFT, HOME).hears("2026-01-10 10:00", a_call("2026-01-10 10:00", channel="other"))
    assert story.last.episodes == ()
    assert [(d.kind, d.status, d.revision) for d in story.last.deadlines] == [("tcm_contact", "met", 2)]


def test_what_is_passed_in_is_not_changed() -> None:
    """Rows are copied, changed or not."""
    story = Story().hears(LEFT, HOME)
    before = deepcopy(story.rows)
    again = planned(HOME, a_call("2026-01-10 10:00"), as_of=ny("2026-01-10 10:00"))
    brought(story.rows, again, ny("2026-01-10 10:00"))
    brought(story.rows, Plan(), ny("2026-01-10 10:00"))
    assert story.rows == before


def test_a_merge_moves_the_rows_and_tells_of_each() -> None:
    """Another patient, no new deadline: every row has a new revision, as its event names the patient."""
    story = Story().hears(LEFT, HOME)
    other = replace(HOME, patient_id=HOME.visit_id)
    at = ny("2026-01-10 09:00")
    ought = plan([other], [], protocol=PROTOCOL, facilities=FACILITIES, as_of=at)
    moved = reconcile(story.rows, ought, patient_id=HOME.visit_id, as_of=at, arrival=at)
    assert [(row.patient_id, row.revision) for row in moved.episodes] == [(HOME.visit_id, 2)]
    assert [(d.status, d.revision, d.generation) for d in moved.deadlines] == [("pending", 2, 0)] * 5


def test_an_episode_keeps_the_protocol_it_was_opened_under() -> None:
    """Until a decision moves it."""
    story = Story().hears(LEFT, HOME)
    changed = reconcile(
        story.rows,
        planned(HOME, as_of=ny(LEFT)),
        patient_id=PATIENT,
        as_of=ny(LEFT),
        arrival=ny(LEFT),
    )
    assert changed.episodes == ()
    assert changed.rows[0].protocol == PROTOCOL.label == "transitions-of-care@2"


# --- timers ----------------------------------------------------------------------------------------------------


def test_what_is_armed_is_what_lies_ahead() -> None:
    """The due time as number 0, warnings from 1; nothing for what is settled."""
    call = Story().hears(LEFT, HOME).until("2026-01-11 20:00").deadline("call_72h")
    assert call.warned == 1
    assert timers(call) == [(0, ny("2026-01-12 15:00")), (2, ny("2026-01-12 09:00"))]
    assert timers(fire.due(call)) == []


def test_a_deadline_due_at_the_mark_is_left_to_its_timer() -> None:
    """Strictly before the mark it has run out; at the very instant a call may still be on its way."""
    due = ny("2026-01-12 15:00")
    for as_of, status in ((due, "pending"), (due + timedelta(microseconds=1), "missed")):
        row = brought([], planned(HOME, as_of=as_of), as_of).rows[0].deadlines["call_72h"]
        assert row.status == status


def test_firing_is_what_reconciling_afterwards_finds() -> None:
    """The timer and the plan agree: nothing to write after a deadline fired, missed or attempted."""
    tries = [a_call("2026-01-12 10:00", "no_answer"), a_call("2026-01-13 10:00", "no_answer")]
    for deeds in ([], tries):
        story = Story().hears(LEFT, HOME)
        for deed in deeds:
            story.hears(deed.at, deed)
        story.until("2026-01-14 12:00").hears("2026-01-14 12:00", HOME)
        assert (story.last.episodes, story.last.deadlines) == ((), ())
        assert story.deadline("call_72h").status == "missed"
        contact = story.deadline("tcm_contact")
        assert (contact.status, contact.owed) == (("attempted", False) if deeds else ("missed", True))
        assert contact.settled_at == contact.known_at == ny("2026-01-13 24:00")


def test_a_row_fired_ahead_of_the_mark_stays_fired() -> None:
    """Patience ran out and it fired; the next plan, made with an older mark, does not take it back."""
    story = Story().hears(LEFT, HOME)
    call = story.deadline("call_72h")
    fired = fire.due(fire.warn(fire.warn(call, 1), 2))
    story.row().deadlines["call_72h"] = fired
    mark = ny("2026-01-12 14:00")
    changes = brought(story.rows, planned(HOME, as_of=mark), mark)
    assert fired.status == "missed"
    assert [d.kind for d in changes.deadlines if d.kind == "call_72h"] == []


# --- corrections -----------------------------------------------------------------------------------------------


def test_a_cancelled_discharge_and_a_new_one_are_the_same_episode() -> None:
    """A13 at 16:00, A03 again at 18:10: void, then owed anew with the new times and another generation."""
    story = Story().hears(LEFT, HOME).hears("2026-01-09 16:00", a_stay())
    row, call = story.row(), story.deadline("call_72h")
    assert (row.status, row.closed_at, row.close_reason) == ("void", ny("2026-01-09 16:00"), None)
    assert (call.status, call.settled_at, call.known_at) == (
        "void",
        ny("2026-01-09 16:00"),
        ny("2026-01-09 16:00"),
    )
    case, deadline_id = row.episode_id, call.deadline_id
    story.hears("2026-01-09 18:15", a_stay(discharged="2026-01-09 18:10", learned="2026-01-09 18:15"))
    row, call = story.row(), story.deadline("call_72h")
    assert (row.episode_id, row.status, row.opened_at) == (case, "open", ny("2026-01-09 18:10"))
    assert (call.deadline_id, call.status, call.due_at) == (deadline_id, "pending", ny("2026-01-12 18:10"))
    assert (call.generation, call.revision, call.learned_at) == (1, 3, ny("2026-01-09 18:15"))


def test_a_discharge_moved_back_a_day_is_late_known() -> None:
    """Due in two hours; then an A08 says that the patient had left a day earlier."""
    story = Story().hears(LEFT, HOME)
    earlier = a_stay(discharged="2026-01-08 15:00", learned="2026-01-12 13:00")
    story.hears("2026-01-12 13:00", earlier)
    call = story.deadline("call_72h")
    assert (call.status, call.due_at, call.late_known) == ("missed", ny("2026-01-11 15:00"), True)
    assert call.known_at == ny("2026-01-12 13:00")


def test_a_replay_of_old_discharges_is_late_known() -> None:
    """First heard of five days later."""
    story = Story().hears("2026-01-14 15:00", a_stay(discharged=LEFT, learned="2026-01-14 15:00"))
    assert {d.kind: (d.status, d.late_known) for d in story.row().deadlines.values()} == {
        "call_72h": ("missed", True),
        "tcm_contact": ("missed", True),
        "pcp_notify": ("missed", True),
        "visit_14d": ("pending", False),
        "med_rec": ("pending", False),
    }


def test_after_an_outage_nothing_is_late_known() -> None:
    """The message came in time, only we were away: missed at its due time."""
    as_of = ny("2026-01-14 15:00")
    row = brought([], planned(HOME, as_of=as_of), as_of).rows[0].deadlines["call_72h"]
    assert (row.status, row.late_known, row.known_at) == ("missed", False, ny("2026-01-12 15:00"))


def test_a_call_made_while_we_were_away_is_read_first() -> None:
    """Logged before the due time: met, never missed."""
    as_of = ny("2026-01-14 15:00")
    ought = planned(HOME, a_call("2026-01-12 14:30"), as_of=as_of)
    assert brought([], ought, as_of).rows[0].deadlines["call_72h"].status == "met"


def test_moved_later_after_the_miss_is_another_generation() -> None:
    """What was alerted is not this obligation; a move of what nobody had heard of is."""
    later = a_stay(discharged="2026-01-10 15:00", learned="2026-01-12 16:00")
    story = Story().hears(LEFT, HOME).hears("2026-01-12 16:00", later)
    call = story.deadline("call_72h")
    assert (call.status, call.due_at, call.generation, call.settled_at) == (
        "pending",
        ny("2026-01-13 15:00"),
        1,
        None,
    )
    quiet = Story().hears(LEFT, HOME)
    quiet.hears("2026-01-10 16:00", a_stay(discharged="2026-01-10 15:00", learned="2026-01-10 16:00"))
    assert quiet.deadline("call_72h").generation == 0


def test_moved_later_after_a_warning_is_another_generation_if_it_is_early_again() -> None:
    """Warned at T + 48 h; twelve hours later there is no hurry, ten minutes later there still is."""
    for left, generation, warned in (("2026-01-10 03:00", 1, 0), ("2026-01-09 15:10", 0, 1)):
        story = Story().hears(LEFT, HOME)
        story.hears("2026-01-11 15:30", a_stay(discharged=left, learned="2026-01-11 15:30"))
        call = story.deadline("call_72h")
        assert (call.generation, call.warned) == (generation, warned)


def test_a_late_entry_turns_missed_into_met_or_attempted() -> None:
    """Known with the arrival of the entry, settled at its own time; attempted at the due time."""
    story = (
        Story()
        .hears(LEFT, HOME)
        .hears("2026-01-14 09:00", a_call("2026-01-12 10:00", entered="2026-01-14 09:00"))
    )
    for kind in ("call_72h", "tcm_contact"):
        found = story.deadline(kind)
        assert (found.status, found.settled_at, found.known_at, found.owed) == (
            "met", ny("2026-01-12 10:00"), ny("2026-01-14 09:00"), False)  # fmt: skip
    tries = [
        a_call(at, "no_answer", entered="2026-01-14 09:00") for at in ("2026-01-12 10:00", "2026-01-13 10:00")
    ]
    found = Story().hears(LEFT, HOME).hears("2026-01-14 09:00", *tries).deadline("tcm_contact")
    assert (found.status, found.settled_at, found.known_at, found.owed) == (
        "attempted", ny("2026-01-13 24:00"), ny("2026-01-14 09:00"), False)  # fmt: skip


def test_done_afterwards_is_met_late() -> None:
    """Missed on Monday at 15:00, reached on Monday at 16:00."""
    story = Story().hears(LEFT, HOME).hears("2026-01-12 16:00", a_call("2026-01-12 16:00"))
    call = story.deadline("call_72h")
    assert (call.status, call.settled_at, call.owed) == ("met_late", ny("2026-01-12 16:00"), False)


def test_a_withdrawn_call_is_owed_again_as_another_generation() -> None:
    """Entered for the wrong patient; not late known, for the due time was known all along."""
    call = a_call("2026-01-12 10:00")
    story = Story().hears(LEFT, HOME).hears("2026-01-12 10:00", call).forgets("2026-01-12 16:00", call)
    found = story.deadline("call_72h")
    assert (found.status, found.generation, found.late_known, found.known_at) == (
        "missed", 1, False, ny("2026-01-12 16:00"))  # fmt: skip
    assert story.deadline("tcm_contact").status == "pending"


def test_a_call_withdrawn_before_the_due_time_is_pending_since_then() -> None:
    """The warning of Sunday is true since the withdrawal; that the due time was known all along stays."""
    call = a_call("2026-01-10 10:00")
    story = Story().hears(LEFT, HOME).hears("2026-01-10 10:00", call)
    learned = story.deadline("call_72h").learned_at
    found = story.forgets("2026-01-12 09:00", call).deadline("call_72h")
    assert (found.status, found.generation, found.known_at, found.learned_at) == (
        "pending", 1, ny("2026-01-12 09:00"), learned)  # fmt: skip


def test_a_waiver_after_the_miss_ends_the_work_with_its_arrival() -> None:
    """The alert ends then; the status stays."""
    story = Story().hears(LEFT, HOME).hears("2026-01-13 09:00", a_waiver("2026-01-13 09:00", "call_72h"))
    call = story.deadline("call_72h")
    assert (call.status, call.owed, call.known_at, call.settled_at) == (
        "missed", False, ny("2026-01-13 09:00"), ny("2026-01-12 15:00"))  # fmt: skip


@pytest.mark.parametrize(
    "waived", ["2026-01-11 09:00", "2026-01-13 09:00"], ids=["before the miss", "after it"]
)
def test_a_waiver_withdrawn_after_the_miss_is_a_miss_and_not_late_known(waived: str) -> None:
    """Given a waiver, when it is withdrawn on Wednesday, then the call of Monday is missed since then: its time was known."""
    waiver = a_waiver(waived, "call_72h")
    story = Story().hears(LEFT, HOME).hears(waived, waiver).forgets("2026-01-14 09:00", waiver)
    call = story.deadline("call_72h")
    assert (call.status, call.owed, call.late_known, call.generation, call.known_at) == (
        "missed", True, False, 1, ny("2026-01-14 09:00"))  # fmt: skip


def test_a_waived_handoff_is_owed_again_when_the_waiver_is_withdrawn() -> None:
    """Given a missed handoff, waived, when the waiver is withdrawn, then somebody has to take over again."""
    waiver = a_waiver("2026-01-06 12:00", "handoff_ack_unit")
    story = Story().hears("2026-01-06 10:10", a_stay(moves=(a_move("2026-01-06 10:10"),)))
    story.hears("2026-01-06 12:00", waiver).forgets("2026-01-06 13:00", waiver)
    handoff = story.deadline("handoff_ack_unit")
    assert (handoff.status, handoff.owed, handoff.late_known) == ("missed", True, False)


def test_a_warning_that_an_attempt_had_spared_is_known_since_the_attempt_is_withdrawn() -> None:
    """Given an attempt on Monday, when it is withdrawn at six, then the warning of three o'clock is true since six."""
    tried = a_call("2026-01-12 10:00", "no_answer")
    story = Story().hears(LEFT, HOME).hears("2026-01-12 10:00", tried).forgets("2026-01-12 18:00", tried)
    expected = [(ny("2026-01-12 15:00"), ny("2026-01-12 18:00")), (ny("2026-01-13 12:00"), None)]
    assert [(w.at, w.known_at) for w in story.deadline("tcm_contact").warnings] == expected
    story.hears("2026-01-12 19:00", a_call("2026-01-12 18:30", "wrong_number"))
    assert [(w.at, w.known_at) for w in story.deadline("tcm_contact").warnings] == expected


def test_an_attempt_entered_late_takes_back_the_warning() -> None:
    """Nobody had tried by 15:00 of the first business day, it seemed; somebody had."""
    story = Story().hears(LEFT, HOME).until("2026-01-12 16:00")
    assert story.deadline("tcm_contact").warned == 1
    story.hears("2026-01-12 16:00", a_call("2026-01-12 14:00", "no_answer", entered="2026-01-12 16:00"))
    contact = story.deadline("tcm_contact")
    assert (contact.warned, contact.warned_at, [w.at for w in contact.warnings]) == (
        0,
        None,
        [ny("2026-01-13 12:00")],
    )


def test_a_warning_past_when_we_learned_of_the_discharge_counts_as_said() -> None:
    """The A03 came fifty hours late: it is already time to hurry."""
    story = Story().hears("2026-01-11 17:00", a_stay(discharged=LEFT, learned="2026-01-11 17:00"))
    call = story.deadline("call_72h")
    assert (call.status, call.warned, call.warned_at) == ("pending", 1, ny("2026-01-11 15:00"))


def test_a_repeated_report_does_not_hold_back_what_was_said() -> None:
    """Missed and paged; a copy of the A03 starts the settle window anew, not the page."""
    again = replace(HOME, settle_from=ny("2026-01-12 16:00"))
    story = Story().hears(LEFT, HOME).hears("2026-01-12 16:00", again)
    assert story.deadline("call_72h").hold_until == ny("2026-01-09 15:10")
    assert story.deadline("tcm_contact").hold_until == ny("2026-01-12 16:10")


# --- properties ------------------------------------------------------------------------------------------------

HOURS = st.integers(0, 45 * 24).map(lambda h: (datetime(2026, 1, 5) + timedelta(hours=h)).isoformat(" "))


@st.composite
def stays(draw: st.DrawFn, number: str) -> Stay:
    """A visit of any kind, plausible enough."""
    begun, left = sorted((draw(HOURS), draw(HOURS)))
    build = draw(st.sampled_from([a_stay, a_stay, a_stay, an_observation_stay]))
    more: dict[str, Any] = {
        "at": draw(st.sampled_from(["H1", "H1", "H2", "WEST", "SNF1", "PICKY"])),
        "diagnoses": draw(st.sampled_from([(), ("I50.9",), ("J18.9", "I10")])),
        "preadmitted": draw(st.booleans()),
        "admission_type": draw(st.sampled_from([None, "C", "E"])),
        "died": draw(st.sampled_from([None, None, None, "2026-01-20 06:00"])),
        "implausible": draw(st.sampled_from([False, False, True])),
        "hospital_service": draw(st.sampled_from(["MED", "PSY"])),
        "age": draw(st.sampled_from([None, 16, 70])),
        "age_in_year": draw(st.sampled_from([None, 17, 71])),
        "live": draw(st.sampled_from([True, True, True, False])),
        "moves": tuple(
            a_move(draw(HOURS), draw(st.sampled_from(["ICU", "4W"]))) for _ in range(draw(st.integers(0, 2)))
        ),
    }
    to = draw(st.sampled_from(["01", "01", "03", "07", "20", "30", "50", "69", "81", "02", None, "??"]))
    learned = max(left, draw(HOURS))
    stay = build(number, admitted=begun, discharged=left, to=to, learned=learned, **more)
    if draw(st.sampled_from([False, False, True])):
        stay = an_emergency_visit(number, arrived=begun, discharged=left, to=to)
    return replace(
        stay, state=draw(st.sampled_from(["discharged"] * 4 + ["admitted", "cancelled", "registered"]))
    )


@st.composite
def deeds(draw: st.DrawFn) -> Deed:
    """Anything people did about one of the visits."""
    at, visit = draw(HOURS), draw(st.sampled_from(["V1", "V2", "V3"]))
    entered = max(at, draw(HOURS))
    build = draw(st.sampled_from([_call, _ack, _waive, _follow_up]))
    return build(draw, at, visit=visit, entered=entered)


def _call(draw: st.DrawFn, at: str, **more: Any) -> Deed:
    outcome = draw(st.sampled_from(["reached", "no_answer", "left_message", "wrong_number", "refused"]))
    return a_call(at, outcome, draw(st.sampled_from(["phone", "other"])), **more)


def _ack(draw: st.DrawFn, at: str, **more: Any) -> Deed:
    kind = draw(st.sampled_from([None, None, "handoff_ack_unit", "handoff_ack_facility"]))
    return an_ack(at, kind, read_back=draw(st.booleans()), **more)


def _waive(draw: st.DrawFn, at: str, **more: Any) -> Deed:
    kinds = ["call_72h", "tcm_contact", "handoff_ack_unit", "visit_14d", "med_rec"]
    return a_waiver(at, draw(st.sampled_from(kinds)), **more)


def _follow_up(draw: st.DrawFn, at: str, **more: Any) -> Deed:
    kind = draw(
        st.sampled_from(
            [
                "visit_completed",
                "medications_reconciled",
                "pcp_notified",
                "appointment_booked",
                "complexity_assessed",
            ]
        )
    )
    if kind == "visit_completed":
        more["discharging_practitioner"] = draw(st.booleans())
        more["specialty"] = draw(st.sampled_from([None, "behavioural_health"]))
    elif kind == "appointment_booked":
        more["occurs_at"] = ny(draw(HOURS))
    elif kind == "complexity_assessed":
        more["complexity"] = draw(st.sampled_from(["moderate", "high"]))
    return a_deed(kind, at, **more)


@st.composite
def facts(draw: st.DrawFn) -> tuple[list[Stay], list[Deed]]:
    visits = [draw(stays(f"V{n}")) for n in range(1, draw(st.integers(1, 3)) + 1)]
    return visits, draw(st.lists(deeds(), max_size=6, unique_by=lambda deed: deed.action_id))


LAYERED = load_protocol("transitions-of-care+behavioural-health+paediatric+hedis-trc+skilled-nursing")
MARKS = st.integers(0, 80 * 24).map(lambda h: datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=h))
ENDS = st.sampled_from(
    [datetime(2026, 2, 25, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)]
)


def ought(known: tuple[list[Stay], list[Deed]], as_of: datetime) -> Plan:
    return plan(known[0], known[1], protocol=LAYERED, facilities=FACILITIES, as_of=as_of)


@settings(max_examples=100, deadline=None)
@given(facts(), MARKS, st.randoms(use_true_random=False))
def test_the_plan_does_not_depend_on_order(
    known: tuple[list[Stay], list[Deed]], as_of: datetime, dice: Any
) -> None:
    """Stays and deeds in any order are the same patient."""
    visits, done = list(known[0]), list(known[1])
    dice.shuffle(visits)
    dice.shuffle(done)
    assert ought((visits, done), as_of) == ought(known, as_of)


def forget_all() -> None:
    for kept in (EPISODES, NUMBERS, RISKS, standing):
        kept.forget()


@st.composite
def turns(draw: st.DrawFn) -> list[tuple[tuple[list[Stay], list[Deed]], datetime]]:
    """What is known at several instants: two states of the facts by turns, so that time alone passes now and then."""
    known = draw(st.tuples(facts(), facts()))
    return [(known[draw(st.integers(0, 1))], draw(MARKS)) for _ in range(draw(st.integers(2, 5)))]


@settings(max_examples=150, deadline=None)
@given(turns())
def test_what_is_kept_of_earlier_plans_never_shows(
    steps: list[tuple[tuple[list[Stay], list[Deed]], datetime]],
) -> None:
    """Given several plans of one patient; then each is what it is where nothing was planned before."""
    kept = [ought(known, mark) for known, mark in steps]
    for (known, mark), before in zip(steps, kept, strict=True):
        forget_all()
        assert before == ought(known, mark)


@settings(max_examples=150, deadline=None)
@given(turns())
def test_what_is_kept_of_earlier_rows_never_shows(
    steps: list[tuple[tuple[list[Stay], list[Deed]], datetime]],
) -> None:
    """Given rows brought up to date again and again; then they are what they are where nothing is remembered of before."""

    def rows(*, forgetful: bool) -> list[tuple[EpisodeRow, ...]]:
        found: list[tuple[EpisodeRow, ...]] = [()]
        for (known, _), mark in zip(steps, sorted(mark for _, mark in steps), strict=True):
            if forgetful:
                forget_all()
            found.append(deepcopy(brought(found[-1], ought(known, mark), mark).rows))
        return found

    assert rows(forgetful=False) == rows(forgetful=True)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(facts(), MARKS), min_size=1, max_size=3),
    st.timedeltas(timedelta(0), timedelta(hours=5)),
)
def test_reconciling_twice_writes_nothing(
    steps: list[tuple[tuple[list[Stay], list[Deed]], datetime]], wait: timedelta
) -> None:
    """Whatever came before."""
    rows: tuple[EpisodeRow, ...] = ()
    for (known, _), mark in zip(steps, sorted(mark for _, mark in steps), strict=True):
        rows = brought(rows, ought(known, mark), mark).rows
        standing.forget()
        again = brought(rows, ought(known, mark), mark, mark + wait)
        assert (again.episodes, again.deadlines) == ((), ())
        assert again.rows == rows


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(facts(), MARKS), max_size=4), facts(), ENDS)
def test_any_way_to_the_same_facts_ends_in_the_same_rows(
    steps: list[tuple[tuple[list[Stay], list[Deed]], datetime]],
    known: tuple[list[Stay], list[Deed]],
    end: datetime,
) -> None:
    """Through any corrections, and from nothing: the same, but for void rows and what tells of arrivals."""
    rows: tuple[EpisodeRow, ...] = ()
    for (before, _), mark in zip(steps, sorted(mark for _, mark in steps), strict=True):
        rows = brought(rows, ought(before, mark), min(mark, end)).rows
    rows = brought(rows, ought(known, end), end).rows
    fresh = brought((), ought(known, end), end).rows
    assert without_arrivals(rows) == without_arrivals(fresh)
