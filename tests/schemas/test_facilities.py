"""Facilities as a site describes them, and what holds where it has said nothing."""

from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from schemas.reference.facilities import Facilities, FacilitiesError, load_facilities


def written(folder: Path, text: str) -> Path:
    (folder / "facilities.yaml").write_text(text, encoding="utf-8")
    return folder


def test_what_is_shipped_is_an_acute_hospital_in_new_york() -> None:
    """For every name, and for none."""
    for facilities in (Facilities.shipped(), load_facilities(None)):
        for name in ("HOSPA", "", None):
            found = facilities.of(name)
            assert (found.zone, found.type, found.team, found.acute) == (
                "America/New_York", "acute", "care-coordination", True)  # fmt: skip
            assert facilities.zone_of(name) == ZoneInfo("America/New_York")


def test_a_folder_without_the_file_is_as_shipped(tmp_path: Path) -> None:
    """Nothing has to be configured."""
    assert load_facilities(tmp_path).of("HOSPA").zone == "America/New_York"


def test_a_site_describes_its_own(tmp_path: Path) -> None:
    """Its own default, and facilities by the name the feed gives them."""
    folder = written(
        tmp_path,
        """
default: {zone: America/Chicago}
facilities:
  HOSPA: {zone: America/Denver, type: cah, team: a-team, extra_holidays: [2026-12-24], handoff_units: [ICU]}
  SNF1: {zone: America/Denver, type: snf}
  42: {zone: Pacific/Honolulu}
""",
    )
    found = load_facilities(folder)
    assert found.of("ELSEWHERE").zone == "America/Chicago"
    own = found.of("HOSPA")
    assert (own.name, own.type, own.team, own.acute) == ("HOSPA", "cah", "a-team", True)
    assert (own.extra_holidays, own.handoff_units) == (frozenset({date(2026, 12, 24)}), frozenset({"ICU"}))
    assert (found.of("SNF1").acute, found.of("SNF1").handoff_units) == (False, "all")
    assert found.zone_of("42") == ZoneInfo("Pacific/Honolulu")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("facilities: {H1: {type: acute}}", "facilities.H1.zone: is missing; write an IANA time zone such as America/Chicago"),
        ("facilities: {H1: {zone: Chicago}}", "facilities.H1.zone: is no IANA time zone; write one such as America/Chicago"),
        ("facilities: {H1: {zone: 0}}", "facilities.H1.zone: is no IANA time zone; write one such as America/Chicago"),
        ("facilities: {H1: {zone: }}", "facilities.H1.zone: is no IANA time zone; write one such as America/Chicago"),
        ("facilities: {H1: {zone: ''}}", "facilities.H1.zone: is no IANA time zone; write one such as America/Chicago"),
        ("facilities: {H1: {zone: ../etc}}", "facilities.H1.zone: is no IANA time zone; write one such as America/Chicago"),
        ("facilities: {H1: America/Chicago}", "facilities.H1: holds no keys; write at least `zone: America/Chicago`"),
        ("facilities: {H1: {zone: America/Chicago, colour: red}}",
         "facilities.H1.colour: is not known; write one of zone, type, extra_holidays, team, handoff_units"),
        ("facilities: [H1]", "facilities: holds no names; write one facility a key"),
        ("hospitals: {}", "hospitals: is not known; write `default:` or `facilities:`"),
        ("- 1", "holds no keys; write `default:` and `facilities:`"),
        ("default: [", "line 2 is not readable YAML; correct it"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_its_remedy(tmp_path: Path, text: str, sentence: str) -> None:
    """File, key, what to do."""
    with pytest.raises(FacilitiesError) as told:
        load_facilities(written(tmp_path, text + "\n"))
    assert str(told.value) == f"facilities.yaml: {sentence}"
