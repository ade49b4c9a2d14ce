"""Cutting files: where one message ends and the next begins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admissions.hl7 import frames
from tests.admissions.hl7.builders import a_message, event_of

ONE = a_message("A01", msh={"f10": "1"}).encode().rstrip(b"\r")
TWO = a_message("A03", msh={"f10": "2"}).encode().rstrip(b"\r")


def _lines(message: bytes, end: bytes) -> bytes:
    return message.replace(b"\r", end)


@pytest.mark.parametrize("between", [b"\r", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r", b"\r\n \r\n"])
@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_an_msh_at_the_start_of_a_line_begins_a_message(between: bytes, end: bytes):
    """Whatever ends lines and whatever stands between the messages."""
    pieces = list(frames.split(_lines(ONE, end) + between + _lines(TWO, end) + end))

    assert [_lines(ONE, end), _lines(TWO, end)] == pieces


def test_each_message_has_its_own_line_ends():
    """One with CR and text with line feeds, then one with LF only."""
    first = a_message("A08", "NTE|1||line\nline").encode()
    pieces = list(frames.split(first + b"\n" + _lines(TWO, b"\n")))

    assert [str(len(pieces[:1])), event_of(pieces[1]).control_id] == ["1", "2"]
    assert b"line\nline" in pieces[0]
    assert event_of(pieces[1]).flags == ("lf_terminated",)


def test_framing_bytes_are_dropped():
    """As a listener's capture holds them; rubbish between frames comes out to be refused."""
    captured = b"\x0b" + ONE + b"\r\x1c\r\x0b" + TWO + b"\x1c\r"

    assert list(frames.split(captured)) == [ONE, TWO]
    assert list(frames.split(b"\x0b" + ONE + b"\x1c\rnoise\x0b" + TWO + b"\x1c\r")) == [ONE, b"noise", TWO]
    assert list(frames.split(b"\x0b" + ONE + b"\x1c\r\x0bno header\x1c\r\x0b" + TWO + b"\x1c\r")) == [
        ONE,
        b"no header",
        TWO,
    ]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_batch_segments_are_dropped(end: bytes):
    """FHS, BHS, BTS and FTS wrap messages and are none."""
    batch = end.join(
        [
            b"FHS|^~\\&|X",
            b"BHS|^~\\&|X",
            _lines(ONE, end),
            b"BTS|1",
            b"BHS|^~\\&",
            _lines(TWO, end),
            b"BTS|1",
            b"FTS|2",
            b"",
        ]
    )

    assert [_lines(ONE, end), _lines(TWO, end)] == list(frames.split(batch))


def test_what_is_no_message_is_not_lost():
    """It comes out as a piece, to be refused with a reason."""
    assert list(frames.split(b"hello\r\n" + ONE)) == [b"hello", ONE]
    assert list(frames.split(b"hello")) == [b"hello"]
    assert list(frames.split(b"FHS|^~\\&\rPID|1||70001\r" + ONE)) == [b"PID|1||70001", ONE]


@pytest.mark.parametrize("data", [b"", b"\n\n", b" \r\n\t", b"\x0b\x1c\r", b"FHS|^~\\&\r", b"\xef\xbb\xbf"])
def test_nothing_holds_no_messages(data: bytes):
    """Not even an empty one."""
    assert list(frames.split(data)) == []


def test_a_word_that_begins_like_a_header_is_text():
    """MSH inside a line, or followed by a letter, begins nothing."""
    note = b"\rNTE|1||see MSH|x\nMSHA"

    assert [ONE + note] == list(frames.split(ONE + note))


def test_a_byte_order_mark_is_no_content():
    """Editors put one at the start of a file."""
    assert list(frames.split(b"\xef\xbb\xbf" + ONE)) == [ONE]


@given(
    st.lists(st.sampled_from([ONE, TWO]), max_size=5),
    st.sampled_from([b"\r", b"\n", b"\r\n\r\n", b"\x1c\r\x0b", b"\n\n"]),
)
def test_as_many_messages_come_out_as_went_in(messages: list[bytes], between: bytes):
    """In their order."""
    assert messages == list(frames.split(between.join(messages)))
