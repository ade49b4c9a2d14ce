"""Where the patient went decides what is owed: every UB-04 code, the unknown, the dead, the implausible."""

import pytest
from msgspec.structs import replace

from schemas.reference.dispositions import dispositions
from tests.transitions.domain.builders import (
    Story,
    a_stay,
    an_emergency_visit,
    an_observation_stay,
    deadline,
    episode,
    kinds,
    ny,
    planned,
)

HOME = {"discharge": ["call_72h", "tcm_contact", "pcp_notify", "visit_14d", "med_rec"]}
HANDOFF = {"facility_handoff": ["handoff_ack_facility"]}
SEVERE = ("N18.6",)
CALL_ONLY = {"discharge": ["call_72h"]}
NOTICE = {"discharge": ["pcp_notify"]}
NOTHING: dict[str, list[str]] = {}

OPENS = {
    "01": HOME, "02": HANDOFF, "03": HANDOFF, "04": HANDOFF, "05": HANDOFF, "06": HOME, "07": HOME, "09": NOTHING,
    "20": NOTHING, "21": HANDOFF, "30": NOTHING, "40": NOTHING, "41": NOTHING, "42": NOTHING, "43": HANDOFF,
    "50": NOTICE, "51": NOTHING, "61": HANDOFF, "62": HANDOFF, "63": HANDOFF, "64": HANDOFF,
    "65": HANDOFF, "66": HANDOFF, "69": CALL_ONLY, "70": HANDOFF,
}  # fmt: skip
TWINS = {
    "81": "01", "82": "02", "83": "03", "84": "04", "85": "05", "86": "06", "87": "21", "88": "43", "89": "61",
    "90": "62", "91": "63", "92": "64", "93": "65", "94": "66", "95": "70",
}  # fmt: skip


def test_every_code_in_use_has_its_row() -> None:
    """No code of the reference table leads nowhere by accident."""
    assert set(OPENS) | set(TWINS) == set(dispositions())


@pytest.mark.parametrize("code", sorted(OPENS))
def test_a_code_opens(code: str) -> None:
    """Episode and deadlines of a discharge with this code."""
    assert kinds(planned(a_stay(discharged="2026-01-09 15:00", to=code))) == OPENS[code]


def test_of_a_stay_under_part_2_nobody_outside_is_told() -> None:
    """Without consent (42 CFR 2.31, trap 78): no notice to the practice is owed, and no event names its unit."""
    plan = planned(a_stay(discharged="2026-01-09 15:00", part2=True))

    assert kinds(plan) == {"discharge": [kind for kind in HOME["discharge"] if kind != "pcp_notify"]}
    assert episode(plan).unit is None
    assert episode(planned(a_stay(discharged="2026-01-09 15:00"))).unit == "4W"


# The columns of UB-04 form locator 17 that decide: TCM clock, 72-hour call. REVIEW is answered by the protocol.
TABLE = """
01 home               YES     yes      | 30 still_patient      NO      no
02 acute_hospital     NO      handoff  | 40 expired            NO      no
03 snf                NO      handoff  | 41 expired            NO      no
04 custodial_or_alf   NO      handoff  | 42 expired            NO      no
05 acute_hospital     NO      handoff  | 43 federal_hospital   NO      handoff
06 home_health        YES     yes      | 50 hospice_home       NO      no
07 ama                YES     yes      | 51 hospice_facility   NO      no
09 same_hospital_ip   NO      no       | 61 swing_bed          NO      handoff
20 expired            NO      no       | 62 irf                NO      handoff
21 correctional       NO      handoff  | 63 ltch               NO      handoff
64 nursing_facility   NO      handoff  | 65 psych              NO      handoff
66 acute_hospital     NO      handoff  | 69 disaster_site      NO      yes
70 other_institution  NO      handoff  | ?? unknown            YES     yes
"""
ROWS = [cell.split() for line in TABLE.strip().splitlines() for cell in line.split("|")]
TCM = {"tcm_contact", "visit_14d", "med_rec"}


