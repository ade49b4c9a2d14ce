"""Versions and layers: a case keeps the protocol it was opened under, and moves only by a recorded decision."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from baton import replay
from baton.replay.transitions import Transitions
from schemas.base import iso
from services.transitions.domain.actions import Read, Refusal
from services.transitions.domain.model import Deed, EpisodeRow, Stay
from services.transitions.domain.protocol import Protocol
from services.transitions.planner import Difference, Rules, plan_one
from services.transitions.protocol import SHIPPED, Library, ProtocolError, load_protocol
from services.transitions.store import Holding
from tests.baton.hl7 import adt
from tests.transitions.domain.builders import (
    FACILITIES,
    PATIENT,
    a_deed,
    a_move,
    a_stay,
    an_observation_stay,
    kinds,
    ny,
    planned,
)

LEFT = "2026-01-09 15:00"
HOME = a_stay(discharged=LEFT)
OLD, NEW = "transitions-of-care@1", "transitions-of-care@2"
OLD_KINDS = ["call_72h", "tcm_contact"]
NEW_KINDS = ["call_72h", "tcm_contact", "pcp_notify", "visit_14d", "med_rec"]


def rules(label: str = NEW) -> Rules:
    library = Library()
    return Rules(library.protocol(label), FACILITIES, library)


class Patient:
    """One patient's rows, planned by whatever protocol is the present one."""

    def __init__(self, *stays: Stay) -> None:
        self.stays = list(stays)
        self.deeds: list[Deed] = []
        self.rows: dict[str, EpisodeRow] = {}

    def plan(self, label: str, at: str, *deeds: Deed) -> "Patient":
        self.deeds += deeds
        out = Difference()
        held = Holding(self.stays, self.deeds, list(self.rows.values()), {})
        plan_one(PATIENT, held, rules(label), ny(at), ny(at), out)
        for row in out.episodes:
            self.rows[row.episode_id] = row
        for _, deadline in out.deadlines:
            self.rows[deadline.episode_id].deadlines[deadline.kind] = deadline
        return self

    def case(self, kind: str = "discharge") -> EpisodeRow:
        return next(row for row in self.rows.values() if row.kind == kind)

    def owed(self, kind: str = "discharge") -> list[str]:
        return [name for name, row in self.case(kind).deadlines.items() if row.status != "void"]


def moved(to: str, at: str) -> Deed:
    return a_deed("protocol_moved", at, protocol=to)


# --- versions -------------------------------------------------------------------------------------------------


def test_a_case_keeps_the_version_it_was_opened_under() -> None:
    """Opened under 1; then 2 is in force: the case goes on as it was, a new one is opened under 2."""
    patient = Patient(HOME).plan(OLD, LEFT)
    assert (patient.case().protocol, patient.owed()) == (OLD, OLD_KINDS)
    before = patient.case().revision
    patient.plan(NEW, "2026-01-10 09:00")
    assert (patient.case().protocol, patient.owed(), patient.case().revision) == (OLD, OLD_KINDS, before)
    assert Patient(HOME).plan(NEW, LEFT).owed() == NEW_KINDS


def test_it_moves_by_a_decision_and_says_so() -> None:
    """On Saturday someone decides: from then on it is owed what version 2 owes, and each due time tells why."""
    patient = Patient(HOME).plan(OLD, LEFT)
    patient.plan(NEW, "2026-01-10 10:00", moved(NEW, "2026-01-10 10:00"))
    assert (patient.case().protocol, patient.owed()) == (NEW, NEW_KINDS)
    because = patient.case().deadlines["call_72h"].because
    assert because.endswith("; under transitions-of-care@2 by a decision of Sat 10 Jan 2026, 10:00 EST")
    assert patient.case().deadlines["call_72h"].generation == 0


def test_what_came_too_late_by_the_move_is_nobodys_miss() -> None:
    """Moved on day 10: the notice was due on day 2, when nobody owed it."""
    patient = Patient(HOME).plan(OLD, LEFT)
    patient.plan(NEW, "2026-01-19 10:00", moved(NEW, "2026-01-19 10:00"))
    found = patient.case().deadlines
    assert (found["pcp_notify"].status, found["pcp_notify"].late_known) == ("missed", True)
    assert (found["call_72h"].status, found["call_72h"].late_known) == ("missed", False)


