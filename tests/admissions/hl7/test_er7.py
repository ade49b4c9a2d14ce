"""The encoding: delimiters, escapes, terminators, character sets, null and empty."""

import pytest
from msgspec import UNSET

from services.admissions.domain.model import AdtEvent, Rejection
from services.admissions.hl7 import er7
from services.admissions.hl7.dialect import Dialect
from tests.admissions.hl7.builders import a_message, a_profile, event_of, outcome, refusal_of

USUAL = Dialect("|", "^~\\&", "utf-8")


def _read(data: bytes) -> er7.Message:
    message = er7.read(data)
    assert isinstance(message, er7.Message)
    return message


def _translated(message: str, marks: str) -> str:
    return message.translate(str.maketrans("|^~\\&", marks))


@pytest.mark.parametrize("marks", ["#!~\\&", "|^~\\&", "$*@!%", "+:;?/"])
def test_delimiters_are_those_of_the_message(marks: str):
    """MSH-1 and MSH-2 say them; nothing is assumed."""
    plain = a_message(
        "A03", "DG1|1||I50.9^Heart failure^I10C|||F", pid={"f3": "9^^^H&1.2&ISO^EI~70001^^^HOSPA^MR"}
    )

    event = event_of(_translated(plain, marks))

    assert (event.patient.id, event.patient.authority, event.visit.number) == ("70001", "HOSPA", "V100")
    assert event.identifiers[1].authority == "H"
    assert event.diagnoses[0].code == "I50.9"


def test_the_truncation_character_is_not_a_subcomponent_separator():
    """The fifth character of MSH-2 (2.7) splits nothing."""
    message = a_message().replace("^~\\&", "^~\\&#", 1).replace("ASTA", "AS#TA")

    assert event_of(message).person.name == "LINDQVIST, AS#TA"


def test_a_missing_encoding_character_leaves_its_feature_unused():
    """MSH-2 of `^~`: a backslash and an ampersand are text then."""
    message = a_message(pid={"f5": "O\\T\\BRIEN&CO^ASTA"}).replace("^~\\&", "^~", 1)

    assert event_of(message).person.name == "O\\T\\BRIEN&CO, ASTA"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", None), (b"hello", None), (b"PID|1||70001", None), (b"MSH", 1), (b"MSHA^~\\&|x", 1), (b"MSH\x01^~\\&\x01x", 1),
        (b"MSH|^^^^|ADT1", 2), (b"MSH|ADT1|HOSPA", 2), (b"MSH|^~\\&#%!|ADT1", 2), (b'MSH|^"\\&|ADT1', 2), (b"FHS|^~\\&|", None),
    ],
)  # fmt: skip
def test_what_has_no_readable_header_is_refused(data: bytes, field: int | None):
    """No MSH, or delimiters that cannot be any."""
    refusal = refusal_of(data)

    assert ("not_hl7", "MSH", field) == (refusal.code, refusal.segment, refusal.field)


def test_only_carriage_returns_end_segments_where_there_are_any():
    """A bare line feed inside DG1-4 is text, and the segment count stays."""
    message = _read(a_message("A08", "DG1|1||I10|first\nsecond||A", "DG1|2||E11").encode())

    assert [line[:3] for line in message.lines] == ["EVN", "PID", "PV1", "DG1", "DG1"]
    assert message.first("DG1")[4] == "first\nsecond"
    assert message.flags == []


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
@pytest.mark.parametrize("tail", ["", "end", "twice"])
def test_every_kind_of_line_end_is_read_alike(end: str, tail: str):
    """CR, CRLF and LF, with and without blank segments at the end; only LF alone is worth a flag."""
    segments = a_message("A03").rstrip("\r").split("\r")
    data = end.join(segments) + end * ["", "end", "twice"].index(tail)

    event = event_of(data)

    assert event.visit.number == "V100"
    assert (("lf_terminated",) if end == "\n" else ()) == event.flags
    assert event_of(a_message("A03")).fingerprint == event.fingerprint


def test_a_short_header_does_not_swallow_the_next_line():
    """MSH ends right after the version and the file has line feeds: the version is 2.7 and no more."""
    message = _read(a_message(msh={"f12": "2.7"}).replace("\r", "\n").encode())

    assert message.header[12] == "2.7"
    assert "PID" in message.segments


