"""Whatever comes in: an event or a reason, and a reason never repeats what it was given."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.admissions.domain.model import AdtEvent, Rejection
from services.admissions.hl7 import frames
from services.admissions.hl7.triggers import TYPES
from tests.admissions.hl7.builders import a_message, a_profile, outcome
from tests.fuzz.mutations import SEEDS, mutated
from tests.fuzz.targets import check_message


@pytest.mark.parametrize("seed", range(4))
def test_no_mutation_of_a_message_breaks_the_reader(seed: int):
    """Bytes changed, lost, inserted and spliced, under profiles right and wrong."""
    rng = random.Random(seed)
    for _ in range(400):
        check_message(mutated(rng.choice(SEEDS), rng))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400) | st.builds(lambda tail: SEEDS[0][:100] + tail, st.binary(max_size=300)))
def test_no_bytes_break_the_reader(data: bytes):
    """From nothing, and from the middle of a header on."""
    check_message(data)
    for piece in frames.split(data):
        assert piece.strip(b"\r\n \t")


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text(max_size=20), max_size=40), st.sampled_from(sorted(TYPES)))
def test_no_text_in_any_field_breaks_the_reader(values: list[str], trigger: str):
    """Well-framed messages of nonsense."""
    fields = {f"f{number}": value for number, value in enumerate(values, 1) if number != 3}
    check_message(
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