def test_the_last_decision_counts_and_one_taken_back_does_not() -> None:
    """There, back again; then both withdrawn."""
    patient = Patient(HOME).plan(OLD, LEFT)
    patient.plan(NEW, "2026-01-10 10:00", moved(NEW, "2026-01-10 10:00"), moved(OLD, "2026-01-10 11:00"))
    assert (patient.case().protocol, patient.owed()) == (OLD, OLD_KINDS)


def test_a_decision_is_about_what_had_begun() -> None:
    """A transfer after it opens its handoff under the present protocol."""
    stay = a_stay(moves=(a_move("2026-01-06 10:10"), a_move("2026-01-08 10:10", to="5E")))
    patient = Patient(stay).plan(NEW, "2026-01-06 10:30", moved(OLD, "2026-01-07 09:00"))
    patient.plan(NEW, "2026-01-08 10:30")
    assert [row.protocol for row in sorted(patient.rows.values(), key=lambda row: row.opened_at)] == [
        OLD,
        NEW,
    ]


def test_what_was_void_begins_anew() -> None:
    """The discharge is cancelled and happens again: opened under what is in force then."""
    patient = Patient(HOME).plan(OLD, LEFT)
    patient.stays = [a_stay()]
    patient.plan(NEW, "2026-01-09 16:00")
    patient.stays = [a_stay(discharged="2026-01-09 18:10")]
    patient.plan(NEW, "2026-01-09 18:15")
    assert (patient.case().protocol, patient.owed()) == (NEW, NEW_KINDS)


@pytest.mark.parametrize(
    ("kept", "means"),
    [
        ("transitions-of-care", OLD),
        ("demo", "demo@1"),
        (OLD, OLD),
        ("demo@2", "demo@2"),
        ("transitions-of-care@2+paediatric@1", "transitions-of-care@2+paediatric@1"),
    ],
)
def test_what_an_episode_keeps_is_found_again(kept: str, means: str) -> None:
    """0.1.0 wrote names without versions: they mean the oldest there is."""
    assert Library().kept(kept).label == means


def test_a_protocol_that_is_elsewhere_leaves_the_case_its_name() -> None:
    """While replicas differ: a case of a newer protocol is planned by ours and keeps what it was opened under."""
    patient = Patient(HOME).plan(NEW, LEFT)
    patient.case().protocol = "transitions-of-care@9"
    patient.plan(NEW, "2026-01-10 09:00", a_deed("visit_completed", "2026-01-10 08:00"))
    assert patient.case().protocol == "transitions-of-care@9"


@pytest.mark.parametrize(
    ("protocol", "code"),
    [
        (NEW, None),
        ("transitions-of-care@2+paediatric@1", None),
        ("transitions-of-care", "unknown_protocol"),
        ("transitions-of-care@9", "unknown_protocol"),
        ("../secrets@1", "unknown_protocol"),
    ],
)
def test_a_decision_names_a_version_that_is_there(protocol: str, code: str | None) -> None:
    """Else it is refused, kept and shown, and nothing moves."""
    body = f'{{"type": "protocol_moved", "visit": "V1", "protocol": "{protocol}", "reason": "r"}}'.encode()
    said = rules().read(body, ny(LEFT))
    assert isinstance(said, Refusal if code else Read)
    assert getattr(said, "code", None) == code
    refused = Transitions(rules())
    refused.on_actions([said], ny(LEFT))
    assert [row.code for row in refused.rejected] == ([code] if code else [])


def test_versions_lie_side_by_side(tmp_path: Path) -> None:
    """NAME.yaml is the present one, NAME@VERSION.yaml an older one; the site's come before the shipped ones."""
    (tmp_path / "protocols").mkdir()
    text = (SHIPPED / "transitions-of-care.yaml").read_text(encoding="utf-8")
    (tmp_path / "protocols" / "transitions-of-care.yaml").write_text(text.replace("version: 2", "version: 3"))
    library = Library(tmp_path)
    assert library.protocol("transitions-of-care").label == "transitions-of-care@3"
    assert [library.kept(label).version for label in (OLD, NEW, "transitions-of-care@3")] == [1, 2, 3]
    assert library.kept("transitions-of-care").version == 3, (
        "a site's own file was never the shipped version 1"
    )
    with pytest.raises(ProtocolError, match=r"transitions-of-care@4\.yaml: is not there"):
        library.protocol("transitions-of-care@4")


