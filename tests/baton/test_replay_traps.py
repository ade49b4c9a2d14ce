"""Traps of time, deadlines and clinical meaning (domain.md 11.3, 11.4), from messages to what is owed and alerted.

Row 50, a deadline process that was away for hours, is in tests/system and tests/transitions: it takes processes.
"""

import json
import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from baton import replay
from tests.baton.hl7 import ZONE, adt, local

ADMITTED, FRIDAY = "01-05 08:30", "01-09 15:00"
RULES = replay.load()
HEDIS = replay.load("transitions-of-care+hedis-trc")


def at(text: str) -> datetime:
    """`01-09 15:00` of 2026 on the hospital's clock; a year may be said."""
    return local(text if text.startswith("20") else f"2026-{text}")


def said(
    trigger: str, when: str, visit: str = "V1", *codes: str, begun: str = ADMITTED, left: str = "", to: str = "",
    arrives: str = "", patient: str = "P1", **more: Any,
) -> replay.Line:  # fmt: skip
    """A message recorded at `when`, which arrives a minute later unless said."""
    text = adt(
        trigger, f"{trigger}{when}{visit}", at(when), patient, visit, admitted=at(begun),
        discharged=at(left) if left else None, disposition=to, **more,
    )  # fmt: skip
    text += "".join(f"DG1|{n}||{code}^^I10C|||F\r" for n, code in enumerate(codes, start=1))
    return replay.Line(at(arrives) if arrives else at(when) + timedelta(minutes=1), adt=text.encode())


def edited(line: replay.Line, *changes: tuple[str, str]) -> replay.Line:
    """The message with other words."""
    text = (line.adt or b"").decode()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return replay.Line(line.at, adt=text.encode())


def comes(visit: str = "V1", when: str = "01-05 08:31", *codes: str, **more: Any) -> replay.Line:
    return said("A01", when, visit, *codes, **more)


def goes(to: str = "01", left: str = FRIDAY, visit: str = "V1", *codes: str, **more: Any) -> replay.Line:
    """An A03 recorded as the patient leaves."""
    return said("A03", left, visit, *codes, left=left, to=to, **more)


def act(type_: str, when: str, visit: str = "V1", **fields: Any) -> replay.Line:
    body = {"type": type_, "visit": visit, "by": "rn1"} | fields
    return replay.Line(at(when), action=json.dumps(body).encode())


def call(when: str, outcome: str = "reached") -> replay.Line:
    return act("contact_attempted", when, channel="phone", party="patient", outcome=outcome)


def dated(of: str) -> str:
    return datetime.fromisoformat(of).astimezone(ZONE).strftime("%m-%d %H:%M")


def facts(lines: list[replay.Line], until: str, config: replay.Config = RULES) -> list[str]:
    """What an outcome says, a sentence each."""
    found = replay.replay(replay.in_order(lines), at(until), config)
    told = [f"{visit['number']} is {visit['state']}, class {visit['class']}" for visit in found["visits"]]
    for case in found["episodes"]:
        name, why = case["visit"], case["close_reason"] or case["status"]
        told.append(f"{name} opens {case['kind']}: {why}")
        told += [
            f"{name} {one['kind']} due {dated(one['due_at'])}: {one['status']}{' late known' * one['late_known']}"
            for one in case["deadlines"]
        ]
        if case["programme"]:
            decision = case["programme"]
            told.append(" ".join([name, decision["decision"], *decision["reasons"]]))
        if case["lace"]:
            told.append(f"{name} lace {case['lace']['total']} {case['lace']['band']}")
    told += [f"{one['index_visit']} {one['verdict']} {one['visit']}" for one in found["readmissions"]]
    told += [f"alert {one['kind']} {one['severity']} {one['status']}" for one in found["alerts"]]
    return told


STAY = [comes(), goes()]
HALF_DONE = [call("01-12 10:00", "no_answer"), call("01-12 10:05", "no_answer")]
SECOND_HOSPITAL = said("A01", "01-10 09:01", "V2", begun="01-10 09:00", facility="HOSPB")

