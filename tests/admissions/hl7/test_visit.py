"""PV1, PV2 and DG1: class, place, disposition, diagnoses, and which nulls count."""

import pytest
from msgspec import UNSET

from schemas.reference.dispositions import dispositions
from services.admissions.domain.model import DiagnosisEntry, DispositionCode, Place
from tests.admissions.hl7.builders import a_message, a_profile, at, event_of


@pytest.mark.parametrize(
    ("sent", "code", "category", "planned"),
    [
        ("01", "01", "home", False), ("1", "01", "home", False), ("01 ", "01", "home", False), ("01^Home^NUBC", "01", "home", False),
        ("006", "06", "home_health", False), (" 6", "06", "home_health", False), ("3", "03", "snf", False), ("20", "20", "expired", False),
        ("30", "30", "still_patient", False), ("81", "81", "home", True), ("86", "86", "home_health", True), ("94", "94", "acute_hospital", True),
        ("HOME", None, "unknown", False), ("08", None, "unknown", False), ("15", None, "unknown", False), ("67", None, "unknown", False),
        ("80", None, "unknown", False), ("99", None, "unknown", False), ("0", None, "unknown", False), ("001^x", "01", "home", False), ("-1", None, "unknown", False),
        ("^Home", None, "unknown", False), ("²", None, "unknown", False), ("01~03", "01", "home", False),
    ],
)  # fmt: skip
def test_a_disposition_is_a_code_with_two_digits_or_unknown(
    sent: str, code: str | None, category: str, planned: bool
):
    """UB-04 form locator 17; a word nobody mapped is unknown and flagged, never refused."""
    event = event_of(a_message("A03", msh={"f18": "UTF-8"}, pv1={"f36": sent}))

    assert DispositionCode(code, category, planned) == event.disposition
    assert (code is None) == ("disposition_unconfirmed" in event.flags)


@pytest.mark.parametrize(
    ("sent", "code"),
    [("HM", "01"), ("hm^Home", "01"), ("X9^To Hospice", "50"), ("5", "06"), ("02", "02"), ("ODD", None)],
)
def test_a_feeds_own_words_come_before_the_codes(sent: str, code: str | None):
    """disposition_map knows codes and texts, in any case; a word that is not in it is unknown."""
    profile = a_profile(disposition_map={"HM": "01", "to hospice": "50", "5": "6"})

    assert code == event_of(a_message("A03", pv1={"f36": sent}), profile).disposition.code


def test_the_table_of_dispositions_is_whole():
    """All numbers of the claims form that are in use, the planned twins included, and no others."""
    table = dispositions()
    singles = [*range(1, 8), 9, 20, 21, 30, *range(40, 44), 50, 51, *range(61, 67), 69, 70, *range(81, 96)]

    assert [f"{number:02}" for number in singles] == sorted(table)
    assert {"81": "01", "87": "21", "88": "43", "89": "61", "90": "62", "95": "70"}.items() <= {
        code: entry.twin_of for code, entry in table.items()
    }.items()
    assert all(entry.category == table[entry.twin_of].category for entry in table.values() if entry.twin_of)
    assert [
        code for code, entry in table.items() if entry.alive is False and entry.category != "expired"
    ] == []
    assert next(code for code, entry in table.items() if entry.alive is None) == "30"
    assert table["07"].fhir == "aadvice"


def test_an_empty_disposition_is_no_statement():
    """What an earlier message said of it stays."""
    assert event_of(a_message("A08", pv1={"f36": ""})).disposition is UNSET


@pytest.mark.parametrize("trigger", ["A01", "A03", "A08", "A13"])
def test_a_null_counts_on_the_events_that_may_undo(trigger: str):
    """PV1-2, PV1-36, PV1-45, PID-29 and PID-30 can be emptied by these."""
    event = event_of(
        a_message(trigger, pid={"f29": '""', "f30": '""'}, pv1={"f2": '""', "f36": '""', "f45": '""'})
    )

    said = (
        event.patient_class,
        event.disposition,
        event.discharge_at,
        event.person.death_at,
        event.person.dead,
    )
    assert said == (None,) * 5


@pytest.mark.parametrize("trigger", ["A02", "A31", "A40", "A60"])
def test_a_null_elsewhere_says_nothing_about_care(trigger: str):
    """A person update with nulls all over must not undo a discharge or a death."""
    event = event_of(
        a_message(trigger, pid={"f29": '""', "f30": '""'}, pv1={"f2": '""', "f36": '""', "f45": '""'})
    )

    said = (
        event.patient_class,
        event.disposition,
        event.discharge_at,
        event.person.death_at,
        event.person.dead,
    )
    assert said == (UNSET,) * 5


