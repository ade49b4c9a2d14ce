"""`baton normalize`: one line for each message, in order, errors included."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from baton.cli import main

ADMIT = (
    "MSH|^~\\&|APP|HOSP|||20260109150000-0500||ADT^A01|C1|P|2.5.1{0}EVN|A01|20260109150000-0500{0}"
    "PID|1||12345^^^HOSP^MR||Lindqvist^Maren{0}PV1|1|I|4W^412^B^HOSP||||||||||||||||V1^^^HOSP^VN{0}"
)
NO_PATIENT = "MSH|^~\\&|APP|HOSP|||20260109150000-0500||ADT^A01|C2|P|2.5.1{0}PID|1||{0}PV1|1|I{0}"
LAB = "MSH|^~\\&|APP|HOSP|||20260109150000-0500||ORU^R01|C3|P|2.5.1{0}PID|1||1^^^HOSP^MR{0}"


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_one_line_a_message_in_order(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Good and bad messages come out in input order; a bad one is data, not a failure."""
    path = tmp_path / "feed.hl7"
    path.write_text(ADMIT.format("\n") + NO_PATIENT.format("\n") + LAB.format("\n"))
    assert main(["normalize", str(path)]) == 0
    said = lines(capfd)
    assert said[0]["type"] == "admitted"
    assert said[0]["occurred_at"] == "2026-01-09T20:00:00Z"
    assert said[0]["patient"] == {"id": "12345", "authority": "HOSP", "type": "MR"}
    assert said[0]["visit"]["number"] == "V1"
    assert said[0]["class"] == "I"
    assert [each["error"]["code"] for each in said[1:]] == ["no_patient_identifier", "not_adt"]
    assert "12345" not in json.dumps(said[1:])


def test_strict_exits_with_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`--strict` makes a bad message a failure, and good ones none."""
    good, bad = tmp_path / "good.hl7", tmp_path / "bad.hl7"
    good.write_text(ADMIT.format("\r"))
    bad.write_text(LAB.format("\r"))
    assert main(["normalize", "--strict", str(good)]) == 0
    assert main(["normalize", "--strict", str(good), str(bad)]) == 1
    assert len(lines(capfd)) == 3


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_every_line_end_reads_the_same(end: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """CR, LF and CRLF give the same event; so do MLLP frames around it."""
    plain, framed = tmp_path / "plain.hl7", tmp_path / "framed.hl7"
    plain.write_bytes(ADMIT.format(end).encode())
    framed.write_bytes(b"\x0b" + ADMIT.format(end).encode() + b"\x1c\r")
    assert main(["normalize", str(plain), str(framed)]) == 0
    first, second = lines(capfd)
    assert first == second
    assert first["control_id"] == "C1"


def test_stdin_is_a_dash(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """`-` reads standard input."""
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(ADMIT.format("\r").encode())))
    assert main(["normalize", "-"]) == 0
    assert [each["trigger"] for each in lines(capfd)] == ["A01"]


def test_too_large_is_an_error_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A message over 1 MiB is one error line, and the next one is read."""
    path = tmp_path / "feed.hl7"
    path.write_text(ADMIT.format("\r") + "NTE|1||" + "x" * 1_100_000 + "\r\n" + ADMIT.format("\r"))
    assert main(["normalize", str(path)]) == 0
    first, second = lines(capfd)
    assert first["error"]["code"] == "too_large"
    assert second["trigger"] == "A01"


def test_unknown_feed_and_missing_file_are_used_wrongly(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A feed or a file that is not there ends with 2 and a sentence."""
    path = tmp_path / "feed.hl7"
    path.write_text(ADMIT.format("\r"))
    assert main(["normalize", "--feed", "nobody", str(path)]) == 2
    assert main(["normalize", str(tmp_path / "missing.hl7")]) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert "There is no feed nobody; there are default" in said.err
    assert "cannot be read: No such file or directory." in said.err
