"""Programme and LACE through messages and actions: as in the tables, and the same whatever arrives first."""

import itertools
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from baton import replay
from schemas.base import iso
from tests.baton.hl7 import adt, local

CONFIG = replay.load()
UNTIL = local("2026-01-20 00:00")
ADMITTED, LEFT = local("2026-01-05 08:30"), local("2026-01-09 15:00")
FOUR = ("I10", "E11.9", "E78.5", "N18.30")


def at(text: str) -> datetime:
    return local(f"2026-{text}")


def message(
    trigger: str, recorded: datetime, *codes: str, patient: str = "P1", visit: str = "V1", type: str = "F",  # noqa: A002
    arrives: datetime | None = None, **more: Any,
) -> replay.Line:  # fmt: skip
    """A message with a DG1 for each code; `-N18.30` deletes one by DG1-21, `428.0^^I9C` names its own system."""
    text = adt(trigger, f"{trigger}{recorded:%m%d%H%M}{visit}", recorded, patient, visit, **more)
    for n, code in enumerate(codes, start=1):
        deleted, bare = code.startswith("-"), code.removeprefix("-")
        coded = bare if "^" in bare else f"{bare}^^I10C"
        text += f"DG1|{n}||{coded}|||{type}{'|' * 15 + 'D' if deleted else ''}\r"
    return replay.Line(arrives or recorded + timedelta(minutes=1), adt=text.encode())


def stay(*codes: str, admission_type: str = "E", disposition: str = "01", **more: Any) -> list[replay.Line]:
    """Admitted on Monday, 5 January, discharged home on Friday."""
    return [
        message("A01", ADMITTED, *codes, admitted=ADMITTED, admission_type=admission_type, **more),
        message(
            "A03", LEFT, *codes, admitted=ADMITTED, discharged=LEFT, disposition=disposition,
            admission_type=admission_type, **more,
        ),
    ]  # fmt: skip


def action(type_: str, when: str, **said: Any) -> replay.Line:
    body = {"type": type_, "visit": "V1", "by": "rn1", "occurred_at": iso(at(when)), **said}
    return replay.Line(at(when), action=json.dumps(body).encode())


def found(lines: list[replay.Line], visit: str = "V1", config: replay.Config = CONFIG) -> dict[str, Any]:
    outcome = replay.replay(replay.in_order(lines), UNTIL, config)
    (episode,) = [
        each for each in outcome["episodes"] if each["visit"] == visit and each["kind"] == "discharge"
    ]
    assert not outcome["rejected"]
    return episode  # type: ignore[no-any-return]


def case_management(*reasons: str) -> dict[str, Any]:
    return {"decision": "case_management", "reasons": list(reasons)}


NEEDS_REVIEW = {"decision": "needs_review", "reasons": []}
DELETED = message("A08", at("01-11 09:00"), "-N18.30", admitted=ADMITTED, discharged=LEFT, disposition="01")


def test_four_conditions_call_for_case_management() -> None:
    """P1, with its score: four midnights, an emergency, diabetes and mild kidney disease."""
    episode = found(stay(*FOUR))
    assert episode["programme"] == case_management("chronic_4plus")
    assert episode["lace"] == {
        "l": 4,
        "a": 3,
        "c": 3,
        "e": 0,
        "total": 10,
        "band": "high",
        "provisional": False,
    }


def test_a_condition_deleted_after_the_discharge_changes_nothing_by_itself() -> None:
    """P24: the lower programme waits for a person."""
    assert found([*stay(*FOUR), DELETED])["programme"] == case_management("chronic_4plus")
    down = action("programme_confirmed", "01-12 10:00", decision="care_coordination")
    assert found([*stay(*FOUR), DELETED, down])["programme"] == {
        "decision": "care_coordination",
        "reasons": [],
    }


def test_two_records_become_one() -> None:
    """P23: three conditions and two, five stays apart; after the merge the person has four, and two stays."""
    begun, over = local("2025-11-03 08:00"), local("2025-11-06 12:00")
    other = [
        message("A01", begun, patient="P2", visit="V0", admitted=begun, admission_type="C"),
        message(
            "A03", over, "I10", "I50.9", "J44.9", patient="P2", visit="V0", admitted=begun, discharged=over,
            disposition="01", admission_type="C",
        ),
    ]  # fmt: skip
    merge = message("A40", at("01-10 09:00"), patient="P1", visit="", merged="P2")
    mine = stay("I10", "E11.9")
    assert found([*mine, *other])["programme"] == NEEDS_REVIEW
    assert found([*mine, *other, merge])["programme"] == case_management("chronic_4plus", "hosp_2plus")
    assert found([*mine, *other, merge], "V0")["programme"] == NEEDS_REVIEW


