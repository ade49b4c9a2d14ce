"""PID and its neighbours: name, birthday, language, telephones, caregivers, primary care, death."""

from datetime import date

import pytest
from msgspec import UNSET

from services.admissions.domain.model import Demographics, NextOfKin, Phone
from tests.admissions.hl7.builders import a_message, at, event_of


def _person(*more: str, trigger: str = "A08", **pid: str) -> Demographics:
    return event_of(a_message(trigger, *more, pid=pid)).person


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("ALIAS^ASTA^^^^^A~LINDQVIST^ASTA^K^^^^L", "LINDQVIST, ASTA K"),
        ("ALIAS^ASTA^^^^^A~LINDQVIST^ASTA", "LINDQVIST, ASTA"),
        ("MAIDEN^ASTA^^^^^M~DISPLAY^ASTA^^^^^D", "DISPLAY, ASTA"),
        ("ALIAS^ASTA^^^^^A", "ALIAS, ASTA"),
        ("LINDQVIST&VAN&LINDQVIST^ASTA", "LINDQVIST, ASTA"),
        ("LINDQVIST", "LINDQVIST"),
        ("^ASTA", "ASTA"),
        ("^^^^^^L~LINDQVIST^ASTA", "LINDQVIST, ASTA"),
        ('""', None),
        ('""^""', None),
        ("", UNSET),
        ("^^^Dr", UNSET),
    ],
)
def test_the_legal_name_is_chosen(sent: str, expected: object):
    """PID-5 repeats since 2.3.1, and aliases repeat with it."""
    assert expected == _person(f5=sent).name


@pytest.mark.parametrize(
    ("sent", "expected"),
    [("19500102", date(1950, 1, 2)), ("195001022330-0800", date(1950, 1, 2)), ("19500102000000", date(1950, 1, 2)), ('""', None), ("", UNSET)],
)  # fmt: skip
def test_a_birthday_is_a_date_and_no_zone_moves_it(sent: str, expected: object):
    """PID-7 is a timestamp in later versions; the day stays as written."""
    assert expected == _person(f7=sent).birth_date


@pytest.mark.parametrize("sent", ["1950", "195001", "19501301", "02.01.1950", "unknown!", "1950010²"])
def test_an_unreadable_birthday_is_flagged(sent: str):
    """It states nothing, and stops nothing."""
    event = event_of(a_message("A08", msh={"f18": "UTF-8"}, pid={"f7": sent}))

    assert (event.person.birth_date, event.flags) == (UNSET, ("unreadable_time:PID-7",))


@pytest.mark.parametrize(
    ("sent", "expected"), [("F", "F"), ("F^Female^HL70001", "F"), ('""', None), ("", UNSET)]
)
def test_sex_is_the_first_component(sent: str, expected: object):
    """PID-8 is a coded element since 2.7."""
    assert expected == _person(f8=sent).sex


@pytest.mark.parametrize(
    ("sent", "expected"),
    [("en^English", "en"), ("^Spanish", "Spanish"), ("Spanish", "Spanish"), ('""', None), ("", UNSET)],
)
def test_language_may_be_free_text(sent: str, expected: object):
    """PID-15: the code, else the words."""
    assert expected == _person(f15=sent).language


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"f13": "555-0100^PRN^PH"}, (Phone("555-0100", "PRN", "PH"),)),
        ({"f13": "^PRN^PH^^1^555^5550100^12"}, (Phone("+15555550100 x12", "PRN", "PH"),)),
        ({"f13": "^PRN^PH^^^555^5550100"}, (Phone("5555550100", "PRN", "PH"),)),
        ({"f13": "^NET^Internet^asta@example.org"}, (Phone("asta@example.org", "NET", "Internet"),)),
        ({"f13": "^PRN^CP^^^^^^^^^(555) 555-0100"}, (Phone("(555) 555-0100", "PRN", "CP"),)),
        ({"f13": "1^PRN~2^ORN", "f14": "3^WPN"}, (Phone("1", "PRN"), Phone("2", "ORN"), Phone("3", "WPN"))),
        ({"f13": "1", "f14": "2", "f40": "9^PRN^CP"}, (Phone("9", "PRN", "CP"),)),
        ({"f13": "1", "f40": "^PRN^CP"}, (Phone("1"),)),
        ({"f14": "3"}, (Phone("3"),)),
        ({"f13": '""'}, None),
        ({"f13": '""', "f14": "3"}, (Phone("3"),)),
        ({"f40": '""'}, None),
        ({}, UNSET),
        ({"f13": "^PRN"}, UNSET),
    ],
)
def test_telephones_are_read_from_wherever_the_version_has_them(sent: dict[str, str], expected: object):
    """PID-40 of 2.7 where it is filled, else PID-13 and PID-14; a list replaces the list."""
    assert expected == _person(**sent).telecom


