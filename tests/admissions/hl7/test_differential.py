"""Beside python-hl7: whatever both read, both read alike."""

import hl7
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.admissions.hl7 import er7
from tests.admissions.hl7.builders import event_of

MARKS = st.permutations("|^~\\&#!$%*@:").map(lambda marks: "".join(marks[:5]))
# Letters, digits and a few marks that are delimiters in some messages and text in others.
TEXT = st.text("ABCdef012 .,-éŁ", max_size=8).map(str.strip)
ESCAPES = st.sampled_from(["F", "S", "T", "R", "E"])


@st.composite
def fields(draw: st.DrawFn, marks: str) -> str:
    """One field of repetitions, components and subcomponents, with escapes in its leaves."""
    _, component, repetition, escape, sub = marks

    def leaf() -> str:
        text = draw(TEXT)
        return text + f"{escape}{draw(ESCAPES)}{escape}" + draw(TEXT) if draw(st.booleans()) else text

    def joined(separator: str, part: object, most: int) -> str:
        return separator.join(part() for _ in range(draw(st.integers(1, most))))  # type: ignore[operator]

    return joined(repetition, lambda: joined(component, lambda: joined(sub, leaf, 2), 4), 2)


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, str]:
    """The encoding characters and a message of some segments with some fields."""
    marks = draw(MARKS)
    separator = marks[0]
    header = [
        "MSH",
        marks[1:],
        "APP",
        "FAC",
        "",
        "",
        "20260109150500",
        "",
        f"ADT{marks[1]}A08",
        "C1",
        "P",
        "2.5",
        *[""] * 5,
        "UNICODE UTF-8",
    ]
    lines = [separator.join(header)]
    names = draw(st.lists(st.sampled_from(["PID", "PV1", "DG1", "NK1", "ZZZ"]), min_size=1, max_size=5))
    lines += [separator.join([name, *draw(st.lists(fields(marks), max_size=6))]) for name in names]
    return marks, "\r".join(lines)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(messages())
def test_fields_repetitions_components_and_escapes_agree(drawn: tuple[str, str]):
    """Every leaf of every segment, under any encoding characters."""
    _, text = drawn
    theirs = hl7.parse(text)
    ours = er7.read(text.encode())
    assert isinstance(ours, er7.Message)
    dialect = ours.dialect

    assert [str(segment[0]) for segment in theirs][1:] == [line[:3] for line in ours.lines]
    for segment, line in zip(list(theirs)[1:], ours.lines, strict=True):
        read = dialect.fields(line)
        for number in range(1, len(segment)):
            for repetition, raw in zip(
                segment(number), dialect.repetitions(read[number]) or [""], strict=True
            ):
                # python-hl7 keeps a value without any separator as plain text.
                parts = [repetition] if isinstance(repetition, str) else list(repetition)
                for part, component in zip(parts, raw.split(dialect.component), strict=True):
                    first = part if isinstance(part, str) else str(part[0])
                    assert theirs.unescape(first).strip() == dialect.first(component)


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(["|^~\\&", "#!~\\&", "$*@%:"]), st.lists(TEXT.filter(bool), min_size=4, max_size=4))
def test_the_fields_of_an_event_agree(marks: str, values: list[str]):
    """Identifier, name, place and visit, picked out by both."""
    number, family, unit, visit = (value.replace(" ", "") or "X" for value in values)
    text = (
        f"MSH|^~\\&|APP|FAC|||20260109150500||ADT^A01^ADT_A01|C1|P|2.5||||||UNICODE UTF-8\rEVN|A01|20260109150400\r"
        f"PID|1||9^^^STATE^EI~{number}^^^FAC^MR||{family}^ANN^^^^^L\rPV1|1|I|{unit}^1^A^FAC||||||||||||||||{visit}^^^FAC^VN\r"
    ).translate(str.maketrans("|^~\\&", marks))
    theirs, event = hl7.parse(text), event_of(text)

    assert theirs.extract_field("PID", 1, 3, 2, 1) == event.patient.id
    assert theirs.extract_field("PID", 1, 5, 1, 1) == event.person.name.removesuffix(", ANN")
    assert theirs.extract_field("PV1", 1, 3, 1, 1) == event.location.unit
    assert theirs.extract_field("PV1", 1, 19, 1, 1) == event.visit.number