@pytest.mark.parametrize(
    "wrap",
    [(b"\x0b", b"\x1c\r"), (b"\xef\xbb\xbf", b""), (b"\x0b\xef\xbb\xbf", b"\x1c\r"), (b"\r\n ", b"\n\n")],
)
def test_frames_byte_order_marks_and_blank_lines_are_dropped(wrap: tuple[bytes, bytes]):
    """None of them is part of the message, nor of its fingerprint."""
    data = a_message().encode()

    assert event_of(data).fingerprint == event_of(wrap[0] + data + wrap[1]).fingerprint


def test_a_message_over_one_mebibyte_is_refused():
    """Refused by its size, before anything is read."""
    note = "NTE|1||" + "x" * er7.MAX_SIZE

    assert refusal_of(a_message("A08", note)).code == "too_large"
    assert event_of(a_message("A08", note[: er7.MAX_SIZE - 1000]))


def test_two_messages_in_one_record_are_refused_rather_than_mixed():
    """The record is one message by contract; the listener and the command cut before."""
    assert refusal_of(a_message() + a_message("A03")).code == "several_messages"


def test_nul_bytes_never_reach_a_value():
    """No database takes them in text."""
    event = event_of(a_message(pid={"f5": "LIND\0QVIST^AS\\X00\\TA"}))

    assert event.person.name == "LINDQVIST, ASTA"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("O\\T\\Brien", "O&Brien"), ("a\\F\\b\\S\\c\\R\\d\\E\\e", "a|b^c~d\\e"), ("\\E\\T\\E\\", "\\T\\"),
        ("\\X41\\\\X4243\\", "ABC"), ("\\XC3A9\\", "é"), ("\\XZZ\\", "\\XZZ\\"), ("\\X4\\", "\\X4\\"), ("\\X\\", "\\X\\"), ("\\X41 42\\", "\\X41 42\\"),
        ("one\\.br\\two", "one\ntwo"), ("one\\.sp\\two", "one\ntwo"), ("one\\.sp2\\two", "one\n\ntwo"), ("one\\.sp999\\two", "one\\.sp999\\two"),
        ("\\H\\loud\\N\\ quiet", "loud quiet"),
        ("\\C2842\\", "\\C2842\\"), ("\\M242835\\", "\\M242835\\"), ("\\Zlocal\\", "\\Zlocal\\"),
        ("\\Q\\x", "\\Q\\x"), ("open\\T", "open\\T"), ("C:\\", "C:\\"), ("\\", "\\"), ("\\\\", "\\\\"), ("\\P\\", "\\P\\"),
    ],
)  # fmt: skip
def test_escapes_are_decoded_once_and_the_rest_is_kept(raw: str, expected: str):
    """Known sequences become their character; unknown, local and unterminated ones stay as they came."""
    assert expected == USUAL.leaf(raw)


def test_an_escaped_delimiter_splits_nothing():
    """Splitting comes first, unescaping last: the name keeps its ampersand and its place."""
    event = event_of(a_message(pid={"f5": "O\\T\\BRIEN\\S\\X^ANN\\R\\E"}))

    assert event.person.name == "O&BRIEN^X, ANN~E"


def test_an_escaped_truncation_character_is_that_character():
    """2.7 adds a sequence for its fifth delimiter."""
    assert Dialect("|", "^~\\&#").leaf("\\P\\") == "#"


@pytest.mark.parametrize(
    ("field", "expected"),
    [("", UNSET), ("  ", UNSET), ('""', None), ("I", "I"), (" I ", "I"), ("I^Inpatient^HL70004", "I"), ("I&x^y", "I"),
     ('""^""^""', None), ('""&""', None), ('""~""', None), ("^Inpatient", UNSET), ('""^Inpatient', UNSET), ("A~B", "A"), ("\\T\\", "&"), ("^^", UNSET)],
)  # fmt: skip
def test_empty_null_and_value_are_three_things(field: str, expected: object):
    """Empty keeps what is stored, the explicit null deletes it; a composite of nulls is a null."""
    assert expected == USUAL.coded(field)


