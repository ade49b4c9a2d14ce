"""What `send` and `act` take, refuse and wait for, without a running system."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from baton.acting import WrongLine, parse
from baton.mllp import acknowledgement, send_over_mllp
from baton.sending import Refused, messages
from baton.trouble import Misuse, Trouble

MESSAGE = b"MSH|^~\\&|APP|HOSP|||20260109150000||ADT^A01|%s|P|2.5.1\rPID|1||1^^^HOSP^MR\r"


def test_a_file_holds_many(tmp_path: Path) -> None:
    """Each MSH at the start of a line begins a message; files follow each other in order."""
    one, two = tmp_path / "one.hl7", tmp_path / "two.hl7"
    one.write_bytes(MESSAGE % b"C1" + b"\n" + MESSAGE % b"C2")
    two.write_bytes(b"\x0b" + MESSAGE % b"C3" + b"\x1c\r")
    refused = Refused()
    found = list(messages([str(one), str(two)], refused))
    assert [each.split(b"|")[9] for each in found] == [b"C1", b"C2", b"C3"]
    assert refused.count == 0


def test_too_large_is_named_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A message over 1 MiB is refused where it enters, by its number; the others are sent."""
    path = tmp_path / "feed.hl7"
    path.write_bytes(
        MESSAGE % b"C1" + MESSAGE % b"C2" + b"NTE|1||" + b"x" * 1_100_000 + b"\r\n" + MESSAGE % b"C3"
    )
    refused = Refused()
    assert [each.split(b"|")[9] for each in messages([str(path)], refused)] == [b"C1", b"C3"]
    assert refused.count == 1
    assert "message 2 is larger than 1 MiB and was not sent." in capsys.readouterr().err


async def _answering(*codes: str) -> asyncio.Server:
    left = list(codes)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while left:
                await reader.readuntil(b"\x1c\r")
                answer = f"MSH|^~\\&|||||||ACK|1|P|2.5\rMSA|{left.pop(0)}|C\r".encode()
                writer.write(b"\x0b" + answer + b"\x1c\r")
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    return await asyncio.start_server(talk, "127.0.0.1", 0)


async def test_mllp_waits_for_each_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Acceptances are counted, AE and AR told with the number of the message."""
    refusals: list[str] = []
    async with await _answering("AA", "AE", "AR") as server:
        port = server.sockets[0].getsockname()[1]
        await send_over_mllp(f"mllp://127.0.0.1:{port}", [MESSAGE % b"C"] * 3, refusals.append)
    assert refusals == ["message 2 was answered with AE.", "message 3 was answered with AR."]
    assert capsys.readouterr().err == "1 of 3 messages accepted.\n"


async def test_mllp_stops_where_the_answer_stays_out() -> None:
    """A connection that ends without an acknowledgement is trouble that names the message."""
    async with await _answering("AA") as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Trouble, match=r"message 2: the connection ended without an acknowledgement"):
            await send_over_mllp(f"mllp://127.0.0.1:{port}", [MESSAGE % b"C"] * 3, lambda _: None)


async def test_mllp_needs_somebody() -> None:
    """Nobody listening, and an address that is none, are a sentence each."""
    with pytest.raises(Trouble, match="Nobody answers"):
        await send_over_mllp("mllp://127.0.0.1:1", [], lambda _: None)
    with pytest.raises(Misuse, match="is no address"):
        await send_over_mllp("mllp://somewhere", [], lambda _: None)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"\x0bMSH|^~\\&|\rMSA|AA|1\r\x1c\r", "AA"),
        (b"\x0bMSH#^~\\&#\nMSA#CA#1\n\x1c\r", "CA"),
        (b"\x0bhello\x1c\r", "something that is no acknowledgement"),
    ],
)
def test_the_code_of_an_answer(answer: bytes, code: str) -> None:
    """MSA-1 is found with any separator and line end."""
    assert acknowledgement(answer) == code


CALL = {
    "type": "contact_attempted",
    "visit": "V1",
    "channel": "phone",
    "party": "patient",
    "outcome": "reached",
}


def test_a_good_line() -> None:
    """The action goes out as it was written; `at` is optional."""
    at = "2026-01-12T10:00:00-05:00"
    assert parse(json.dumps({"at": at, "action": CALL}).encode()) == (
        CALL,
        datetime(2026, 1, 12, 15, tzinfo=UTC),
    )
    assert parse(json.dumps({"action": CALL}).encode()) == (CALL, None)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("not json", "it is not JSON."),
        ("[]", 'it has no "action"'),
        ('{"at": "2026-01-12T10:00:00Z"}', 'it has no "action"'),
        (json.dumps({"at": "2026-01-12T10:00:00", "action": CALL}), '"at" is no ISO 8601 time'),
        (
            json.dumps({"action": {**CALL, "outcome": "maybe"}}),
            "contact_attempted.outcome: Input should be 'reached'",
        ),
        (json.dumps({"action": {"type": "sing", "visit": "V1"}}), "type: "),
        (json.dumps({"action": {"type": "item_taken", "visit": "V1"}}), "item_taken.kind: Field required."),
    ],
)
def test_a_wrong_line(line: str, sentence: str) -> None:
    """What is wrong is said in a sentence, by field and rule."""
    with pytest.raises(WrongLine) as wrong:
        parse(line.encode())
    assert str(wrong.value).startswith(sentence)