# row of the tables: (messages and actions, read when, what is so, what is not)
TIME: dict[str, tuple[list[replay.Line], str, tuple[str, ...], tuple[str, ...]]] = {
    "38 Friday before Martin Luther King's day": (
        [comes(), goes(left="01-16 15:00")], "01-17 00:00", ("V1 tcm_contact due 01-22 00:00: pending",), ()),
    "39 Thursday before an observed New Year": (
        [comes(when="2027-12-27 08:31", begun="2027-12-27 08:30"),
         goes(left="2027-12-30 15:00", begun="2027-12-27 08:30")], "2027-12-31 00:00",
        ("V1 tcm_contact due 01-05 00:00: pending",), ()),
    "40 Saturday at two in the morning": (
        [comes(), goes(left="01-10 02:00")], "01-11 00:00", ("V1 tcm_contact due 01-14 00:00: pending",), ()),
    "41 the clocks go forward": (
        [comes(when="03-02 08:31", begun="03-02 08:30"), goes(left="03-06 15:00", begun="03-02 08:30")], "03-07 00:00",
        ("V1 call_72h due 03-09 16:00: pending",), ()),
    "42 a date in PV1-45, the hour in EVN-2": (
        [comes(), edited(goes(left="01-09 17:15"), ("|20260109171500-0500\r", "|20260109\r"))], "01-10 00:00",
        ("V1 call_72h due 01-12 17:15: pending",), ()),
    "43 Friday night, said in UTC": (
        [comes(), edited(goes(left="01-09 23:30"), ("|20260109233000-0500\r", "|20260110043000+0000\r"))], "01-10 00:00",
        ("V1 tcm_contact due 01-14 00:00: pending", "V1 call_72h due 01-12 23:30: pending"), ()),
    "45 the discharge moves back a day, two hours before the call is due": (
        [*STAY, said("A08", "01-12 13:00", left="01-08 15:00", to="01")], "01-12 20:00",
        ("V1 call_72h due 01-11 15:00: missed late known", "alert late_known P3 firing"), ("alert call_72h_missed",)),
    "46 two attempts five minutes apart": (
        [*STAY, *HALF_DONE], "01-14 00:00", ("V1 tcm_contact due 01-14 00:00: missed",), ()),
    "47 a voicemail": (
        [*STAY, call("01-12 10:00", "left_message")], "01-14 00:00", ("V1 tcm_contact due 01-14 00:00: missed",), ()),
    "48 reached before the discharge": (
        [*STAY, call("01-09 11:00")], "01-14 00:00",
        ("V1 tcm_contact due 01-14 00:00: missed", "V1 call_72h due 01-12 15:00: missed"), ()),
    "49 a visit on day thirty": (
        [*STAY, act("visit_completed", "02-08 10:00")], "02-10 00:00", ("V1 engage_30d due 02-09 00:00: met",), ()),
    "49 a visit on day thirty-one": (
        [*STAY, act("visit_completed", "02-09 10:00")], "02-10 00:00", ("V1 engage_30d due 02-09 00:00: missed",), ()),
    "49 a visit on the day itself": (
        [*STAY, act("visit_completed", "01-09 16:00")], "02-10 00:00", ("V1 engage_30d due 02-09 00:00: missed",), ()),
}  # fmt: skip

