"""The whole reader: triggers, refusals, the story of one patient, and what makes two messages the same."""

import pytest

from services.admissions.domain.model import DispositionCode, PatientKey, Phone, VisitKey
from services.admissions.hl7.triggers import TYPES
from tests.admissions.hl7.builders import (
    a_message,
    a_profile,
    at,
    event_of,
    events_of,
    outcome,
    refusal_of,
    segment,
)

WORDS = {
    "A01": "admitted", "A02": "transferred", "A03": "discharged", "A04": "registered", "A05": "preadmitted",
    "A06": "class_changed", "A07": "class_changed", "A08": "updated", "A11": "admit_cancelled",
    "A12": "transfer_cancelled", "A13": "discharge_cancelled", "A14": "preadmitted", "A17": "transferred",
    "A18": "patient_merged", "A21": "leave_started", "A22": "leave_ended", "A23": "admit_cancelled", "A24": "linked",
    "A27": "preadmit_cancelled", "A30": "patient_merged", "A31": "updated", "A34": "patient_merged",
    "A35": "account_merged", "A36": "patient_merged", "A37": "unlinked", "A38": "preadmit_cancelled",
    "A40": "patient_merged", "A41": "account_merged", "A42": "visit_merged", "A43": "patient_moved",
    "A44": "patient_moved", "A45": "visit_moved", "A46": "identifier_changed", "A47": "identifier_changed",
    "A48": "identifier_changed", "A49": "identifier_changed", "A50": "identifier_changed", "A51": "identifier_changed",
    "A52": "leave_ended", "A53": "leave_started", "A54": "updated", "A55": "updated",
}  # fmt: skip
IGNORED = ["A09", "A10", "A15", "A16", "A20", "A25", "A26", "A28", "A29", "A32", "A33", "A60", "A61", "A62"]


def test_every_trigger_event_has_its_word():
    """Table 0003, all of it; the words are those of the contract."""
    assert WORDS | dict.fromkeys(IGNORED, "ignored") == dict(TYPES)


@pytest.mark.parametrize("trigger", sorted(TYPES))
def test_every_trigger_event_is_read(trigger: str):
    """Whatever the event, the patient, the visit and the times are there."""
    event = event_of(a_message(trigger))

    assert (trigger, TYPES[trigger]) == (event.trigger, event.type)
    assert (PatientKey("HOSPA", "MR", "70001"), VisitKey("HOSPA", "V100")) == (event.patient, event.visit)


@pytest.mark.parametrize("trigger", ["A19", "A99", "Z01", "P03"])
def test_an_event_we_do_not_know_is_ignored_unless_the_feed_is_strict(trigger: str):
    """Acknowledged and kept, or refused with a reason."""
    assert event_of(a_message(trigger)).type == "ignored"
    assert refusal_of(a_message(trigger), a_profile(strict_events=True)).code == "unknown_event"
    assert event_of(a_message("A01"), a_profile(strict_events=True))


@pytest.mark.parametrize(
    ("part2", "pv1_3", "pv1_6", "flagged"),
    [
        (True, "4W^401^A^HOSPA", "", True),
        (False, "DETOX^1^A^HOSPA", "", False),
        (["DETOX"], "DETOX^1^A^HOSPA", "", True),
        (["DETOX"], "4W^401^A^HOSPA", "DETOX^1^A^HOSPA", True),
        (["DETOX"], "4W^401^A^HOSPA", "", False),
        (["DETOX"], "", "", False),
    ],
)
def test_a_message_of_a_part_2_programme_is_flagged(
    part2: bool | list[str], pv1_3: str, pv1_6: str, flagged: bool
) -> None:
    """42 CFR Part 2: all of the feed, or what comes from, or tells of, a unit that the profile names."""
    event = event_of(a_message("A02", pv1={"f3": pv1_3, "f6": pv1_6}), a_profile(part2_source=part2))

    assert ("42CFRPart2" in event.flags) is flagged


@pytest.mark.parametrize("kind", ["ORU^R01", "ACK^A01^ACK", "", "^A01", "SIU^S12"])
def test_another_message_type_is_refused(kind: str):
    """An acknowledgement too: it is nobody's business here."""
    assert refusal_of(a_message(msh={"f9": kind})).code == "not_adt"


