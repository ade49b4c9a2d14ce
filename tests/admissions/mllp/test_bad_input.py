"""Everything that comes over the wire and should not: the table's answer, and the connection goes on."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.admissions.mllp.conftest import frame, stored
from tests.messages import adt

GOOD = adt("A01", control="C1", at="202601050830")
NEXT = adt("A03", control="C2", at="202601091500")


def changed(old: bytes, new: bytes) -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new)


SECRET = b"70001"
BATCH = b"FHS|^~\\&|ADT1\rBHS|^~\\&|ADT1\r" + GOOD + NEXT + b"BTS|2\rFTS|1\r"
UTF16 = "MSH|^~\\&|A|B|||20260105||ADT^A01|C1|P|2.5.1\r"

ANSWERS = {
    # what is said: (MSA-1 MSA-2, ERR-2, code of ERR-3, how many records are stored)
    "a good message": (GOOD, "AA C1", "", "", 1),
    "bytes that are no text": (bytes(range(1, 11)) + bytes(range(32, 256)), "AR ", "MSH", "100", 0),
    "nothing": (b"", "AR ", "MSH", "100", 0),
    "prose": (b"good morning", "AR ", "MSH", "100", 0),
    "delimiters that are none": (changed(b"|^~\\&|", b"|^^^^|"), "AR C1", "MSH^1^2", "100", 0),
    "another type": (changed(b"ADT^A01", b"ORU^R01"), "AR C1", "MSH^1^9", "200", 0),
    "an event nobody knows": (changed(b"ADT^A01", b"ADT^A99"), "AA C1", "", "", 1),
    "a processing id that is none": (changed(b"|P|2.5.1", b"|X|2.5.1"), "AR C1", "MSH^1^11", "202", 0),
    "a training message": (changed(b"|P|2.5.1", b"|T|2.5.1"), "AA C1", "", "", 1),
    "a version nobody reads": (changed(b"|P|2.5.1", b"|P|three"), "AR C1", "MSH^1^12", "203", 0),
    "an unknown minor version": (changed(b"|P|2.5.1", b"|P|2.9.7^USA"), "AA C1", "", "", 1),
    "no control id": (changed(b"|C1|", b"||"), "AR ", "MSH^1^10", "101", 0),
    "no PID": (b"\r".join(line for line in GOOD.split(b"\r") if line[:3] != b"PID"), "AE C1", "PID", "101", 1),
    "no usable identifier": (changed(SECRET + b"^^^HOSPA^MR", b""), "AE C1", "PID^1^3", "101", 1),
    "a bad date": (changed(b"19500102", b"notadate"), "AA C1", "", "", 1),
    "an explicit null for a class": (changed(b"PV1|1|I", b'PV1|1|""'), "AA C1", "", "", 1),
    "a batch": (BATCH, "AA C1", "", "", 2),
    "a batch with a bad part": (BATCH.replace(b"ADT^A03", b"ORU^R01"), "AE C1", "MSH^1^9", "200", 1),
    "two messages in one frame": (GOOD + NEXT, "AA C1", "", "", 2),
    "UTF-16": (UTF16.encode("utf-16"), "AR ", "MSH^1^18", "103", 0),
    "UTF-16 by its header": (changed(b"2.5.1", b"2.5.1||||||UNICODE UTF-16"), "AR C1", "MSH^1^18", "103", 0),
    "LF for CR": (GOOD.replace(b"\r", b"\n"), "AA C1", "", "", 1),
}  # fmt: skip


@pytest.mark.parametrize("what", ANSWERS)
async def test_it_is_answered_by_the_table(listener: Callable[..., Any], what: str) -> None:
    """Given one frame, then the answer is that of domain.md 1.10, with a place and no value; the next is taken."""
    said, answer, place, condition, records = ANSWERS[what]
    async with listener() as stand, stand.sender() as sender:
        _, msa, *err = await (await sender.say(frame(said))).answer()
        await sender.say(frame(NEXT))
        after = await sender.code()
        kept = await stand.stored()

    assert " ".join(msa.split("|")[1:3]) == answer
    fields = (*err, "|" * 5)[0].split("|")
    assert (fields[2], fields[3].split("^")[0]) == (place, condition)
    assert SECRET.decode() not in "".join([msa, *err])
    assert after == "AA C2"
    assert len(kept) == records + 1


async def test_what_is_stored_is_what_came(listener: Callable[..., Any]) -> None:
    """A message reaches adt.inbound byte by byte, odd bytes, escapes and a vertical tab in a text included; the feed
    of the listener stands in its header.
    """
    odd = GOOD.replace(b"TESTCASE^ALPHA", b"O\\T\\B\xe9\x0bx\x1cy^ALPHA") + b"ZZZ|\x00\r\n"
    async with listener(mllp_feed="st-annes") as stand, stand.sender() as sender:
        assert await (await sender.say(frame(odd))).code() == "AA C1"
        assert await stand.stored() == [odd]
        [record] = await stored(stand.settings)
    assert record.headers == (("feed", b"st-annes"),)


MODES = [
    ("", "", "good", ["AA"]), ("AL", "AL", "good", ["CA", "AA"]), ("AL", "NE", "good", ["CA"]),
    ("NE", "AL", "good", ["AA"]), ("NE", "NE", "good", []), ("SU", "ER", "good", ["CA"]), ("ER", "SU", "good", ["AA"]),
    ("AL", "", "good", ["CA"]), ("AL", "AL", "not adt", ["CR"]), ("SU", "AL", "not adt", []), ("ER", "", "not adt", ["CR"]),
    ("AL", "AL", "nobody", ["CA", "AE"]), ("ER", "ER", "nobody", ["AE"]), ("NE", "SU", "nobody", []),
]  # fmt: skip


@pytest.mark.parametrize(("accept", "application", "kind", "codes"), MODES)
async def test_enhanced_mode(
    listener: Callable[..., Any], accept: str, application: str, kind: str, codes: list[str]
) -> None:
    """Given MSH-15 and MSH-16, then each asks for its own answer, always, never, on success or on error."""
    said = {
        "good": GOOD,
        "not adt": changed(b"ADT^A01", b"ORU^R01"),
        "nobody": changed(SECRET + b"^^^HOSPA^MR", b""),
    }[kind]
    said = said.replace(b"|P|2.5.1", f"|P|2.5.1|||{accept}|{application}".encode())
    async with listener() as stand, stand.sender() as sender:
        await sender.say(frame(said) + frame(NEXT))
        found = []
        while (code := await sender.code()) != "AA C2":
            found.append(code)

    assert found == [f"{code} C1" for code in codes]


async def test_an_acknowledgement_is_never_answered(listener: Callable[..., Any]) -> None:
    """An ACK, and the commit blocks of MLLP release 2, are neither stored nor answered: answering would loop."""
    ack = b"MSH|^~\\&|A|B|C|D|20260105||ACK^A01^ACK|9|P|2.5.1\rMSA|AA|C1\r"
    async with listener() as stand, stand.sender() as sender:
        await sender.say(frame(ack) + frame(b"\x06") + frame(b"\x15") + frame(NEXT))
        assert await sender.code() == "AA C2"
        assert stand.counted("baton_mllp_violation_total", "acknowledgement") == 3
        assert await stand.stored() == [NEXT]


async def test_the_answer_speaks_as_the_sender_does(listener: Callable[..., Any]) -> None:
    """Delimiters, version and character set are the sender's; sender and receiver are swapped; the id is our own."""
    said = (
        b"MSH#!~\\&#ADT1!2.16#HOSP\xc3\xa9#BATON#HUB#20260105##ADT!A01!ADT_A01#C#P#2.7!USA######UNICODE UTF-8\r"
        b"PID#1##\r"
    )
    async with listener() as stand, stand.sender() as sender:
        first = await (await sender.say(frame(said))).answer()
        second = await (await sender.say(frame(said))).answer()
    header = first[0].split("#")
    assert header[:6] == ["MSH", "!~\\&", "BATON", "HUB", "ADT1!2.16", "HOSP\xc3\xa9"]
    assert header[8:12] == ["ACK!A01!ACK", header[9], "P", "2.7!USA"]
    assert header[17] == "UNICODE UTF-8"
    assert len(header[9]) <= 20
    assert header[9] != second[0].split("#")[9]
    assert first[1:] == ["MSA#AE#C", "ERR##PID!1!3#101!Required field missing!HL70357#E"]