MEANING: dict[str, tuple[list[replay.Line], str, tuple[str, ...], tuple[str, ...]]] = {
    "52 to a nursing facility": (
        [comes(), goes("03")], "01-10 00:00",
        ("V1 opens facility_handoff: open", "V1 handoff_ack_facility due 01-09 19:00: missed"),
        ("V1 tcm_contact", "V1 call_72h")),
    "54 died": ([comes(), goes("20")], "01-20 00:00", ("V1 is discharged",), ("V1 opens", "alert")),
    "55 died at home": (
        [*STAY, said("A31", "01-12 16:00", died=at("01-11 04:00"))], "01-20 00:00",
        ("V1 opens discharge: died", "V1 call_72h due 01-12 15:00: void", "alert call_72h_missed P2 retracted"),
        ("alert tcm_contact_missed",)),
    "56 against advice": (
        [comes(), goes("07", FRIDAY, "V1", "I10")], "01-13 00:00",
        ("V1 opens discharge: open", "V1 lace 7 moderate", "alert call_72h_missed P2 firing"), ()),
    "57 a planned return, and it comes": (
        [comes(), goes("86"), comes("V2", "01-12 09:01", begun="01-12 09:00", admission_type="C")], "01-20 00:00",
        ("V1 readmit_suspected_planned V2", "V1 tcm_contact due 01-14 00:00: superseded"), ("alert tcm_contact_missed",)),
    "58 an observation stay": (
        [comes(patient_class="O", patient_type="OBS"), goes(patient_class="O", patient_type="OBS"),
         comes("V2", "01-12 09:01", begun="01-12 09:00"), goes("01", "01-14 12:00", "V2", begun="01-12 09:00")],
        "01-15 00:00", ("V1 opens discharge: readmitted", "V2 needs_review"), ("V1 readmit", "V2 case_management")),
    "59 from the emergency department": (
        [said("A04", "01-09 10:01", begun="01-09 10:00", patient_class="E"),
         goes(begun="01-09 10:00", patient_class="E")], "01-20 00:00", ("V1 is discharged, class E",), ("V1 opens", "alert")),
    "60 home for the weekend": (
        [comes(), said("A21", "01-09 16:00"), said("A22", "01-11 18:00")], "01-20 00:00",
        ("V1 is admitted",), ("V1 opens", "V1 readmit", "alert")),
    "61 another bed": ([comes(), said("A02", "01-06 10:00", before="4W")], "01-07 00:00", ("V1 is admitted",), ("V1 opens",)),
    "62 another unit, taken over by nobody": (
        [comes(), said("A02", "01-06 10:10", unit="ICU", before="4W"), said("A10", "01-06 11:30", unit="ICU")], "01-06 12:00",
        ("V1 handoff_ack_unit due 01-06 11:10: missed", "alert handoff_ack_unit_missed P2 firing"), ()),
    "62 until somebody reads back": (
        [comes(), said("A02", "01-06 10:10", unit="ICU", before="4W"),
         act("handoff_acknowledged", "01-06 11:30", read_back=True)], "01-06 12:00",
        ("alert handoff_ack_unit_missed P2 resolved",), ()),
    "63 the transfer is cancelled": (
        [comes(), said("A02", "01-06 10:10", unit="ICU", before="4W"), said("A12", "01-06 12:00")], "01-06 13:00",
        ("alert handoff_ack_unit_missed P2 retracted",), ("V1 handoff_ack_unit due 01-06 11:10: missed",)),
    "64 not an inpatient after all": (
        [*STAY, comes("V2", "01-12 09:01", begun="01-12 09:00"),
         said("A07", "01-12 11:00", "V2", begun="01-12 09:00", patient_class="O", patient_type="OBS")], "01-13 00:00",
        ("V1 opens discharge: open", "alert readmission_detected P2 retracted"), ("V1 readmit",)),
    "65 another hospital the next day": (
        [comes(), goes(), SECOND_HOSPITAL], "01-12 00:00", ("V1 transfer_chain V2",), ("alert readmission_detected",)),
    "66 a newborn": (
        [comes(), goes(), comes("V2", "01-09 10:01", begun="01-09 10:00", patient="P2", patient_class="N"),
         goes("01", "01-11 10:00", "V2", begun="01-09 10:00", patient="P2", patient_class="N")], "01-20 00:00",
        ("V1 opens discharge: open", "V1 needs_review"), ("V2 opens", "V2 needs_review", "V1 case_management")),
    "67 hepatic encephalopathy": (
        [comes(), goes("01", FRIDAY, "V1", "K76.82")], "01-10 00:00", ("V1 lace 12 high",), ()),
    "68 final diagnoses two days later": (
        [comes(), goes("01", FRIDAY, "V1", "E11.9"),
         said("A08", "01-11 09:00", "V1", "I50.9", "N18.6", left=FRIDAY, to="01")], "01-12 00:00",
        ("V1 lace 12 high", "V1 visit_7d due 01-17 00:00: pending", "V1 visit_14d due 01-24 00:00: void"), ()),
    "68 final diagnoses after the seventh day": (
        [comes(), goes("01", FRIDAY, "V1", "E11.9"),
         said("A08", "01-18 09:00", "V1", "I50.9", "N18.6", left=FRIDAY, to="01")], "01-19 00:00",
        ("V1 visit_7d due 01-17 00:00: missed late known",), ("alert visit_7d_missed",)),
    "69 two codes, four groups": (
        [comes(), goes("01", FRIDAY, "V1", "I13.2", "E11.22")], "01-10 00:00", ("V1 case_management chronic_4plus",), ()),
    "70 alcohol in remission, and nicotine": (
        [comes(), goes("01", FRIDAY, "V1", "F10.21", "F17.210")], "01-10 00:00", ("V1 needs_review",), ("V1 case_management",)),
    "71 no Z codes at all": (
        [comes(), goes("01", FRIDAY, "V1", "I10"),
         act("assessment_recorded", "01-09 16:00", specialists=1, supports="reliable", stability="stable")], "01-10 00:00",
        ("V1 care_coordination",), ("V1 case_management",)),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "until", "so", "not_so"), (TIME | MEANING).values(), ids=TIME | MEANING)