@pytest.mark.parametrize("kind", ["ADT^A08^ADT_A13", "ADT^A08", "adt^a08^ADT_A01", "ADT^A08^ADT_A01^X"])
def test_only_the_second_component_of_msh_9_names_the_event(kind: str):
    """The structure id is advice, and EVN-1 may disagree."""
    assert event_of(a_message(msh={"f9": kind}, event_type={"f1": "A03"})).trigger == "A08"


def test_a_bare_adt_takes_its_event_from_the_event_segment():
    """Old feeds say it only there."""
    assert event_of(a_message(msh={"f9": "ADT"}, event_type={"f1": "A04"})).trigger == "A04"
    assert refusal_of(a_message(msh={"f9": "ADT"}, event_type={"f1": ""})).code == "no_event"
    assert refusal_of(a_message(msh={"f9": 'ADT^""'}, event_type={"f1": '""'})).code == "no_event"


@pytest.mark.parametrize("control_id", ["", "  ", '""', "x" * 300])
def test_a_message_without_a_control_id_is_refused(control_id: str):
    """Nothing could be acknowledged, and no repetition known."""
    refusal = refusal_of(a_message(msh={"f10": control_id}))

    assert (refusal.code, refusal.segment, refusal.field) == ("no_control_id", "MSH", 10)


@pytest.mark.parametrize(
    ("processing_id", "test"),
    [("P", False), ("T", True), ("D", True), ("p^T", False), ("N", True), ("", False)],
)
def test_a_message_for_another_purpose_is_marked_and_not_refused(processing_id: str, test: bool):
    """MSH-11 other than the feed's opens nothing, later; an empty one is taken for real, and flagged."""
    event = event_of(a_message(msh={"f11": processing_id}))

    assert test == event.test
    assert (() if processing_id else ("no_processing_id",)) == event.flags


def test_a_feed_may_live_on_training_messages():
    """The simulator's T is its normal traffic."""
    assert not event_of(a_message(msh={"f11": "T"}), a_profile(processing_ids=["T"])).test


@pytest.mark.parametrize(
    ("version", "flags"),
    [("2.1", ()), ("2.9^USA", ()), ("3.0", ("unknown_version",)), ("", ("unknown_version",))],
)
def test_any_version_is_read(version: str, flags: tuple[str, ...]):
    """Senders lie about it, so it decides nothing."""
    assert flags == event_of(a_message(msh={"f12": version})).flags


@pytest.mark.parametrize(
    ("pv1", "event_type", "expected"),
    [
        ({"f3": "4W^401^A^WEST&1.2&ISO", "f39": "NORTH"}, {"f7": "EAST"}, "WEST"),
        ({"f3": "4W^401^A", "f39": "NORTH^North^L"}, {"f7": "EAST"}, "NORTH"),
        ({"f3": "4W", "f39": ""}, {"f7": "EAST^1.2.3^ISO"}, "EAST"),
        ({"f3": "", "f39": '""'}, {"f7": ""}, "HOSPA"),
    ],
)
def test_one_engine_may_speak_for_many_hospitals(
    pv1: dict[str, str], event_type: dict[str, str], expected: str
):
    """PV1-3.4, else PV1-39, else EVN-7, else MSH-4."""
    assert expected == event_of(a_message("A08", pv1=pv1, event_type=event_type)).facility


@pytest.mark.parametrize("name", ["ZZZTEST^PATIENT", "zzzfake^X^^^^^L", "BAD^X^^^^^A~ZZZ^Y^^^^^L"])
def test_invented_patients_are_known_by_their_names(name: str):
    """test_patient_patterns match the family name or the whole, in any case."""
    assert event_of(a_message(pid={"f5": name}), a_profile(test_patient_patterns=["ZZZ*"])).test


def test_a_real_name_matches_no_pattern():
    """Patterns match from the first letter to the last."""
    profile = a_profile(test_patient_patterns=["ZZZ*", "TEST", "DOE, JOHN"])

    assert not event_of(a_message(pid={"f5": "TESTARD^LUC"}), profile).test
    assert event_of(a_message(pid={"f5": "DOE^JOHN"}), profile).test