# --- framing ------------------------------------------------------------------------------------------------


async def test_frames_come_as_they_like(listener: Callable[..., Any]) -> None:
    """A frame in five pieces, three in one piece, bytes before the start mark and an end without 0x0D: each answered
    once, in order; what is odd is counted.
    """
    whole = frame(GOOD)
    async with listener() as stand, stand.sender() as sender:
        for at in range(0, len(whole), len(whole) // 5 + 1):
            await sender.say(whole[at : at + len(whole) // 5 + 1])
            await asyncio.sleep(0.02)
        assert await sender.code() == "AA C1"
        await sender.say(b"noise\r\n" + frame(GOOD) + frame(NEXT)[:-1] + frame(GOOD))
        assert [await sender.code() for _ in range(3)] == ["AA C1", "AA C2", "AA C1"]
        assert stand.counted("baton_mllp_violation_total", "stray_bytes") == 7
        assert stand.counted("baton_mllp_violation_total", "no_carriage_return") == 1


async def test_a_sender_that_begins_anew(listener: Callable[..., Any]) -> None:
    """Half a message and then a whole one in the same frame: the half is not stored and not answered."""
    async with listener() as stand, stand.sender() as sender:
        await sender.say(b"\x0b" + GOOD[:60] + frame(NEXT))
        assert await sender.code() == "AA C2"
        assert await stand.stored() == [NEXT]


async def test_half_a_frame_and_a_hang_up(listener: Callable[..., Any]) -> None:
    """Whole frames are answered, the half is dropped; who only closes his half of the line still gets his answer."""
    async with listener() as stand:
        async with stand.sender() as sender:
            await sender.say(frame(GOOD) + frame(NEXT)[:40])
            sender.writer.write_eof()
            assert await sender.code() == "AA C1"
            assert await sender.is_over()
        assert stand.counted("baton_mllp_violation_total", "unfinished") == 1
        assert await stand.stored() == [GOOD]


async def test_too_large_is_refused_and_the_connection_lives(listener: Callable[..., Any]) -> None:
    """A frame over the limit gets AR with its control id, is not kept in memory, and the next frame is taken; one of
    exactly the limit is stored.
    """
    limit = 1024 * 1024
    large = GOOD + b"NTE|1||" + b"x" * limit
    exact = GOOD + b"NTE|1||" + b"x" * (limit - len(GOOD) - 8) + b"\r"
    assert len(exact) == limit
    async with listener() as stand, stand.sender() as sender:
        assert await (await sender.say(frame(large))).code() == "AR C1"
        assert await (await sender.say(frame(exact))).code() == "AA C1"
        assert await (await sender.say(frame(NEXT))).code() == "AA C2"
        assert await stand.stored() == [exact, NEXT]


async def test_a_frame_that_never_ends(listener: Callable[..., Any]) -> None:
    """Where the end is not found within reason, the answer is AR and the connection is closed."""
    async with listener(max_record_bytes=64 * 1024) as stand, stand.sender() as sender:
        sender.writer.write(b"\x0b" + GOOD + b"x" * (17 * 64 * 1024))
        assert await sender.code() == "AR C1"
        assert await sender.is_over()


async def test_a_slow_sender(listener: Callable[..., Any]) -> None:
    """A frame that is not complete in time ends its connection without an answer; an idle connection stays."""
    async with listener(mllp_frame_seconds=0.5) as stand, stand.sender() as idle, stand.sender() as slow:
        await slow.say(frame(GOOD)[:50])
        assert await slow.is_over()
        assert stand.counted("baton_mllp_violation_total", "slow") == 1
        assert await (await idle.say(frame(NEXT))).code() == "AA C2"
        assert await stand.stored() == [NEXT]


async def test_strict_feeds_and_feeds_that_must_not_hear_ae(
    listener: Callable[..., Any], tmp_path: Any
) -> None:
    """A strict feed refuses an unknown event with 201; where AE would stop the sender's queue, AA and quarantine."""
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "a.yaml").write_text("feed: st-annes\nstrict_events: true\n")
    given = {"config_dir": tmp_path, "mllp_feed": "st-annes", "mllp_answer_unidentified": "AA"}
    async with listener(**given) as stand, stand.sender() as sender:
        refused = await (await sender.say(frame(changed(b"ADT^A01", b"ADT^A99")))).answer()
        assert refused[1:] == ["MSA|AR|C1", "ERR||MSH^1^9|201^Unsupported event code^HL70357|E"]
        assert await (await sender.say(frame(changed(SECRET + b"^^^HOSPA^MR", b"")))).code() == "AA C1"
        assert len(await stand.stored()) == 1
