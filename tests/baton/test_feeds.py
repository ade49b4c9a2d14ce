"""`baton feeds check` and `try`: what a profile would do, before it does."""

import json
from pathlib import Path
from typing import Any

import pytest

from baton.cli import main
from tests.baton.test_normalize import LAB, NO_PATIENT

WEST = "feed: west\nmatch: {sending_facility: WEST}\n"


def message(
    trigger: str = "A03",
    *,
    disposition: str = "HM",
    patient_class: str = "I",
    pid3: str = "7001234^^^WEST^MR",
    name: str = "Lindqvist^Maren",
    facility: str = "WEST",
    at: str = "20260109150000",
    more: str = "",
) -> str:
    """A discharge of a made-up patient; segments end in CR."""
    return (
        f"MSH|^~\\&|APP|WEST|||{at}||ADT^{trigger}|CTL7001234|P|2.5.1\rEVN|{trigger}|{at}\r"
        f"PID|1||{pid3}||{name}||19500102|F|||12 Elm Road^^Boston||5551234567\r"
        f"PV1|1|{patient_class}|4W^412^B^{facility}||||||||||||||||V9876543^^^WEST^VN" + "|" * 17 + disposition +
        f"||||||||20260105083000|{at}\r{more}"
    )  # fmt: skip


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder with a folder of profiles."""
    (tmp_path / "feeds").mkdir()
    monkeypatch.setenv("BATON_CONFIG_DIR", str(tmp_path))
    return tmp_path


def put(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8", newline="")
    return str(path)


def answer(capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(capfd.readouterr().out)
    return said


def test_the_shipped_profiles_are_good(capfd: pytest.CaptureFixture[str]) -> None:
    """Given nothing configured; then both are said to be good, with a version, and it ends with 0."""
    assert main(["feeds", "check", "--json"]) == 0
    said = answer(capfd)
    assert [(each["feed"], each["shipped"], each["faults"]) for each in said["profiles"]] == [
        ("default", True, []),
        ("simhospital", True, []),
    ]
    assert said["ok"]
    assert all(len(each["version"]) == 12 for each in said["profiles"])


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (WEST, []),
        ("feed: west\nzone: Mars\nmode: loud\n", [(2, "zone"), (3, "mode")]),
        ("feed: west\ndisposition_map:\n  HM: home\n", [(3, "disposition_map.HM")]),
        ("feed: west\nmatch: {sending_application: SIMHOSP}\n", [(None, "match")]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    config: Path, text: str, lines: list[tuple[int | None, str]], capfd: pytest.CaptureFixture[str]
) -> None:
    """Given a configured profile; then each fault has line and key, and one fault makes it end with 1."""
    path = put(config / "feeds" / "west.yaml", text)
    assert main(["feeds", "check", "--json"]) == (1 if lines else 0)
    west = answer(capfd)["profiles"][-1]
    assert west["file"] == path
    assert [(fault["line"], fault["key"]) for fault in west["faults"]] == lines
    assert main(["feeds", "check"]) == (1 if lines else 0)
    text_said = capfd.readouterr().out
    assert ("wrong  " if lines else "good   ") + path in text_said
    assert f"{2 if lines else 3} good, {1 if lines else 0} wrong." in text_said


def test_a_file_is_checked_beside_those_configured(
    config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Given one to be added; then its clash with another is told, a newer text of the same is none."""
    put(config / "feeds" / "west.yaml", WEST)
    clash = put(tmp_path / "new.yaml", WEST.replace("feed: west", "feed: other"))
    newer = put(tmp_path / "newer.yaml", WEST + "mode: shadow\n")
    assert main(["feeds", "check", newer]) == 0
    assert main(["feeds", "check", clash, newer]) == 1
    assert main(["feeds", "check", clash]) == 1
    assert "match asks for the very records that west (west.yaml) asks for" in capfd.readouterr().out
    assert main(["feeds", "check", str(config / "feeds")]) == 0
    assert main(["feeds", "check", str(tmp_path / "gone.yaml")]) == 2
    assert main(["feeds", "check", str(tmp_path)]) == 1