def test_a_leave_sent_as_a_discharge_is_a_leave():
    """PV1-36 of 30, or a word mapped to it, on feeds that do so; nothing was discharged."""
    message = a_message("A03", pv1={"f36": "LOA", "f45": "20260109150000-0500"})
    event = event_of(message, a_profile(loa_as_a03=True, disposition_map={"LOA": "30"}))

    assert ("A21", "leave_started", at(2026, 1, 9, 20)) == (event.trigger, event.type, event.occurred_at)
    assert not event.discharge_at
    assert not event.disposition
    assert "leave_sent_as_a03" in event.flags
    assert event_of(message, a_profile(disposition_map={"LOA": "30"})).type == "discharged"


def test_a_retransmission_is_the_same_under_any_control_id():
    """The fingerprint leaves MSH-7, MSH-10 and line ends out, and nothing else."""
    first = event_of(a_message())
    again = event_of(a_message(msh={"f7": "20260110000000", "f10": "C0002"}).replace("\r", "\r\n"))

    assert first.fingerprint == again.fingerprint
    assert first.event_id != again.event_id
    assert first.event_id == event_of(a_message(), received_at=at(2030, 1, 1)).event_id
    assert len(first.fingerprint) == 64


def test_another_content_under_one_control_id_is_another_event():
    """Counters are reset; a number seen before is no proof."""
    other = event_of(a_message(pid={"f8": "M"}))

    assert event_of(a_message()).fingerprint != other.fingerprint
    assert event_of(a_message()).event_id != other.event_id


@pytest.mark.parametrize(
    ("sent", "expected"), [("17", 17), ("", None), ("x", None), ("9" * 30, None), ("²", None)]
)
def test_a_sequence_number_is_a_number(sent: str, expected: int | None):
    """MSH-13, where it is one that a database can hold."""
    assert expected == event_of(a_message(msh={"f13": sent, "f18": "UNICODE UTF-8"})).sequence


# The story of one patient, in the facts of the feed's usual traffic. -----------------------------------------


def _msh(number: int, event: str, made: str, version: str = "2.5.1", marks: str = "^~\\&") -> str:
    return f"MSH|{marks}|ADT1|HOSPA|TOC|HUB|{made}-0500||ADT^{event}^ADT_A01|F{number:04}|P|{version}"


def _pid(mrn: str, account: str, **more: str) -> str:
    fields = {"f1": "1", "f3": f"{mrn}^^^HOSPA^MR", "f5": "AALTO^MIRJA^^^^^L", "f7": "19500102", "f8": "F",
              "f13": "^PRN^PH^^1^555^5550100", "f15": "en", "f18": f"{account}^^^HOSPA^AN"}  # fmt: skip
    return segment("PID", **(fields | more))


def _pv1(visit: str, **more: str) -> str:
    fields = {
        "f1": "1",
        "f2": "I",
        "f3": "4W^401^A^HOSPA",
        "f4": "E",
        "f7": "1111^SALO^ANN",
        "f10": "MED",
        "f19": f"{visit}^^^HOSPA^VN",
    }
    return segment("PV1", **(fields | more))


def _story(*segments: str) -> str:
    return "\r".join(segments) + "\r"


FIRST_STAY = {"f44": "20260105083000-0500"}


def test_f1_an_admission():
    """Everything the later steps lean on is read once in full."""
    event = event_of(
        _story(
            _msh(1, "A01", "20260105083500"),
            "EVN|A01|20260105083400-0500||||20260105083000-0500",
            _pid("70001", "ACC900"),
            _pv1("V100", **FIRST_STAY),
            "DG1|1||I50.9^Heart failure^I10C|||A",
        )
    )

    assert ("admitted", at(2026, 1, 5, 13, 30), at(2026, 1, 5, 13, 34)) == (
        event.type,
        event.occurred_at,
        event.recorded_at,
    )
    assert at(2026, 1, 5, 13, 30) == event.stated_at == event.admit_at
    assert (VisitKey("HOSPA", "V100"), VisitKey("HOSPA", "ACC900")) == (event.visit, event.account)
    assert (event.patient_class, event.admission_type, event.hospital_service, event.attending) == (
        "I",
        "E",
        "MED",
        "SALO, ANN (1111)",
    )
    assert (event.location.unit, event.location.room, event.location.bed, event.location.facility) == (
        "4W",
        "401",
        "A",
        "HOSPA",
    )
    assert (event.diagnoses[0].code, event.diagnoses[0].system, event.diagnoses[0].type) == (
        "I50.9",
        "I10C",
        "A",
    )
    assert ("AALTO, MIRJA", "en", (Phone("+15555550100", "PRN", "PH"),)) == (
        event.person.name,
        event.person.language,
        event.person.telecom,
    )
    assert event.flags == ()