# --- layers ---------------------------------------------------------------------------------------------------


def layered(*names: str) -> Protocol:
    return load_protocol("+".join(["transitions-of-care", *names]))


def owed(layer: str, stay: Stay) -> list[str]:
    return kinds(planned(stay, protocol=layered(layer))).get("discharge", [])


PSYCHIATRIC = replace(HOME, hospital_service="PSY", age=40)
CHILD = replace(HOME, age=17)
AT_SNF = a_stay(discharged=LEFT, at="SNF1")
ADULT = replace(HOME, age=60, age_in_year=61)


@pytest.mark.parametrize(
    ("layer", "stay", "expected"),
    [
        ("behavioural-health", PSYCHIATRIC, [*NEW_KINDS, "fuh_7d", "fuh_30d"]),
        ("behavioural-health", a_stay(discharged=LEFT, at="PSY1", age=40), [*NEW_KINDS, "fuh_7d", "fuh_30d"]),
        ("behavioural-health", replace(PSYCHIATRIC, age=5), NEW_KINDS),
        ("behavioural-health", replace(PSYCHIATRIC, age=None), NEW_KINDS),
        ("behavioural-health", replace(PSYCHIATRIC, disposition_category="snf"), []),
        ("behavioural-health", HOME, NEW_KINDS),
        ("paediatric", CHILD, ["call_72h", "pcp_notify"]),
        ("paediatric", replace(HOME, age=18), NEW_KINDS),
        ("paediatric", HOME, NEW_KINDS),
        ("skilled-nursing", replace(AT_SNF, care_class="recurring", inpatient=False), NEW_KINDS),
        ("skilled-nursing", AT_SNF, NEW_KINDS),
        ("skilled-nursing", replace(HOME, care_class="recurring", inpatient=False), []),
        ("hedis-trc", ADULT, [*NEW_KINDS, "med_rec_hedis", "engage_30d"]),
        ("hedis-trc", replace(ADULT, age=17, age_in_year=18), [*NEW_KINDS, "med_rec_hedis", "engage_30d"]),
        ("hedis-trc", replace(ADULT, age=17, age_in_year=17), NEW_KINDS),
        ("hedis-trc", an_observation_stay(discharged=LEFT, age=60, age_in_year=61), NEW_KINDS),
        ("hedis-trc", a_stay(discharged="2026-12-01 23:00", admitted="2026-11-30 09:00", age=60, age_in_year=61),
         [*NEW_KINDS, "med_rec_hedis", "engage_30d"]),
        ("hedis-trc", a_stay(discharged="2026-12-02 01:00", admitted="2026-11-30 09:00", age=60, age_in_year=61),
         NEW_KINDS),
        ("hedis-trc", replace(ADULT, disposition_category="hospice_home"), ["pcp_notify"]),
    ],
)  # fmt: skip
def test_a_layer_is_for_some(layer: str, stay: Stay, expected: list[str]) -> None:
    """Everybody else is owed what the protocol says."""
    assert owed(layer, stay) == expected


def test_layers_lie_on_each_other() -> None:
    """A boy of sixteen from psychiatry: no transitional care management, and the follow-up of his stay."""
    stay = replace(PSYCHIATRIC, age=16)
    protocol = layered("behavioural-health", "paediatric")
    assert kinds(planned(stay, protocol=protocol))["discharge"] == [
        "call_72h",
        "pcp_notify",
        "fuh_7d",
        "fuh_30d",
    ]
    assert protocol.label == "transitions-of-care@2+behavioural-health@1+paediatric@1"


def test_none_is_in_force_unless_named() -> None:
    """What the shipped protocol owes to an adult after acute care does not depend on files beside it."""
    assert load_protocol().layers == ()