def test_final_diagnoses_two_days_later_raise_the_score() -> None:
    """Row 68: from eight, provisional, to twelve."""
    working = stay("E11.9", type="W")
    final = message(
        "A08", at("01-11 09:00"), "I50.9", "N18.6", admitted=ADMITTED, discharged=LEFT, disposition="01"
    )
    before, after = found(working)["lace"], found([*working, final])["lace"]
    assert (before["total"], before["band"], before["provisional"]) == (8, "moderate", True)
    assert (after["total"], after["band"], after["provisional"]) == (12, "high", False)


@pytest.mark.parametrize("code", ["428.0^^I9C", "weak heart^^", "I50.9^^"])
def test_what_cannot_be_read_disturbs_nothing(code: str) -> None:
    """ICD-9, free text, a code of no system: the rest is scored and decided as ever."""
    odd, plain = found(stay(*FOUR, code)), found(stay(*FOUR))
    assert (odd["programme"], odd["lace"], odd["deadlines"]) == (
        plain["programme"], plain["lace"], plain["deadlines"])  # fmt: skip


def test_emergency_visits_of_six_months_count() -> None:
    """From 5 July at 08:30 on; not the one of June, nor the one that led to the stay."""
    lines = stay()
    for n, month in enumerate((6, 7, 9, 12)):
        came = local(f"2025-{month:02}-05 09:00")
        lines.append(message("A04", came, visit=f"E{n}", admitted=came, patient_class="E"))
        left = came + timedelta(hours=3)
        lines.append(
            message(
                "A03",
                left,
                visit=f"E{n}",
                admitted=came,
                discharged=left,
                disposition="01",
                patient_class="E",
            )
        )
    came = ADMITTED - timedelta(hours=3)
    lines.append(message("A04", came, visit="E9", admitted=came, patient_class="E"))
    assert found(lines)["lace"]["e"] == 3


def test_an_assessment_decides() -> None:
    """Two specialists, reliable supports, three conditions: care coordination; a barrier found later leads up."""
    lines = stay("I10", "E11.9", "J45.909")
    calm = action(
        "assessment_recorded", "01-10 10:00", specialists=2, supports="reliable", stability="stable"
    )
    assert found([*lines, calm])["programme"] == {"decision": "care_coordination", "reasons": []}
    hungry = action("assessment_recorded", "01-11 10:00", food_insecure=True)
    assert found([*lines, calm, hungry])["programme"] == case_management("sdoh:food_insecurity")


def test_whatever_arrives_first_ends_in_the_same_programme() -> None:
    """Given a discharge, a deletion, a confirmation and an assessment that arrive late and in any order, then
    what stands goes by when they were done, and by nothing else.
    """
    admission, discharge = stay(*FOUR)
    several = [
        discharge,
        DELETED,
        action("programme_confirmed", "01-12 10:00", decision="care_coordination"),
        action("assessment_recorded", "01-13 10:00", housing_unstable=True),
    ]
    arrivals = [at(f"01-14 {hour:02}:00") for hour in range(len(several))]
    outcomes = []
    for order in itertools.permutations(several):
        late = [replay.Line(when, line.adt, line.action) for when, line in zip(arrivals, order, strict=True)]
        episode = found([admission, *late])
        outcomes.append((episode["programme"], episode["lace"]))
    assert outcomes == [(case_management("sdoh:housing_instability"), outcomes[0][1])] * len(outcomes)


@pytest.mark.parametrize(
    ("lines", "severity"),
    [
        (stay("I10"), "P3"),
        (stay("N18.6"), "P2"),
        (stay("F20.9"), "P2"),
        (stay("I10", disposition="07"), "P2"),
        (stay(), "P2"),
        (stay("401.9^Hypertension^I9"), "P2"),
    ],
    ids=["low", "LACE of ten", "case management", "against advice", "not coded yet", "coded in ICD-9"],
)
def test_how_loud_a_missed_call_is(lines: list[replay.Line], severity: str) -> None:
    """A page for whoever is at high risk by score or programme, left against advice or is not coded; else for the list."""
    alerts = replay.replay(replay.in_order(lines), UNTIL, CONFIG)["alerts"]
    assert [each["severity"] for each in alerts if each["kind"] == "call_72h_missed"] == [severity]


def test_a_unit_under_part_2_gives_no_reason_and_tells_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given F11.20 from a unit that the profile names; then nobody outside is to be told, and it is no reason (trap 78)."""
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "default.yaml").write_text("feed: default\npart2_source: [DETOX]\n", "utf-8")
    monkeypatch.setenv("BATON_CONFIG_DIR", str(tmp_path))
    config = replay.load()

    def told(unit: str) -> tuple[list[str], bool]:
        episode = found(stay("F11.20", unit=unit), config=config)
        kinds = [each["kind"] for each in episode["deadlines"] if each["status"] != "void"]
        return episode["programme"]["reasons"], "pcp_notify" in kinds

    assert told("4W") == (["sud"], True)
    assert told("DETOX") == ([], False)