def test_f2_a_transfer_to_another_unit():
    """Where from and where to."""
    event = event_of(
        _story(
            _msh(2, "A02", "20260106101500"),
            "EVN|A02|20260106101400-0500||||20260106101000-0500",
            _pid("70001", "ACC900"),
            _pv1("V100", f3="ICU^02^A^HOSPA", f6="4W^401^A^HOSPA", **FIRST_STAY),
        )
    )

    assert ("transferred", at(2026, 1, 6, 15, 10)) == (event.type, event.occurred_at)
    assert (event.location.unit, event.prior_location.unit) == ("ICU", "4W")


def test_f3_and_f4_a_discharge_and_its_cancel_with_the_stale_time():
    """The A13 still says PV1-45; its own moment is EVN-6, and what to make of PV1-45 is the fold's affair."""
    discharge = _story(
        _msh(3, "A03", "20260109150500"),
        "EVN|A03|20260109150400-0500||||20260109150000-0500",
        _pid("70001", "ACC900"),
        _pv1("V100", f36="01", f45="20260109150000-0500", **FIRST_STAY),
    )
    cancel = discharge.replace("A03", "A13").replace("20260109150400", "20260109160400")
    cancel = cancel.replace("||||20260109150000-0500", "||||20260109160000-0500", 1)

    first, second = event_of(discharge), event_of(cancel)

    assert (at(2026, 1, 9, 20), DispositionCode("01", "home")) == (first.discharge_at, first.disposition)
    assert ("discharge_cancelled", at(2026, 1, 9, 21)) == (second.type, second.occurred_at)


def test_f5_a_discharge_that_does_not_say_where_to():
    """Empty PV1-36 is no statement, not an unknown word."""
    event = event_of(
        _story(
            _msh(5, "A03", "20260109181500"),
            "EVN|A03|20260109181400-0500||||20260109181000-0500",
            _pid("70001", "ACC900"),
            _pv1("V100", f45="20260109181000-0500", **FIRST_STAY),
        )
    )

    assert not event.disposition
    assert event.disposition is not None
    assert event.flags == ()


def test_f6_a_late_update_with_disposition_and_final_diagnoses():
    """An A08 two days later is an event of its own recording time."""
    event = event_of(
        _story(
            _msh(6, "A08", "20260111090000"),
            "EVN|A08|20260111085900-0500",
            _pid("70001", "ACC900"),
            _pv1("V100", f36="03", f45="20260109181000-0500", **FIRST_STAY),
            "DG1|1||I13.2^^I10C|||F",
            "DG1|2||E11.22^^I10C|||F",
        )
    )

    assert ("updated", at(2026, 1, 11, 13, 59), "snf") == (
        event.type,
        event.occurred_at,
        event.disposition.category,
    )
    assert [(entry.code, entry.type) for entry in event.diagnoses] == [("I13.2", "F"), ("E11.22", "F")]
    assert at(2026, 1, 9, 23, 10) == event.discharge_at


def test_f7_a_patient_merge():
    """No PV1: it touches no visit directly."""
    event = event_of(
        _story(
            _msh(7, "A40", "20260112080000"), "EVN|A40|20260112075900-0500", segment("PID", f3="70002^^^HOSPA^MR"),
            "MRG|70001^^^HOSPA^MR",
        )
    )  # fmt: skip

    assert (event.patient.id, event.prior_patient.id) == ("70002", "70001")
    assert (event.visit, event.has_pv1) == (None, False)


def test_f8_an_emergency_visit_becomes_a_stay():
    """Inpatient from EVN-6, although PV1-44 is still the arrival; the account changes and nobody is merged."""
    event = event_of(
        _story(
            _msh(8, "A06", "20260120080500"),
            "EVN|A06|20260120080400-0500||||20260120080000-0500",
            _pid("70003", "ACC902"),
            "MRG|70003^^^HOSPA^MR||ACC901^^^HOSPA^AN",
            _pv1("V200", f6="ED^11^^HOSPA", f44="20260120020000-0500"),
        )
    )

    assert (at(2026, 1, 20, 13), at(2026, 1, 20, 7)) == (event.occurred_at, event.admit_at)
    assert (event.prior_account.number, event.account.number, event.prior_patient) == (
        "ACC901",
        "ACC902",
        None,
    )