@pytest.mark.parametrize(
    ("kind", "visit", "expected"),
    [
        ("engage_30d", "2026-03-06 18:00", "missed"),
        ("engage_30d", "2026-03-07 00:00", "met"),
        ("engage_30d", "2026-04-05 23:59", "met"),
        ("engage_30d", "2026-04-06 00:00", "missed"),
        ("med_rec_hedis", "2026-03-06 18:00", "met"),
        ("med_rec_hedis", "2026-04-05 23:59", "met"),
        ("med_rec_hedis", "2026-04-06 00:00", "missed"),
    ],
)
def test_hedis_days_are_those_of_the_measure(kind: str, visit: str, expected: str) -> None:
    """domain.md 5.1: admitted 2 March, discharged 6 March; the day of discharge counts for one and not for the other."""
    stay = a_stay(admitted="2026-03-02 09:00", discharged="2026-03-06 15:00", age=70, age_in_year=70)
    type_ = "visit_completed" if kind == "engage_30d" else "medications_reconciled"
    found = planned(stay, a_deed(type_, visit), protocol=layered("hedis-trc"), as_of=ny("2026-06-01 00:00"))
    deadline = next(each for each in found.episodes[0].deadlines if each.kind == kind)
    assert deadline.due_at == ny("2026-04-05 24:00")
    assert (deadline.settled[0] if deadline.settled else deadline.becomes) == expected


def test_a_psychiatric_visit_is_one_of_mental_health_care() -> None:
    """A visit to the family doctor is the visit of transitional care, and not the one after psychiatry."""
    found = planned(
        PSYCHIATRIC,
        a_deed("visit_completed", "2026-01-12 10:00"),
        a_deed("visit_completed", "2026-01-15 10:00", specialty="behavioural_health"),
        protocol=layered("behavioural-health"),
    )
    settled = {each.kind: each.settled for each in found.episodes[0].deadlines}
    assert settled["visit_14d"] == ("met", ny("2026-01-12 10:00"))
    assert settled["fuh_7d"] == settled["fuh_30d"] == ("met", ny("2026-01-15 10:00"))


def a_month_of(*actions: dict[str, str]) -> list[replay.Line]:
    """An admission, a discharge home, and these actions, each with the instant it reaches us."""
    said = [
        replay.Line(ny(one.pop("at")), action=json.dumps(one | {"visit": "V1"}).encode())
        for one in map(dict, actions)
    ]
    return said + [
        replay.Line(
            ny(at),
            adt=adt(trigger, trigger, ny(at), "P1", "V1", admitted=ny("2026-01-05 08:30"), **more).encode(),
        )
        for at, trigger, more in (
            ("2026-01-05 08:31", "A01", {}),
            ("2026-01-09 15:05", "A03", {"discharged": ny(LEFT), "disposition": "01"}),
        )
    ]


@pytest.mark.parametrize(
    ("actions", "until", "expected"),
    [
        ((), "2026-02-08 24:00", ("firing", None)),
        ((), "2026-02-15 23:59", ("firing", None)),
        ((), "2026-02-16 00:00", ("retracted", "2026-02-16 00:00")),
        (
            ({"at": "2026-02-09 09:00", "type": "deadline_waived", "kind": "engage_30d", "reason": "moved away"},),
            "2026-02-10 00:00",
            ("retracted", "2026-02-09 09:00"),
        ),
        (
            ({"at": "2026-02-09 09:00", "type": "visit_completed", "occurred_at": "2026-02-08T10:00:00-05:00"},),
            "2026-02-10 00:00",
            ("retracted", "2026-02-09 09:00"),
        ),
        (
            ({"at": "2026-02-09 09:00", "type": "visit_completed"},),
            "2026-02-10 00:00",
            ("firing", None),
        ),
    ],
    ids=["at midnight", "for a week", "a week later", "laid aside", "done in time, entered late", "done too late"],
)  # fmt: skip
def test_what_is_due_when_the_window_ends_is_missed_and_told_for_a_week(
    actions: tuple[dict[str, str], ...], until: str, expected: tuple[str, str | None]
) -> None:
    """Given a deadline due at the midnight that ends the case, when nobody has met it, then that is on the list for a week."""
    found = replay.replay(a_month_of(*actions), ny(until), replay.load("transitions-of-care+hedis-trc"))
    [episode] = found["episodes"]
    assert (episode["close_reason"], episode["closed_at"]) == ("window_ended", iso(ny("2026-02-08 24:00")))
    missed = next(alert for alert in found["alerts"] if alert["kind"] == "engage_30d_missed")
    assert (missed["raised_at"], missed["severity"]) == (iso(ny("2026-02-08 24:00")), "P3")
    status, ended = expected
    assert (missed["status"], missed["ended_at"]) == (status, iso(ny(ended)) if ended else None)
