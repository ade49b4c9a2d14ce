"""`baton protocols check`: what is wrong with a protocol, before it decides anything."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from baton.cli import main
from services.transitions.protocol import SHIPPED

BASE = (SHIPPED / "transitions-of-care.yaml").read_text(encoding="utf-8")
LAYER = "name: ours\nversion: 1\nfor: {max_age: 17}\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder with a folder of protocols."""
    (tmp_path / "protocols").mkdir()
    monkeypatch.setenv("BATON_CONFIG_DIR", str(tmp_path))
    return tmp_path


def put(config: Path, name: str, text: str) -> str:
    path = config / "protocols" / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def without(*keys: str) -> str:
    """The shipped protocol as `ours` without some keys, `a.b`."""
    said = yaml.safe_load(BASE) | {"name": "ours"}
    for key in keys:
        *path, last = key.split(".")
        at = said
        for step in path:
            at = at[step]
        if isinstance(at, list):
            at.remove(last)
        else:
            del at[last]
    return yaml.safe_dump(said)


def check(capfd: pytest.CaptureFixture[str], *paths: str, code: int) -> dict[str, Any]:
    assert main(["protocols", "check", *paths, "--json"]) == code
    said: dict[str, Any] = json.loads(capfd.readouterr().out)
    return said


def sentences(said: dict[str, Any]) -> list[str]:
    return [fault["sentence"] for each in said["protocols"] for fault in each["faults"]]


def test_the_shipped_protocols_are_good(capfd: pytest.CaptureFixture[str]) -> None:
    """Given nothing configured; then each is good, without a hole, and it ends with 0."""
    said = check(capfd, code=0)
    assert {each["protocol"] for each in said["protocols"]} == {
        "transitions-of-care@2", "transitions-of-care@1", "extends transitions-of-care", "behavioural-health@1",
        "paediatric@1", "skilled-nursing@1", "hedis-trc@1",
    }  # fmt: skip
    assert (said["ok"], said["in_force"]) == (True, "transitions-of-care")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (without("dispositions.snf"), "dispositions leads nowhere from snf, which is then owed as unknown"),
        (without("dispositions.home.deadlines.visit_14d"),
         "dispositions.home.deadlines has no rule for moderate complexity"),
        (BASE.replace("name: transitions-of-care", "name: ours").replace("deadlines: [pcp_notify, ", "deadlines: [pcp_told, "),
         "names the deadline pcp_told, which is not defined"),
        (without().replace("expired: none", "expired: {opens: discharge, deadlines: [pcp_notify]}"),
         "dispositions.expired owes something to the dead"),
        (without().replace("handoff_ack_facility", "handed_over").replace("  handed_over:", "  handoff_ack_facility:"),
         "names the deadline handed_over, which is not defined"),
        (LAYER, "name is the name of a layer that changes nothing"),
        (LAYER + "adds: {expired: [call_72h]}\n", "adds.expired opens nothing in transitions-of-care"),
        (LAYER + "adds: {home: [call_72h]}\n", "adds.home.0 is owed by transitions-of-care already"),
        (LAYER + "adds: {home: [call_48h]}\n", "adds.home.0 names the deadline call_48h, which is not defined"),
        (LAYER + "not_owed: [call_48h]\n", "not_owed names call_48h, which nothing defines"),
        (LAYER.replace("{max_age: 17}", "{}"), "for names nobody; say for whom"),
        (LAYER.replace("max_age: 17", 'discharged_by: "13-01"'), "for.discharged_by is no day of a year"),
    ],
)  # fmt: skip
def test_a_hole_or_a_contradiction_is_told_with_its_line(
    config: Path, capfd: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    """Given one file with something wrong; then it ends with 1 and a sentence that says where and what to do."""
    said = check(capfd, put(config, "ours", text), code=1)
    found = [each for each in sentences(said) if sentence in each]
    assert found, sentences(said)
    assert found[0].startswith("ours.yaml, line ")


def test_two_files_of_one_version_are_told(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Given version 1 both as its own file and as the present one; then nobody could say which is meant."""
    put(config, "ours", LAYER + "not_owed: [call_72h]\n")
    put(config, "ours@1", LAYER + "not_owed: [call_72h]\n")
    said = check(capfd, code=1)
    assert sentences(said) == [
        "ours@1.yaml, line 2: version makes this ours@1, which ours.yaml is already; raise one of the two."
    ]


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ("theirs", "theirs.yaml: is not there"),
        ("transitions-of-care@9", "transitions-of-care@9.yaml: is not there"),
        ("paediatric", "is a layer; name a protocol before it, as in transitions-of-care+paediatric"),
        ("transitions-of-care+demo", "is no layer"),
        ("../settings", "is no name"),
    ],
)
def test_the_protocol_in_force_is_made_as_well(
    config: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    label: str,
    sentence: str,
) -> None:
    """Given files that are good one by one and a BATON_PROTOCOL that cannot be; then it ends with 1."""
    monkeypatch.setenv("BATON_PROTOCOL", label)
    assert sentence in check(capfd, code=1)["faults"][0]["sentence"]


def test_people_read_lines(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Given one good file and one that is wrong; then a line for each, its faults below it, and a sum."""
    good, wrong = put(config, "good", "extends: transitions-of-care\n"), put(config, "bad", LAYER)
    assert main(["protocols", "check", good, wrong]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == f"good   {good}: extends transitions-of-care"
    assert lines[1] == f"wrong  {wrong}"
    assert lines[2].startswith("       bad.yaml, line 1: name is not that of the file")
    assert lines[-1] == "1 good, 1 wrong."


def test_a_path_that_is_not_there_is_used_wrongly(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Given no file, or a folder without any; then it ends with 2 and says so."""
    assert main(["protocols", "check", str(config / "none.yaml")]) == 2
    assert main(["protocols", "check", str(config / "protocols")]) == 2
    assert capfd.readouterr().out == ""