def test_f9_a_leave_of_absence():
    """PV2-47 says when the patient is expected back."""
    event = event_of(
        _story(
            _msh(9, "A21", "20260123170500"),
            "EVN|A21|20260123170400-0500||||20260123170000-0500",
            _pid("70003", "ACC902"),
            _pv1("V200"),
            segment("PV2", f47="20260125180000-0500"),
        )
    )

    assert ("leave_started", at(2026, 1, 23, 22), at(2026, 1, 25, 23)) == (
        event.type,
        event.occurred_at,
        event.expected_return_at,
    )


def test_f10_a_message_of_version_2_7():
    """Five encoding characters, no EVN-1, the telephone in PID-40, the disposition as a coded element."""
    event = event_of(
        _story(
            _msh(10, "A03", "20260116150500", "2.7", "^~\\&#"),
            "EVN||20260116150400-0500||||20260116150000-0500",
            _pid("70004", "ACC904", f13="", f40="^PRN^CP^^1^555^5550111"),
            _pv1("V300", f36="01^Home^NUBC", f44="20260112100000-0500", f45="20260116150000-0500"),
        )
    )

    assert (Phone("+15555550111", "PRN", "CP"),) == event.person.telecom
    assert (DispositionCode("01", "home"), at(2026, 1, 16, 20)) == (event.disposition, event.discharge_at)


def test_f11_a_death_reported_later():
    """On an A31 without any PV1."""
    event = event_of(
        _story(
            _msh(11, "A31", "20260118120000"), "EVN|A31|20260118115900-0500",
            _pid("70004", "ACC904", f29="20260118060000-0500", f30="Y"),
        )
    )  # fmt: skip

    assert (True, at(2026, 1, 18, 11), False) == (event.person.dead, event.person.death_at, event.has_pv1)


def test_the_simulators_spelling_is_read_as_it_is():
    """Version 2.3, MSH-11 T, type MRN, PID-30 in a word, class and diagnosis type spelled out, no offsets."""
    message = _story(
        "MSH|^~\\&|SIMHOSP|SFAC|RAPP|RFAC|20261117205207||ADT^A03|1|T|2.3|||AL||44|ASCII",
        "EVN|A03|20261117205207|||C001^Oduya^Ife^^^Dr^^^DRNBR^PRSNL^^^ORGDR|",
        "PID|1|284^^^SIMULATOR MRN^MRN|284^^^SIMULATOR MRN^MRN~213^^^NHSNBR^NHSNMBR||Vane^Ada^^^Ms^^CURRENT||20110601000000|F"
        "|||1 Mill Lane^^Ilford||070 4854 3360^HOME||||||||||||||||20261117200000|DECEASED",
        "PV1|1|EMERGENCY|Ward^Room^Bed 1^Simulated Hospital|28b||||||MED||||||||EMERGENCY|976^^^^visitid|||||||||||||||||||||||||20261117105207|20261117200000|",
        "DG1|0|SNMCT|I50.9^Heart failure^^^|Heart failure|20261117215207|Working",
    )

    event = event_of(message, a_profile(processing_ids=["T"], mrn_types=["MRN", "MR"]))

    assert (PatientKey("SIMULATOR MRN", "MRN", "284"), VisitKey("SFAC", "976"), False) == (
        event.patient,
        event.visit,
        event.test,
    )
    assert ("E", True, at(2026, 11, 18, 1)) == (event.patient_class, event.person.dead, event.person.death_at)
    assert (event.diagnoses[0].system, event.diagnoses[0].type) == ("SNMCT", "W")
    assert (Phone("070 4854 3360", "HOME"),) == event.person.telecom
    assert str(event.person.birth_date) == "2011-06-01"


def test_reading_is_repeatable():
    """The same bytes and arrival give the same value."""
    assert outcome(a_message()) == outcome(a_message())
    assert events_of(a_message("A17", "PID|||2", "PV1||I"))
