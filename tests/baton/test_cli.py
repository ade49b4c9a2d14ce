"""The tree of commands: what each says of itself, and how it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from baton.cli import main, parser

LANDED = (
    "up", "run", "status", "clock", "send", "act", "normalize", "replay", "outcome", "why", "migrate", "republish",
    "refold", "schemas export", "schemas check", "simulate", "dlq list", "dlq show", "dlq retry", "dlq discard",
    "topics", "rewind", "feeds check", "feeds try", "worklist link", "users hash", "users check", "audit run",
    "protocols check", "protocols move",
)  # fmt: skip
LATER = (
    "pause notifications --for 1h",
    "resume notifications", "oncall test",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`baton --help` lists every command of the contract and the exit codes."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    said = capsys.readouterr().out
    words = {name.split()[0] for name in LANDED + LATER}
    assert ended.value.code == 0
    assert {word for word in words if f"    {word}" not in said} == set()
    assert "Exit codes: 0 done; 1 ran and found a problem; 2 used wrongly." in said


@pytest.mark.parametrize("name", LANDED)
def test_each_help_says_how_it_ends(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command explains itself, its options and its exit codes."""
    with pytest.raises(SystemExit) as ended:
        main([*name.split(), "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert "Exit codes: 0 done; 1 " in said
    assert len(said.splitlines()) > 5


@pytest.mark.parametrize("line", LATER)
def test_what_has_not_landed_says_so(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A promised command that is not there yet says so in a sentence and ends with 2, whatever else is typed."""
    code = main(line.split())
    said = capsys.readouterr()
    assert code == 2
    assert said.out == ""
    assert "has not landed yet" in said.err
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    "line", ["", "run nonsense", "send --to nowhere /dev/null", "send --to mllp://x /dev/null"]
)
def test_used_wrongly_is_two(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be meant ends with 2 and says nothing on stdout."""
    assert main(line.split()) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "line", ["nonsense", "up --nonsense", "clock tomorrow", "clock 2026-01-12T10:00:00", "why"]
)
def test_what_argparse_refuses_is_two(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Unknown words, options and times end with 2; a time must carry its offset."""
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "status",
        "clock 2026-01-12T10:00:00Z",
        "send /dev/null",
        "why K7Q2M9XB",
        "migrate",
        "refold",
        "republish",
    ],
)
def test_nothing_runs_here(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a running system and without addresses, one sentence says what to do."""
    assert main(line.split()) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "start `baton up`" in said.err
    assert len(said.err.splitlines()) == 1


def test_a_database_that_is_away_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses that lead nowhere give a sentence without a password in it."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hidden@127.0.0.1:1/x")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    assert main(["status"]) == 1
    said = capsys.readouterr().err
    assert "cannot be reached" in said
    assert "hidden" not in said


def test_help_is_quick_to_load() -> None:
    """The tree needs none of the heavy libraries."""
    heavy = ["aiokafka", "asyncpg", "faststream", "httpx", "pydantic", "msgspec", "rich", "structlog"]
    code = f"import baton.cli, sys; baton.cli.parser(); print([m for m in {heavy!r} if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert said.stdout.strip() == "[]"


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    """`baton normalize … | head` ends without a traceback."""
    (tmp_path / "many.hl7").write_bytes(
        b"MSH|^~\\&|A|B|||20260109||ADT^A01|1|P|2.5\rPID|1||1^^^A^MR\r\n" * 5000
    )
    line = f"{sys.executable} -m baton normalize many.hl7 | head -1"
    said = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert said.stdout.startswith('{"trigger":"A01"')
    assert said.stderr == ""


def test_commands_know_their_handlers() -> None:
    """Every landed command can be parsed to a handler."""
    samples = {
        "run": ["admissions"], "clock": ["2026-01-12T10:00:00Z"], "dlq show": ["aaaa"],
        "dlq discard": ["aaaa", "--reason", "r"], "send": ["f"], "act": ["f"], "normalize": ["f"],
        "replay": ["f", "--until", "2026-01-12T10:00:00Z"], "why": ["K7Q2M9XB"],
        "feeds try": ["west", "f"],
        "protocols move": ["a@1", "a@2", "--by", "rn1", "--reason", "r"],
    }  # fmt: skip
    for name in LANDED:
        args = parser().parse_args([*name.split(), *samples.get(name, [])])
        assert callable(args.run)