def test_try_tells_what_each_message_would_become(
    config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Given a profile by its path; then effect, identifier, times in its zone, disposition and refusals are told."""
    profile = put(
        config / "west.yaml",
        WEST + "zone: America/Los_Angeles\ndisposition_map: {HM: '01'}\nmrn_types: [MR]\n",
    )
    feed = put(
        tmp_path / "feed.hl7",
        message() + "\r" + message("A09", disposition="") + "\r" + NO_PATIENT.format("\r") + LAB.format("\r"),
    )
    assert main(["feeds", "try", "--json", profile, feed]) == 0
    said = answer(capfd)
    first, second, third, fourth = said["messages"]
    assert (first["trigger"], first["type"], first["has_effect"]) == ("A03", "discharged", True)
    assert first["patient"] == {"type": "MR", "authority": "WEST"}
    assert first["visit"] is True
    assert first["discharge_at"] == "2026-01-09T15:00:00-08:00"
    assert first["disposition"] == {"sent": "HM", "code": "01", "category": "home"}
    assert (first["matches"], third["matches"]) == ("west", "default")
    assert set(first["differs_from_default"]) >= {"disposition", "occurred_at", "discharge_at"}
    assert (second["has_effect"], second["disposition"]) == (False, None)
    assert third["refused"]["code"] == "no_patient_identifier"
    assert fourth["refused"]["code"] == "not_adt"
    summary = said["summary"]
    assert (summary["messages"], summary["refused"], summary["differ_from_default"]) == (4, 2, 2)
    assert summary["by_trigger"] == {"A03": 1, "A09": 1}
    assert summary["by_refusal"] == {"no_patient_identifier": 1, "not_adt": 1}
    assert main(["feeds", "try", "--strict", profile, feed]) == 1


@pytest.mark.parametrize(
    ("keys", "sent", "kind", "words"),
    [
        ("", {"disposition": "HM"}, "dispositions", {"HM": 1}),
        ("", {"disposition": "^To Kin"}, "dispositions", {"To Kin": 1}),
        ("disposition_map: {HM: '01'}", {"disposition": "HM"}, "dispositions", {}),
        ("", {"disposition": "01"}, "dispositions", {}),
        ("", {"patient_class": "XX"}, "classes", {"XX": 1}),
        ("observation_classes: [XX]", {"patient_class": "XX"}, "classes", {}),
        ("", {"pid3": "1^^^W^MR~2^^^W^EPI"}, "identifier_types", {"EPI": 1}),
        ("mrn_types: [MR, EPI]", {"pid3": "1^^^W^MR~2^^^W^EPI"}, "identifier_types", {}),
        ("", {"pid3": "1^^^W^ZZ"}, "identifier_types", {"ZZ": 1}),
        ("mrn_authorities: [W]", {"pid3": "1^^^W^MR~2^^^OLD^MR"}, "authorities", {"OLD": 1}),
        ("", {"facility": "NORTH"}, "facilities_without_zone", {"NORTH": 1}),
        ("zone: America/Chicago", {"facility": "NORTH"}, "facilities_without_zone", {}),
    ],
)  # fmt: skip
def test_words_that_the_profile_does_not_explain_are_listed(
    tmp_path: Path,
    keys: str,
    sent: dict[str, str],
    kind: str,
    words: dict[str, int],
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Given a local word; then it is counted until the profile has it, whether the message is refused or not."""
    profile = put(tmp_path / "west.yaml", f"{WEST}{keys}\n")
    feed = put(tmp_path / "feed.hl7", message(**sent))
    assert main(["feeds", "try", "--json", "--summary", profile, feed]) == 0
    said = answer(capfd)
    assert said["summary"]["unexplained"][kind] == words
    assert "messages" not in said


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize(
    "shifted",
    [
        {},
        {"disposition": "Lindqvist, Maren"},
        {"disposition": "7001234"},
        {"patient_class": "MAREN"},
        {"facility": "V9876543"},
        {"pid3": "7001234^^^LINDQVIST^Maren~5^^^WEST^MR"},
        {"trigger": "A01-MAREN"},
        {"disposition": "5551234567"},
        {"facility": "12 Elm Road"},
    ],
)
def test_no_value_of_a_patient_is_shown_unless_asked_for(
    tmp_path: Path, form: list[str], shifted: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Given messages, some with values in the wrong field; then none is shown, and with --show-patient the numbers are."""
    profile = put(tmp_path / "west.yaml", WEST)
    feed = put(tmp_path / "feed.hl7", message(**shifted) + NO_PATIENT.format("\r"))
    assert main(["feeds", "try", *form, profile, feed]) == 0
    shown = capfd.readouterr().out.casefold()
    for value in ("7001234", "9876543", "lindqvist", "maren", "19500102", "elm", "5551234567"):
        assert value not in shown
    assert main(["feeds", "try", *form, "--show-patient", profile, feed]) == 0
    open_said = capfd.readouterr().out
    assert "V9876543" in open_said
    assert ("7001234" in open_said) == ("5^^^" not in shifted.get("pid3", "")) or "json" in str(form)


def test_try_by_name_and_what_cannot_be_tried(
    config: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Given a name; then its profile reads; a name nobody knows is 2, a wrong profile 1 with every fault."""
    put(config / "feeds" / "west.yaml", WEST)
    feed = put(tmp_path / "feed.hl7", message())
    assert main(["feeds", "try", "west", feed]) == 0
    said = capfd.readouterr().out
    assert "A03 discharged" in said
    assert "Feed west (live): 1 messages, 0 refused." in said
    assert main(["feeds", "try", "default", feed]) == 0
    assert "would be read otherwise" not in capfd.readouterr().out
    assert main(["feeds", "try", "nobody", feed]) == 2
    wrong = put(tmp_path / "wrong.yaml", "feed: w\nzone: Mars\nmode: loud\n")
    assert main(["feeds", "try", wrong, feed]) == 1
    said_wrong = capfd.readouterr().err
    assert "line 2: zone" in said_wrong
    assert "line 3: mode" in said_wrong


def test_a_swap_tells_of_both_patients(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Given an A17; then the second patient's part follows the first's, in text and in JSON."""
    second = "PID|2||8^^^WEST^MR||Olsen^Per\rPV1|2|I|4W^413^A^WEST\r"
    feed = put(tmp_path / "feed.hl7", message("A17", disposition="", more=second))
    assert main(["feeds", "try", "--json", "simhospital", feed]) == 0
    (told,) = answer(capfd)["messages"]
    assert [each["trigger"] for each in told["further"]] == ["A17"]
    assert main(["feeds", "try", "simhospital", feed]) == 0
    assert capfd.readouterr().out.count("A17 transferred") == 2