def test_a_trap(lines: list[replay.Line], until: str, so: tuple[str, ...], not_so: tuple[str, ...]) -> None:
    """Given these messages and actions, when the story is read then, then this is so and that is not."""
    told = facts(lines, until, HEDIS if any("engage_30d" in each for each in so) else RULES)
    for each in so:
        assert any(one.startswith(each) for one in told), (each, told)
    for each in not_so:
        assert not any(one.startswith(each) for one in told), (each, told)


@pytest.mark.parametrize(
    ("feed", "lines", "so"),
    [
        (
            "zone: America/Los_Angeles\ntrust_msh7_offset: false\n",
            [comes(), edited(goes(), ("|20260109150000-0500\r", "|20260109120000\r"))],
            "V1 call_72h due 01-12 15:00: pending",
        ),
        (
            "zone: America/New_York\ndisposition_map: {ALF: '01'}\n",
            [comes(), edited(goes("04"), ("|04|", "|ALF|"))],
            "V1 tcm_contact due 01-14 00:00: pending",
        ),
    ],
    ids=["44 a Pacific hospital behind an Eastern engine", "53 assisted living"],
)
def test_a_trap_that_a_feed_profile_answers(
    feed: str, lines: list[replay.Line], so: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a feed described like this, when the story is read the next day, then this is so."""
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "default.yaml").write_text(f"feed: default\n{feed}")
    monkeypatch.setenv("BATON_CONFIG_DIR", str(tmp_path))
    assert so in facts(lines, "01-10 00:00", replay.load())


@pytest.fixture(params=["Asia/Tokyo", "America/Los_Angeles"])
def elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock hangs in another zone."""
    was = os.environ.get("TZ")
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.setenv("TZ", was) if was else monkeypatch.delenv("TZ")
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("row", ["41 the clocks go forward", "43 Friday night, said in UTC"])
def test_a_machine_in_another_zone_comes_to_the_same_instants(row: str) -> None:
    """Row 51: given a host in Tokyo or Los Angeles, then nothing is due at another time."""
    lines, until, so, _ = TIME[row]
    assert set(so) <= set(facts(lines, until))
