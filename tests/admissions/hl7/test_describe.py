"""The JSON of `baton normalize`: the keys and words that others rely on."""

import json

from services.admissions.hl7.describe import describe, describe_rejection
from services.admissions.hl7.triggers import TYPE_WORDS
from tests.admissions.hl7.builders import a_message, event_of, refusal_of

CONTRACT_WORDS = (
    "preadmitted registered admitted transferred discharged class_changed updated leave_started leave_ended admit_cancelled "
    "transfer_cancelled discharge_cancelled preadmit_cancelled patient_merged account_merged visit_merged identifier_changed "
    "patient_moved visit_moved linked unlinked ignored"
)


def test_a_discharge_reads_as_promised():
    """Every key of the contract, instants in UTC ending in Z."""
    message = a_message(
        "A03", "DG1|1||I50.9^Heart failure^I10C|||F", pv1={"f36": "1", "f45": "20260109150000-0500"}
    )

    said = describe(event_of(message))

    promised = {
        "trigger": "A03",
        "type": "discharged",
        "occurred_at": "2026-01-09T20:00:00Z",
        "sending_facility": "HOSPA",
        "control_id": "C0001",
        "patient": {"id": "70001", "authority": "HOSPA", "type": "MR"},
        "visit": {"number": "V100", "authority": "HOSPA"},
        "class": "I",
        "location": {"unit": "4W", "room": "401", "bed": "A", "facility": "HOSPA"},
        "disposition": {"code": "01", "category": "home"},
        "diagnoses": [{"code": "I50.9", "system": "I10C", "type": "F"}],
    }
    assert promised == {key: said[key] for key in promised}
    assert [*promised][:9] == [*said][:9]
    assert said == json.loads(json.dumps(said))


def test_what_was_not_said_is_left_out_and_a_null_is_null():
    """So that deleting and keeping stay apart."""
    said = describe(event_of(a_message("A08", pv1={"f36": '""', "f10": '""'})))

    assert (said["disposition"], said["hospital_service"]) == (None, None)
    assert {"discharge_at", "prior_patient", "attending", "received_at"}.isdisjoint(said)


def test_an_unmapped_disposition_has_no_code():
    """The word is not repeated; the category says that it is unknown."""
    assert describe(event_of(a_message("A03", pv1={"f36": "ELSEWHERE"})))["disposition"] == {
        "code": None,
        "category": "unknown",
    }


def test_a_refusal_says_cause_and_position():
    """Segment and field where they are known."""
    no_patient = describe_rejection(refusal_of(a_message(pid={"f3": ""})))["error"]
    no_header = describe_rejection(refusal_of(b"rubbish"))["error"]

    assert (no_patient["code"], no_patient["segment"], no_patient["field"]) == (
        "no_patient_identifier",
        "PID",
        3,
    )
    assert {"code", "segment", "detail"} == set(no_header)


def test_the_words_are_those_of_the_contract():
    """No other word is ever said."""
    assert set(CONTRACT_WORDS.split()) == TYPE_WORDS
