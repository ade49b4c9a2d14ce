"""Reading a scenario: any order, and one sentence with the line number where a line will not do."""

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from baton import replay
from baton.cli import main
from tests.baton.hl7 import adt, local
from tests.baton.stories import FOLDER, stories

AT = '"at": "2026-01-12T10:00:00-05:00"'
UNTIL = ["--until", "2026-01-15T00:00:00-05:00"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("not json", "this is not JSON"),
        ("[]", "this is no object"),
        ('{"adt": "MSH"}', '"at" is missing'),
        ('{"at": "2026-01-12T10:00:00", "adt": "MSH"}', "with its offset from UTC"),
        ('{"at": "tomorrow", "adt": "MSH"}', "no ISO 8601 time"),
        ('{"at": 5, "adt": "MSH"}', "no ISO 8601 time"),
        ('{"at": "0001-01-01T00:00:00+05:00", "adt": "MSH"}', "outside the calendar"),
        (f"{{{AT}}}", "exactly one of them"),
        (f'{{{AT}, "adt": "MSH", "action": {{}}}}', "exactly one of them"),
        (f'{{{AT}, "adt": 5}}', '"adt" is no text'),
        (f'{{{AT}, "action": "call"}}', '"action" is no object'),
    ],
)
def test_a_bad_line_is_one_sentence_with_its_number(line: str, sentence: str) -> None:
    """The number counts every line of the file, empty ones too."""
    good = f'{{{AT}, "action": {{"type": "x"}}}}'

    with pytest.raises(replay.ScenarioError) as refused:
        replay.read(f"{good}\n\n{line}\n".encode(), "story.jsonl")

    assert str(refused.value).startswith("story.jsonl, line 3: ")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_lines_come_out_in_one_order() -> None:
    """By instant; at one instant messages before actions; among equals by content."""
    early, late = '"at": "2026-01-12T14:59:59Z"', '"at": "2026-01-12T15:00:00Z"'
    rows = [
        f'{{{AT}, "action": {{"type": "b"}}}}',
        f'{{{late}, "adt": "MSH2"}}',
        f'{{{AT}, "adt": "MSH1"}}',
        f'{{{early}, "action": {{"type": "a"}}}}',
    ]
    expected = [b'{"type": "a"}', b"MSH1", b"MSH2", b'{"type": "b"}']

    for text in ("\n".join(rows), "\r\n".join(reversed(rows)), "\ufeff" + "\n".join(rows)):
        lines = replay.read(text.encode())

        assert expected == [line.adt or line.action for line in lines]
        assert datetime(2026, 1, 12, 15, tzinfo=UTC) == lines[-1].at


def test_a_message_in_any_spelling_of_line_ends_is_read() -> None:
    """CR, LF and CRLF between segments say the same."""
    said = adt("A01", "C1", local("2026-01-05 08:30"), "P1", "V1", admitted=local("2026-01-05 08:30"))
    found = []
    for end in ("\r", "\n", "\r\n"):
        line = json.dumps({"at": "2026-01-05T08:31:00-05:00", "adt": said.replace("\r", end)})
        found.append(replay.replay(replay.read(line.encode()), local("2026-01-06 00:00"), replay.load()))

    assert len(found[0]["visits"]) == 1
    assert found[0] == found[1] == found[2]


def test_what_reaches_us_later_does_not_happen_and_what_is_due_exactly_then_does() -> None:
    """A line at --until counts, one after it does not; a timer due at it fires."""
    story = next(story for story in stories() if story.name == "missed_call")
    due = local("2026-01-12 15:00")
    call = {
        "type": "contact_attempted",
        "visit": "A0010",
        "channel": "phone",
        "party": "patient",
        "outcome": "reached",
    }
    config = replay.load()

    def status(called_at: datetime) -> str:
        lines = [*story.lines(), replay.Line(called_at.astimezone(UTC), action=json.dumps(call).encode())]
        episode = replay.replay(lines, due, config)["episodes"][0]
        return str(next(row["status"] for row in episode["deadlines"] if row["kind"] == "tcm_contact"))

    assert (status(due), status(local("2026-01-12 15:01"))) == ("met", "pending")
    found = {
        row["kind"]: row["status"]
        for row in replay.replay(story.lines(), due, config)["episodes"][0]["deadlines"]
    }
    assert (found["call_72h"], found["tcm_contact"]) == ("missed", "pending")


def test_the_command_prints_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the outcome document, otherwise text for people; the same each time."""
    command = ["replay", str(FOLDER / "missed_call.jsonl"), *UNTIL]

    assert main([*command, "--json"]) == 0
    first = capsys.readouterr()
    assert main([*command, "--json"]) == 0
    assert first == capsys.readouterr()
    document = json.loads(first.out)
    assert list(document) == ["visits", "episodes", "readmissions", "alerts", "rejected"]
    assert "call_72h_missed" in {alert["kind"] for alert in document["alerts"]}
    assert main(command) == 0
    assert "call_72h_missed" in capsys.readouterr().out


def test_the_command_ends_with_two_where_it_was_used_wrongly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad line, a missing file, an unknown protocol: a sentence on stderr and nothing on stdout."""
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"at": "2026-01-12T10:00:00-05:00"}\n')
    good = str(FOLDER / "missed_call.jsonl")

    assert main(["replay", str(bad), *UNTIL]) == 2
    assert "bad.jsonl, line 1: " in capsys.readouterr().err
    assert main(["replay", str(tmp_path / "none.jsonl"), *UNTIL]) == 2
    assert main(["replay", good, *UNTIL, "--protocol", "nobodys"]) == 2
    monkeypatch.setenv("BATON_PROTOCOL", "nobodys")
    assert main(["replay", good, *UNTIL]) == 2
    assert capsys.readouterr().out == ""


def test_the_configuration_is_that_of_the_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Facilities come from BATON_CONFIG_DIR: in Chicago the same discharge has other business days' ends."""
    (tmp_path / "facilities.yaml").write_text("default: {zone: America/Chicago}\n")
    story = next(story for story in stories() if story.name == "missed_call")
    monkeypatch.setenv("BATON_CONFIG_DIR", str(tmp_path))

    found = replay.replay(story.lines(), local("2026-01-10 00:00"), replay.load())

    due = {row["kind"]: row["due_at"] for row in found["episodes"][0]["deadlines"]}
    assert (due["call_72h"], due["tcm_contact"]) == ("2026-01-12T20:00:00Z", "2026-01-14T06:00:00Z")


@pytest.mark.parametrize(
    "name", ["cancelled_after_the_page", "attempts_entered_late", "death_after_discharge"]
)
def test_the_zone_in_which_an_arrival_is_told_is_no_matter(name: str) -> None:
    """Given the same instants written in New York's time and in UTC; then the outcome is the same, all of it in UTC."""
    story = next(story for story in stories() if story.name == name)
    until, config = local("2026-01-20 00:00"), replay.load()
    there = [replace(line, at=line.at.astimezone(ZoneInfo("America/New_York"))) for line in story.lines()]

    found = replay.replay(there, until, config)

    assert found == replay.replay(story.lines(), until, config)
    assert "-05:00" not in json.dumps(found)