@pytest.mark.parametrize(("code", "category", "tcm", "call"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_of_the_table(code: str, category: str, tcm: str, call: str) -> None:
    """What starts the clocks, what the call, what a facility handoff."""
    stay = a_stay(discharged="2026-01-09 15:00", to=code)
    found = {kind for opened in kinds(planned(stay)).values() for kind in opened}
    assert stay.disposition_category == category
    assert found & TCM == (TCM if tcm == "YES" else set())
    assert ("call_72h" in found, "handoff_ack_facility" in found) == (call == "yes", call == "handoff")


def test_the_table_is_whole() -> None:
    """Every code in use, and the unknown."""
    assert {row[0] for row in ROWS} == {*OPENS, "??"}


@pytest.mark.parametrize("twin", sorted(TWINS))
def test_a_twin_opens_what_its_base_opens(twin: str) -> None:
    """81 to 95 only add that a readmission is planned."""
    assert kinds(planned(a_stay(discharged="2026-01-09 15:00", to=twin))) == OPENS[TWINS[twin]]


def test_an_unmapped_word_is_owed_as_home_and_pages_nobody() -> None:
    """At once: something was said, only nobody knows what it means."""
    plan = planned(a_stay(discharged="2026-01-09 15:00", to="??"))
    assert kinds(plan) == HOME
    assert episode(plan).opens_at is None
    for found in episode(plan).deadlines:
        assert (found.provisional, found.severity) == (True, "P3")
        assert {w.severity for w in found.warnings} <= {"P3"}


def test_nothing_said_waits_for_the_settle_window() -> None:
    """Then the episode opens as after a discharge home, with the discharge as its beginning."""
    story = Story().hears(
        "2026-01-09 15:05", a_stay(discharged="2026-01-09 15:00", learned="2026-01-09 15:05", to=None)
    )
    assert (story.rows, story.replan_at) == ((), ny("2026-01-09 15:15"))
    story.until("2026-01-09 15:15")
    assert (story.row().status, story.row().opened_at) == ("open", ny("2026-01-09 15:00"))
    assert story.deadline("call_72h").provisional


def test_a_word_within_the_settle_window_opens_at_once() -> None:
    """It came with an A08 three minutes later."""
    story = Story().hears("2026-01-09 15:00", a_stay(discharged="2026-01-09 15:00", to=None))
    said = a_stay(discharged="2026-01-09 15:00", to="03", disposition_learned="2026-01-09 15:03")
    story.hears("2026-01-09 15:03", said).until("2026-01-09 16:00")
    assert [row.kind for row in story.rows] == ["facility_handoff"]


def test_a_repeated_report_does_not_close_what_is_open() -> None:
    """The A03 comes again half an hour later and starts the settle window again: the episode stays."""
    silent = a_stay(discharged="2026-01-09 15:00", to=None)
    again = a_stay(discharged="2026-01-09 15:00", to=None, settle="2026-01-09 15:30")
    story = (
        Story().hears("2026-01-09 15:00", silent).until("2026-01-09 15:20").hears("2026-01-09 15:30", again)
    )
    assert (story.row().status, story.deadline("call_72h").generation) == ("open", 0)


def test_a_confirmed_destination_pages_again() -> None:
    """Unknown becomes home: the same deadlines, no longer provisional; the risk is high."""
    story = Story().hears(
        "2026-01-09 15:00", a_stay(discharged="2026-01-09 15:00", to="??", diagnoses=SEVERE)
    )
    story.hears(
        "2026-01-10 09:00",
        a_stay(discharged="2026-01-09 15:00", disposition_learned="2026-01-10 09:00", diagnoses=SEVERE),
    )
    call = story.deadline("call_72h")
    assert (call.provisional, call.severity, call.revision, call.learned_at) == (
        False,
        "P2",
        2,
        ny("2026-01-09 15:00"),
    )


def test_a_later_word_replaces_the_calls_by_a_handoff() -> None:
    """Home turns out to be a skilled nursing facility: calls void, a handoff whose time was up when we heard."""
    story = (
        Story()
        .hears("2026-01-09 18:10", a_stay(discharged="2026-01-09 18:10", to=None))
        .until("2026-01-10 00:00")
    )
    snf = a_stay(discharged="2026-01-09 18:10", to="03", disposition_learned="2026-01-11 09:00")
    story.hears("2026-01-11 09:00", snf)
    assert story.statuses() == dict.fromkeys(HOME["discharge"], "void") | {"handoff_ack_facility": "missed"}
    handoff = story.deadline("handoff_ack_facility")
    assert (handoff.due_at, handoff.late_known) == (ny("2026-01-09 22:10"), True)
    assert handoff.known_at == ny("2026-01-11 09:00")


def test_deadlines_owed_anyway_were_known_with_the_discharge() -> None:
    """That it was home and not unknown changed nothing for the call."""
    stay = a_stay(discharged="2026-01-09 15:00", disposition_learned="2026-01-11 09:00")
    assert deadline(planned(stay), "call_72h").learned_at == ny("2026-01-09 15:00")


def test_left_against_advice_is_owed_like_home() -> None:
    """The clocks start, and it counts as high risk."""
    plan = planned(a_stay(discharged="2026-01-09 15:00", to="07"))
    assert kinds(plan) == HOME
    assert {d.severity for d in episode(plan).deadlines if d.kind in {"call_72h", "tcm_contact"}} == {"P2"}


@pytest.mark.parametrize(
    "care_class", ["emergency", "outpatient", "recurring", "preadmit", "newborn", "other"]
)
def test_only_inpatient_and_observation_stays_are_followed_up(care_class: str) -> None:
    """CPT 99495 names the settings one must come from."""
    stay = a_stay(discharged="2026-01-09 15:00", care_class=care_class, inpatient=False)
    assert planned(stay).episodes == ()


def test_an_observation_stay_is_followed_up() -> None:
    """Class O of type OBS, home."""
    assert kinds(planned(an_observation_stay(discharged="2026-01-09 15:00"))) == HOME


def test_an_emergency_visit_is_not() -> None:
    """Home from the emergency department."""
    assert (
        planned(an_emergency_visit(arrived="2026-01-09 12:00", discharged="2026-01-09 15:00")).episodes == ()
    )


@pytest.mark.parametrize("state", ["cancelled", "folded", "admitted", "on_leave", "planned", "registered"])
def test_who_is_not_discharged_is_owed_nothing(state: str) -> None:
    """A cancelled discharge is just a visit whose plan is empty, whatever times it still carries."""
    assert planned(a_stay(discharged="2026-01-09 15:00", state=state)).episodes == ()


# --- death --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("died", ["2026-01-09 14:00", "2026-01-09 15:00"])
def test_who_died_before_leaving_is_owed_nothing(died: str) -> None:
    """Whatever PV1-36 says."""
    assert planned(a_stay(discharged="2026-01-09 15:00", died=died)).episodes == ()


def test_a_later_death_closes_the_episode() -> None:
    """At the instant of death; what was missed before stays missed, what was pending is void."""
    plan = planned(a_stay(discharged="2026-01-09 15:00", died="2026-01-13 06:00"))
    assert episode(plan).closed == ("died", ny("2026-01-13 06:00"))
    assert deadline(plan, "tcm_contact").settled == ("void", ny("2026-01-13 06:00"))
    call = deadline(plan, "call_72h")
    assert (call.settled, call.becomes, call.owed) == (None, "missed", False)


def test_a_death_reported_late_takes_back_the_miss() -> None:
    """Missed on Monday; on Tuesday we hear that the patient had died on Sunday."""
    alive = a_stay(discharged="2026-01-09 15:00")
    dead = a_stay(discharged="2026-01-09 15:00", died="2026-01-11 06:00")
    story = Story().hears("2026-01-09 15:00", alive).hears("2026-01-13 09:00", dead)
    call = story.deadline("call_72h")
    assert (call.status, call.settled_at, call.known_at) == (
        "void",
        ny("2026-01-11 06:00"),
        ny("2026-01-13 09:00"),
    )
    assert (story.row().close_reason, story.row().closed_at) == ("died", ny("2026-01-11 06:00"))


def test_nobody_dies_after_the_report_of_it() -> None:
    """A death typed one year ahead closes the episode when it was reported, and silences nothing before."""
    stay = a_stay(discharged="2026-01-09 15:00", died="2027-01-13 06:00")
    reported = replace(stay, death_learned_at=ny("2026-01-13 09:00"))
    assert episode(planned(reported)).closed == ("died", ny("2026-01-13 09:00"))


def test_an_emergency_visit_that_ends_in_death_closes_the_episode_of_the_stay() -> None:
    """UB-04 20 on another visit of the same person, without a PID-29."""
    home = a_stay(discharged="2026-01-09 15:00")
    emergency = an_emergency_visit("E1", arrived="2026-01-10 20:00", discharged="2026-01-10 22:00", to="20")
    assert episode(planned(home, emergency)).closed == ("died", ny("2026-01-10 22:00"))


# --- the implausible, the shadow ----------------------------------------------------------------------------


def test_an_implausible_time_pages_nobody() -> None:
    """Kept and worked on, never louder than P3, and not provisional: the destination is known."""
    plan = planned(a_stay(discharged="2026-01-09 15:00", implausible=True))
    assert {(d.severity, d.provisional) for d in episode(plan).deadlines} == {("P3", False)}


def test_the_shadow_does_not_touch_the_living() -> None:
    """A stay of a feed in shadow mode neither supersedes nor is superseded, but has its own plan."""
    live = a_stay("V1", discharged="2026-01-09 15:00")
    shadow = a_stay("V2", admitted="2026-01-10 09:00", discharged="2026-01-11 10:00", live=False, at="H2")
    plan = planned(live, shadow)
    assert [(e.live, e.closed) for e in plan.episodes] == [(True, None), (False, None)]
    assert plan.readmissions == ()


# --- the window ---------------------------------------------------------------------------------------------


def test_the_episode_ends_at_the_midnight_ending_day_thirty() -> None:
    """Closed as `window_ended`, and what was missed is nobody's work any more."""
    story = Story().hears("2026-01-09 15:00", a_stay(discharged="2026-01-09 15:00")).until("2026-02-08 23:59")
    assert (story.row().status, story.deadline("call_72h").owed) == ("open", True)
    story.until("2026-02-08 24:00")
    row = story.row()
    assert (row.status, row.close_reason, row.closed_at) == ("closed", "window_ended", ny("2026-02-08 24:00"))
    assert (story.deadline("call_72h").status, story.deadline("call_72h").owed) == ("missed", False)


def test_a_facility_handoff_nobody_acknowledged_ends_with_the_window() -> None:
    """It stays missed."""
    story = (
        Story()
        .hears("2026-01-09 15:00", a_stay(discharged="2026-01-09 15:00", to="03"))
        .until("2026-02-08 24:00")
    )
    assert story.row("facility_handoff").close_reason == "window_ended"
    assert story.deadline("handoff_ack_facility").status == "missed"


# --- words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "stay", "because"),
    [
        (
            "tcm_contact",
            a_stay(discharged="2026-01-16 15:00"),
            "2 business days after the discharge of Fri 16 Jan 2026, to the end of Wed 21 Jan 2026; Mon 19 Jan is a holiday",
        ),
        (
            "call_72h",
            a_stay(discharged="2026-01-09 15:00"),
            "72 hours after the discharge of Fri 9 Jan 2026, 15:00 EST",
        ),
        (
            "handoff_ack_facility",
            a_stay(discharged="2026-07-01 15:00", to="03"),
            "4 hours after the discharge of Wed 1 Jul 2026, 15:00 EDT",
        ),
        (
            "tcm_contact",
            a_stay(discharged="2027-12-23 15:00"),
            "2 business days after the discharge of Thu 23 Dec 2027, to the end of Tue 28 Dec 2027; Fri 24 Dec is a holiday",
        ),
    ],
)
def test_every_due_time_says_how_it_came_about(kind: str, stay: object, because: str) -> None:
    """One plain sentence, without a value of the patient."""
    assert deadline(planned(stay, as_of=ny("2026-01-01 00:00")), kind).because == because  # type: ignore[arg-type]