@pytest.mark.parametrize(
    ("sent", "death_at", "dead"),
    [
        ({"f30": "Y"}, UNSET, True), ({"f30": "DECEASED"}, UNSET, True), ({"f30": "y^Yes"}, UNSET, True), ({"f30": "N"}, UNSET, False),
        ({"f29": "20260118060000-0500"}, at(2026, 1, 18, 11), True), ({"f29": "20260118060000-0500", "f30": "Y"}, at(2026, 1, 18, 11), True),
        ({"f29": "20260118060000-0500", "f30": "N"}, at(2026, 1, 18, 11), True), ({"f29": "2026", "f30": ""}, UNSET, True),
        ({"f29": "", "f30": ""}, UNSET, UNSET), ({"f30": "perhaps"}, UNSET, UNSET),
    ],
)  # fmt: skip
def test_a_death_is_an_indicator_or_a_time(sent: dict[str, str], death_at: object, dead: object):
    """PID-30, or any value in PID-29."""
    person = _person(trigger="A31", **sent)

    assert (death_at, dead) == (person.death_at, person.dead)


def test_a_date_of_death_takes_the_hour_of_its_report_or_the_end_of_the_day():
    """As every date without a time."""
    assert at(2026, 1, 9, 20, 4) == _person(f29="20260109").death_at
    assert at(2026, 1, 9, 4, 59) == _person(f29="20260108").death_at


def test_all_next_of_kin_are_the_list():
    """NK1-2, NK1-3, NK1-5 to 7 and 40, NK1-20."""
    person = _person(
        "NK1|1|LINDQVIST^OTTO|SPO^Spouse||555-0101^PRN|555-0102^WPN||||||||||||||sv^Swedish",
        "NK1|2||^Neighbour",
        "NK1|3",
    )

    assert (
        NextOfKin("LINDQVIST, OTTO", "SPO", (Phone("555-0101", "PRN"), Phone("555-0102", "WPN")), "sv"),
        NextOfKin(None, "Neighbour"),
    ) == person.caregivers


@pytest.mark.parametrize(("segments", "expected"), [((), UNSET), (('NK1|1|""',), None), (("NK1|1",), UNSET)])
def test_no_next_of_kin_is_not_the_same_as_none_any_more(segments: tuple[str, ...], expected: object):
    """Absent keeps, null empties."""
    assert expected == _person(*segments).caregivers


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        (("PD1||||8812^SANDOVAL^MIRA",), "SANDOVAL, MIRA (8812)"),
        (("PD1||||8812^SANDOVAL^MIRA", "ROL|1|AD|PP|99^OTHER"), "SANDOVAL, MIRA (8812)"),
        (("PD1|||X", "ROL|1|AD|AT|98^ATT", "ROL|2|AD|PP^Primary|99^OTHER^ANN"), "OTHER, ANN (99)"),
        (("ROL|1|DE|PP|99^OTHER", "PRT|1|UP||PP|77^PRIM^AL"), "PRIM, AL (77)"),
        (('PD1||||""',), None),
        (("PD1|||X",), UNSET),
        ((), UNSET),
    ],
)
def test_the_primary_care_provider_moved_through_the_versions(segments: tuple[str, ...], expected: object):
    """PD1-4, then ROL with role PP, then PRT; a deleted role is none."""
    assert expected == _person(*segments).primary_care_provider
