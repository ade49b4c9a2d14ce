"""Whatever comes in: an event or a reason, and a reason never repeats what it was given."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.admissions.domain.model import AdtEvent, Rejection
from services.admissions.hl7 import frames
from services.admissions.hl7.describe import describe, describe_rejection
from services.admissions.hl7.sender import sender
from services.admissions.hl7.triggers import TYPES
from tests.admissions.hl7.builders import a_message, a_profile, outcome

SEEDS = [
    a_message("A03", "DG1|1||I50.9^x^I10C|||F", pv1={"f36": "01", "f45": "20260109150000-0500"}).encode(),
    a_message("A40", "MRG|70000^^^HOSPA^MR||A1||V1").encode(),
    a_message("A17", "PID|||2^^^H^MR", "PV1||I|A^B^C").encode(),
    a_message(
        "A08", 'NK1|1|""|SPO', "PD1||||8^A^B", "ROL|1|AD|PP|9^C", pid={"f13": "^PRN^PH^^1^555^5", "f30": "Y"}
    ).encode(),
    a_message("A31", msh={"f18": "8859/1"}, pid={"f5": "JOS\xc9^\\T\\"}).encode("latin-1"),
]
CHUNKS = [b"|", b"^", b"~", b"\\", b"&", b'""', b"\r", b"\n", b"\0", b"\x0b", b"\x1c\r", b"MSH|^~\\&|", b"PID|", b"\\X00\\", b"\\.sp9\\",
          b"\xff\xfe", b"20260230", b"99991231235959-1200", b"00010101000000+1400", b"9" * 300, b"\xc3\xa9", b"UNICODE UTF-16", b"A17"]  # fmt: skip
PROFILES = [
    a_profile(),
    a_profile(zone=None, mrn_types=[], mrn_in_pid2=True, strict_events=True, zero_time_means_date_only=True, trust_msh7_offset=False),
    a_profile(mrn_authorities=["HOSPA"], strip_leading_zeros=True, loa_as_a03=True, disposition_map={"x": "30"}, test_patient_patterns=["[", "A*"])
    # No file may say so; the reader survives it all the same.
    .model_copy(update={"charsets": {"X": "utf-16", "Y": "no-such-codec"}, "fallback_charset": "utf-16-le"}),
]  # fmt: skip


def _check(data: bytes) -> None:
    sender(data)
    for profile in PROFILES:
        said = outcome(data, profile)
        for one in said if isinstance(said, tuple) else (said,):
            assert isinstance(one, AdtEvent | Rejection)
            if isinstance(one, Rejection):
                assert describe_rejection(one)["error"]["code"]
                continue
            assert one.control_id
            assert "\0" not in str(describe(one))
            assert one.patient or one.trigger not in TYPES or one.trigger == "A20"


def _mutated(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randrange(1, 12)):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data = data[:place] + rng.choice(CHUNKS) + data[place:]
            case 1:
                data = data[:place] + data[place + rng.randrange(40) :]
            case 2:
                data = data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]
            case 3:
                fields = data.split(b"|")
                fields[rng.randrange(len(fields))] = rng.choice(CHUNKS)
                data = b"|".join(fields)
            case _:
                other = rng.choice(SEEDS)
                data = data[:place] + other[rng.randrange(len(other)) :]
    return data


@pytest.mark.parametrize("seed", range(4))
def test_no_mutation_of_a_message_breaks_the_reader(seed: int):
    """Bytes changed, lost, inserted and spliced, under profiles right and wrong."""
    rng = random.Random(seed)
    for _ in range(400):
        _check(_mutated(rng.choice(SEEDS), rng))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400) | st.builds(lambda tail: SEEDS[0][:100] + tail, st.binary(max_size=300)))
def test_no_bytes_break_the_reader(data: bytes):
    """From nothing, and from the middle of a header on."""
    _check(data)
    for piece in frames.split(data):
        assert piece.strip(b"\r\n \t")


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text(max_size=20), max_size=40), st.sampled_from(sorted(TYPES)))
def test_no_text_in_any_field_breaks_the_reader(values: list[str], trigger: str):
    """Well-framed messages of nonsense."""
    fields = {f"f{number}": value for number, value in enumerate(values, 1) if number != 3}
    _check(
        a_message(
            trigger,
            "DG1|1|" + "|".join(values),
            "MRG|" + "|".join(values),
            pid=fields,
            pv1=fields,
            msh={"f18": "UTF-8"},
        ).encode(errors="replace")
    )


@pytest.mark.parametrize("missing", ["f4", "f9", "f10", "f18", "PID", "f3", "strict", "MSH-2"])
def test_a_reason_never_repeats_a_value(missing: str):
    """Every field of every segment holds a sentinel; no refusal shows one."""
    sentinel = "SECRET"
    fields = {f"f{number}": f"{sentinel}{number}^{sentinel}" for number in range(1, 55)}
    msh = {f"f{number}": sentinel for number in (3, 4, 5, 6, 7, 8, 10, 13, 14)} | {"f9": "ADT^A08"}
    message = a_message(
        "A08",
        pid=fields | {"f3": f"{sentinel}^^^{sentinel}^{sentinel}"},
        pv1=fields,
        msh=msh,
        event_type=fields,
    )
    match missing:
        case "f9":
            message = message.replace("ADT^A08", f"{sentinel}^{sentinel}")
        case "f10":
            message = a_message("A08", pid=fields, pv1=fields, msh=msh | {"f10": ""})
        case "f18":
            message = a_message("A08", pid=fields, msh=msh | {"f18": f"ISO IR{sentinel}"})
        case "PID":
            message = message.replace("\rPID|", "\rZID|")
        case "strict":
            message = message.replace("ADT^A08", f"ADT^{sentinel}")
        case "MSH-2":
            message = message.replace("^~\\&", sentinel, 1)
    said = outcome(message, a_profile(strict_events=True))
    assert isinstance(said, Rejection)

    assert sentinel not in repr(said)
    assert re.fullmatch(r"[a-z_0-9]+", said.code)


def test_flags_name_fields_and_never_values():
    """They travel further than the message does."""
    fields = {f"f{number}": "SECRET" for number in range(4, 55)}
    event = outcome(
        a_message(
            "A03", pid=fields, pv1=fields, event_type={"f2": "SECRET", "f6": "SECRET"}, msh={"f7": "SECRET"}
        )
    )
    assert isinstance(event, AdtEvent)

    assert all(re.fullmatch(r"[a-z_0-9]+(:[A-Z0-9]{3}-[0-9]+)?", flag) for flag in event.flags)
    assert len(event.flags) > 5
