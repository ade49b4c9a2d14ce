"""`baton replay --against`: what another protocol would have changed over the same history."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from baton import replay, whatif
from baton.cli import main
from tests.auditor.hospital import START, history
from tests.baton.hl7 import local
from tests.baton.stories import stories

SHIPPED = (
    Path(whatif.__file__).parents[1] / "services" / "transitions" / "protocols" / "transitions-of-care.yaml"
)
STORY = next(story for story in stories() if story.name == "missed_call")
UNTIL = ["--until", "2026-01-15T00:00:00-05:00"]


@pytest.fixture(name="slower", autouse=True)
def another_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A protocol of the site that gives a call six days, and never warns of it."""
    folder = tmp_path / "protocols"
    folder.mkdir()
    said = (
        SHIPPED.read_text("utf-8")
        .replace("PT72H", "PT144H")
        .replace("name: transitions-of-care", "name: slower")
    )
    (folder / "slower.yaml").write_text(said, "utf-8")
    monkeypatch.setenv("BATON_CONFIG_DIR", str(tmp_path))


def test_a_longer_deadline_is_missed_later_and_warned_of_as_before(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Given a call that nobody makes, when it had six days, then it is not missed on the third."""
    assert main(["replay", str(STORY.file), *UNTIL, "--against", "slower", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    call = next(each for each in found["deadlines"] if each["kind"] == "call_72h")
    assert (call["a"]["missed"], call["b"]["missed"]) == (1, 0)
    assert (call["moved"], call["ended_otherwise"], call["only_a"], call["only_b"]) == (1, 1, 0, 0)
    assert found["alerts"]["call_72h_missed"] == {"a": 1, "b": 0}
    assert found["alerts"]["tcm_contact_missed"] == {"a": 1, "b": 1}
    assert found["protocols"]["b"].startswith("slower@")


def test_the_work_of_a_day_is_counted_on_the_facilitys_calendar(capsys: pytest.CaptureFixture[str]) -> None:
    """A contact due at the midnight that ends Tuesday is Tuesday's work; the call moves from Monday to Thursday."""
    assert main(["replay", str(STORY.file), *UNTIL, "--against", "slower", "--json"]) == 0

    days = {
        each["day"]: (each["a"], each["b"])
        for each in json.loads(capsys.readouterr().out)["work_per_day"]["days"]
    }
    assert days["2026-01-12"][0] - days["2026-01-12"][1] == 1
    assert days["2026-01-15"][1] - days["2026-01-15"][0] == 1
    assert days["2026-01-13"][0] == days["2026-01-13"][1] >= 1


def test_for_people_it_is_a_table_with_what_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """A row that did not change says nothing in the last column; stderr tells what runs."""
    assert main(["replay", str(STORY.file), *UNTIL, "--against", "slower"]) == 0

    said = capsys.readouterr()
    rows = {row.split()[0]: row.split()[1:] for row in said.out.splitlines() if row.strip()}
    assert rows["call_72h_missed"] == ["1", "0", "-1"]
    assert rows["tcm_contact_missed"] == ["1", "1"]
    assert len(said.err.splitlines()) == 1


def test_an_unknown_protocol_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with 2 before anything is replayed."""
    assert main(["replay", str(STORY.file), *UNTIL, "--against", "nobodys"]) == 2
    assert "nobodys" in capsys.readouterr().err


def test_a_long_replay_tells_how_far_it_is_and_ends_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given stretches of one line, then the outcome is that of the whole, and each stretch is told of."""
    lines, config = STORY.lines(), replay.load()
    whole = replay.replay(lines, local("2026-01-15 00:00"), config)
    monkeypatch.setattr(replay, "STRETCH", 1)
    told: list[int] = []

    assert replay.replay(lines, local("2026-01-15 00:00"), config, lambda done, _: told.append(done)) == whole
    assert told == [1]


def test_two_protocols_beside_each_other_come_to_what_each_comes_to_alone() -> None:
    """Given a hospital of some days, when its messages are read once for both, then neither outcome knows of the other."""
    lines = history(5, beds=15, days=6, cancels=0.05, late_entries=0.1)
    until = START + timedelta(days=12)
    configs = [replay.load(), replay.load("slower")]
    alone = [replay.replay(lines, until, config) for config in configs]
    assert alone[0] != alone[1]
    assert replay.replay_under(lines, until, configs) == alone