@pytest.mark.parametrize(
    ("declared", "text", "codec", "flags"),
    [
        ("", "JOSE", "ascii", ()),
        ("ASCII", "JOSE", "ascii", ()),
        ("", "JOSÉ", "utf-8", ("charset_guessed",)),
        ("ASCII", "JOSÉ", "utf-8", ("charset_guessed",)),
        ("", "JOSÉ", "cp1252", ("charset_guessed",)),
        ("UNICODE UTF-8", "JOSÉ", "utf-8", ()),
        ("UTF-8", "JOSÉ", "utf-8", ()),
        ("unicode utf-8", "JOSÉ", "utf-8", ()),
        ("UNICODE", "JOSÉ", "utf-8", ("charset_guessed",)),
        ("8859/1", "JOSÉ", "iso8859-1", ()),
        ("8859/2", "ŁUKASZ", "iso8859-2", ()),
        ("8859/5", "ИВАН", "iso8859-5", ()),
        ("8859/9", "İPEK", "iso8859-9", ()),
        ("8859/15", "JŒL", "iso8859-15", ()),
        ("ISO-8859-1", "JOSÉ", "iso8859-1", ()),
        ("8859/1~UNICODE UTF-8", "JOSÉ", "iso8859-1", ()),
        ("UNICODE UTF-8", "JOSÉ", "cp1252", ("charset_guessed",)),
        ("NO SUCH SET", "JOSE", "ascii", ("charset_guessed",)),
        ("NO SUCH SET", "JOSÉ", "utf-8", ("charset_guessed",)),
    ],
)
def test_the_character_set_is_that_of_the_header_or_a_flagged_guess(
    declared: str, text: str, codec: str, flags: tuple[str, ...]
):
    """MSH-18 decides; without it, or against it, UTF-8 is tried and then the feed's fallback."""
    data = a_message(msh={"f18": declared}, pid={"f5": f"RUIZ^{text}"}).encode(codec)

    event = event_of(data)

    assert f"RUIZ, {text}" == event.person.name
    assert flags == event.flags


@pytest.mark.parametrize(
    "declared", ["UNICODE UTF-16", "UNICODE UTF-32", "GB 18030-2000", "BIG-5", "KS X 1001", "ISO IR87"]
)
def test_a_set_we_are_not_set_up_for_is_refused(declared: str):
    """Multi-byte Unicode always, the others unless the profile names a codec."""
    refusal = refusal_of(a_message(msh={"f18": declared}))

    assert (refusal.code, refusal.segment, refusal.field) == ("unsupported_charset", "MSH", 18)


def test_unicode_alone_that_is_no_utf_8_is_refused():
    """The deprecated name says nothing; its bytes must."""
    data = a_message(msh={"f18": "UNICODE"}, pid={"f5": "RUIZ^JOSÉ"}).encode("cp1252")

    assert refusal_of(data).code == "unsupported_charset"


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_known_by_their_bytes(codec: str):
    """They are not unreadable rubbish but a setting to change at the sender: say so."""
    assert refusal_of(a_message().encode(codec)).code == "unsupported_charset"


def test_a_profile_can_name_the_codec_of_a_set():
    """`charsets` of the feed profile comes before the table."""
    profile = a_profile(charsets={"GB 18030-2000": "gb18030"})
    data = a_message(msh={"f18": "GB 18030-2000"}, pid={"f5": "王^小明"}).encode("gb18030")

    assert event_of(data, profile).person.name == "王, 小明"


def test_a_profile_names_the_fallback():
    """Bytes that are no UTF-8 and have no name are read by the feed's own code page."""
    data = a_message(pid={"f5": "ИВАНОВ^ИВАН"}).encode("cp1251")

    assert event_of(data, a_profile(fallback_charset="cp1251")).person.name == "ИВАНОВ, ИВАН"


def test_a_codec_that_is_no_extension_of_ascii_takes_nothing_down():
    """`Feeds.load` refuses such a profile; the reader survives one all the same."""
    data = a_message(pid={"f5": "RUIZ^JOS\xc9"}).encode("cp1252")

    for codec in ("utf-16", "utf-7", "cp037", "punycode"):
        profile = a_profile().model_copy(update={"fallback_charset": codec})
        assert isinstance(outcome(data, profile), Rejection | AdtEvent)