def test_nulls_of_other_fields_always_count():
    """Place, service and the like are deleted by any event."""
    event = event_of(
        a_message("A02", pv1={"f3": '""', "f6": '""^""', "f7": '""', "f10": '""', "f4": '""', "f14": '""'})
    )

    assert (
        event.location,
        event.prior_location,
        event.attending,
        event.hospital_service,
        event.admission_type,
        event.admit_source,
    ) == (None,) * 6


def test_one_null_component_clears_only_itself():
    """The unit stands, the bed is cleared."""
    assert Place("4W", "401", None, "HOSPA") == event_of(a_message(pv1={"f3": '4W^401^""^HOSPA'})).location


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("202601091000~202601091600", at(2026, 1, 9, 21)),
        ("202601091000~", at(2026, 1, 9, 15)),
        ('202601091000~""', at(2026, 1, 9, 15)),
        ('""~""', None),
        ("", UNSET),
    ],
)
def test_of_repeated_discharge_times_the_last_one_counts(sent: str, expected: object):
    """PV1-45 repeats in 2.4 to 2.5.1."""
    assert expected == event_of(a_message("A03", pv1={"f45": sent})).discharge_at


@pytest.mark.parametrize(
    ("patient_class", "patient_type", "read", "observation"),
    [
        ("I", "", "I", False), ("O", "", "O", False), ("OBS", "", "OBS", True), ("V", "", "V", True), ("obs", "", "OBS", True),
        ("O", "OBS", "O", True), ("O", "obv^Observation", "O", True), ("OUTPATIENT", "OBSERVATION", "O", True), ("O", "SDS", "O", False),
        ("I", "OBS", "I", False), ("E", "OBS", "E", False), ("I^Inpatient^HL70004", "", "I", False), ("EMERGENCY", "", "E", False),
        ("", "OBS", UNSET, False), ("i", "", "I", False), ("LOCAL", "", "LOCAL", False),
    ],
)  # fmt: skip
def test_observation_is_known_by_class_or_type(
    patient_class: str, patient_type: str, read: object, observation: bool
):
    """Table 0004 has no code for it: OBS or V, or O with a PV1-18 that says so."""
    event = event_of(a_message(pv1={"f2": patient_class, "f18": patient_type}))

    assert (read, observation) == (event.patient_class, event.observation is True)


def test_what_observation_is_called_is_the_feeds_business():
    """observation_classes and observation_types replace the defaults."""
    profile = a_profile(observation_classes=["W"], observation_types=["23HR"])

    assert event_of(a_message(pv1={"f2": "W"}), profile).observation
    assert event_of(a_message(pv1={"f2": "O", "f18": "23HR"}), profile).observation
    assert not event_of(a_message(pv1={"f2": "OBS"}), profile).observation


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (
            "DG1|1||I50.9^Heart failure^I10C|||F||||||||||1||||||D",
            DiagnosisEntry("I50.9", "I10C", "F", None, None),
        ),
        (
            "DG1|1||I50.9^Heart failure^I10C|||F|||||||||1||||||D",
            DiagnosisEntry("I50.9", "I10C", "F", "1", "D"),
        ),
        ("DG1|1|ICD10|I50.9|Heart failure||Admitting", DiagnosisEntry("I50.9", "ICD10", "A")),
        ("DG1|1||^^^I50.9^Heart failure^I10C|||W", DiagnosisEntry("I50.9", "I10C", "W")),
        ("DG1|1|| I50.9 |||LOCAL", DiagnosisEntry("I50.9", None, "LOCAL")),
        ("DG1|1||^chest pain||| A", None),
        ('DG1|1||""', None),
        ("DG1", None),
    ],
)
def test_a_diagnosis_is_a_code_with_what_is_said_of_it(sent: str, expected: DiagnosisEntry | None):
    """DG1-3 with its system, DG1-6, DG1-15 and DG1-21; free text alone is no diagnosis."""
    assert ((expected,) if expected else ()) == event_of(a_message("A08", sent)).diagnoses


def test_a_message_without_pv1_states_nothing_of_the_visit():
    """But PID-18 may still name it."""
    event = event_of(a_message("A31", pid={"f18": "A1"}).replace("PV1|", "ZV1|"))

    assert (event.has_pv1, event.patient_class, event.location, event.visit.number) == (
        False,
        UNSET,
        UNSET,
        "A1",
    )


def test_an_identifier_of_a_clinician_may_stand_alone():
    """XCN with a number, with a name, with both."""
    said = [
        event_of(a_message(pv1={"f7": field})).attending
        for field in ("77", "^SALO^ANN^B", "77^SALO^ANN~88^X", "^^")
    ]

    assert said == ["77", "SALO, ANN B", "SALO, ANN (77)", UNSET]
