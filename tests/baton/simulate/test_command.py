"""`baton simulate`: data to stdout or files, one sentence for what cannot be."""

import json
import subprocess
import sys
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from baton.cli import main, parser
from baton.simulate import Hospital

SMALL = ["simulate", "--beds=10", "--days=2"]


def test_what_it_writes_is_what_the_other_commands_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Given a feed in a file, `baton normalize --strict` reads every message of the truth, in order."""
    feed, truth = tmp_path / "feed.hl7", tmp_path / "truth.jsonl"
    assert main([*SMALL, "--disorder=0.3", "--output", str(feed), "--truth", str(truth)]) == 0
    told = [json.loads(line) for line in truth.read_text("utf-8").splitlines()]

    assert main(["normalize", "--strict", str(feed)]) == 0
    read = [json.loads(line)["control_id"] for line in capfd.readouterr().out.splitlines()]

    assert read == [line["id"] for line in told if line["kind"] == "message"]
    assert {line["visit"] for line in told if line["kind"] == "visit"} == {
        line["visit"] for line in told if line["kind"] == "message"
    }


def test_a_scenario_is_replayed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`--scenario` writes what `baton replay` takes, arrivals included."""
    assert main([*SMALL, "--scenario", "--output", str(tmp_path / "story.jsonl")]) == 0
    until = "2026-01-20T00:00:00Z"
    assert main(["replay", str(tmp_path / "story.jsonl"), "--until", until, "--json"]) == 0

    outcome = json.loads(capfd.readouterr().out)

    assert len(outcome["visits"]) > 10
    assert outcome["rejected"] == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--beds=3"], "baton: --beds is 3; it may be 10 to 5000."),
        (["--lateness=2"], "baton: --lateness is 2; it is a share from 0 to 1."),
        (["--facility=A^B"], "baton: --facility is no name of 1 to 20 letters, digits, - and _, such as GENHOSP."),
        (["--zone=Mars"], "baton: --zone is no time zone of the IANA list, such as America/Chicago."),
        (["--days=0"], "baton: --days is 0; it may be more than 0, up to 36500."),
        (["--days=1", "--until=2026-02-01T00:00:00Z"], "baton: --until and --days both say when to end; give one of them."),
        (["--until=2026-01-01T00:00:00Z"], "baton: --until is not after --from; name a later time."),
        (["--from=9999-12-31T00:00:00Z"], "baton: --from and --until may lie in the years 1970 to 2200; name a time within."),
        (["--output=x", "--truth=./x"], "baton: --truth and --output name the same file; name two."),
        (["--output=no/where"], "baton: no/where cannot be written: No such file or directory."),
    ],
)  # fmt: skip
def test_used_wrongly(
    options: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """An option that cannot be meant is one sentence on stderr and exit code 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)

    code = main(["simulate", *options])
    said = capfd.readouterr()

    assert (code, said.out, said.err.strip()) == (2, "", sentence)
    assert list(tmp_path.iterdir()) == []


def test_defaults_are_those_of_the_hospital() -> None:
    """The command and the Python API make up the same hospital where nothing is said, and know the same options."""
    args = parser().parse_args(["simulate"])

    assert {field.name: getattr(args, field.name) for field in fields(Hospital)} == asdict(Hospital())


def test_a_full_disk_is_one_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    """Where the feed cannot be written to its end, a sentence says why and the exit code is 1."""
    code = main([*SMALL, "--output", "/dev/full"])
    said = capfd.readouterr()

    assert (code, said.out) == (1, "")
    assert said.err == "baton: The feed cannot be written: No space left on device.\n"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    """`baton simulate | head` ends silently."""
    line = f"{sys.executable} -m baton simulate | head -c 3"
    said = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)

    assert (said.stdout, said.stderr) == ("MSH", "")
