"""Who sent it, known before the profile that says how to read it."""

import pytest

from services.admissions.hl7.sender import sender
from tests.admissions.hl7.builders import a_message


@pytest.mark.parametrize(
    ("msh3", "msh4", "expected"),
    [
        ("ADT1", "HOSPA", ("ADT1", "HOSPA")),
        ("ENGINE^1.2.3^ISO", "^2.16.840^ISO", ("ENGINE", "2.16.840")),
        (" ADT1 ", "", ("ADT1", "")),
        ("HÔPITAL", "X", ("H\ufffd\ufffdPITAL", "X")),
    ],
)
def test_application_and_facility_are_the_names_in_the_header(
    msh3: str, msh4: str, expected: tuple[str, str]
):
    """Of each the namespace, else the universal id; frames and byte-order marks do not matter."""
    data = a_message(msh={"f3": msh3, "f4": msh4}).encode()

    assert expected == sender(data) == sender(b"\x0b" + data) == sender(b"\xef\xbb\xbf" + data)


def test_the_delimiters_are_those_of_the_header():
    """As everywhere."""
    assert sender(b"MSH#!~\\&#ENGINE!1.2#HOSPA!x#TOC") == ("ENGINE", "HOSPA")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"rubbish",
        b"MSH",
        b"MSH|",
        b"MSH|AA|",
        b"MSH|^~\\&",
        b"MSH|^~\\&|A|B",
        b"MSH||||||",
        b"MSH\xff\xff\xff\xff",
    ],
)
def test_rubbish_has_no_sender(raw: bytes):
    """And no exception."""
    assert sender(raw) == ("", "")
