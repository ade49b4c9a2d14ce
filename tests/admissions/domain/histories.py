"""Histories as bad as a feed can make them: few instants, so that everything ties, overlaps and contradicts."""

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from msgspec import UNSET, structs

from services.admissions.domain.model import AdtEvent, DiagnosisEntry
from services.admissions.hl7.triggers import TYPES
from tests.admissions.domain.builders import an_event, on

LONG = os.environ.get("BATON_LONG_PROPERTIES") == "1"
"""Whether to try thousands of histories, which takes an hour; a few else."""

TRIGGERS = sorted(TYPES)
_LIKELY = ("A01", "A03", "A04", "A06", "A08", "A11", "A13", "A02", "A12")
INSTANTS = tuple(f"05 {hour:02}:00" for hour in range(8, 14))
_INSTANT = st.sampled_from(INSTANTS)
_TIME = st.one_of(st.just(UNSET), _INSTANT, _INSTANT, st.none())
_DIAGNOSIS = st.builds(
    DiagnosisEntry,
    st.sampled_from(["I50.9", "I10"]),
    st.none(),
    st.sampled_from(["A", "F", None]),
    st.sampled_from(["1", "2", None]),
    st.sampled_from(["A", "D", None]),
)


@st.composite
def messages(draw: st.DrawFn) -> AdtEvent:
    """One message that says anything about any time."""
    recorded = draw(_INSTANT)
    fields: dict[str, Any] = {
        "recorded": recorded,
        "created": draw(st.sampled_from([recorded, INSTANTS[-1]])),
        "arrived": draw(_INSTANT),
        "stated": draw(st.one_of(st.none(), _INSTANT)),
        "control": draw(st.sampled_from(["1", "2", "10", "A1"])),
        "pv1_44": draw(_TIME),
        "pv1_45": draw(_TIME),
        "pv1_2": draw(st.sampled_from(["I", "I", "E", "O", "U", UNSET, None])),
        "pv1_3": draw(st.sampled_from(["4W^1", "4W^2", "ICU", "^^^HOSPB", UNSET, None])),
        "pv1_6": draw(st.sampled_from(["4W^1", "ICU", UNSET])),
        "pv1_36": draw(st.sampled_from(["01", "03", UNSET, None])),
        "pv2_47": draw(st.sampled_from([UNSET, INSTANTS[-1]])),
        "hospital_service": draw(st.sampled_from(["MED", "SUR", UNSET, None])),
        "attending": draw(st.sampled_from(["ANN", UNSET, None])),
        "observation": draw(st.sampled_from([True, False, UNSET])),
        "dg1": draw(st.lists(_DIAGNOSIS, max_size=2)),
        "flags": draw(st.sampled_from([(), (), ("implausible_time",), ("42CFRPart2",)])),
    }
    return an_event(draw(st.sampled_from(_LIKELY) | st.sampled_from(TRIGGERS)), INSTANTS[0], **fields)


@st.composite
def histories(draw: st.DrawFn, *, max_size: int, min_size: int = 1) -> list[AdtEvent]:
    """Messages of one visit number; some of them replays of others under a new control id."""
    found = draw(st.lists(messages(), min_size=min_size, max_size=max_size))
    for n in draw(st.lists(st.integers(0, len(found) - 1), max_size=len(found) // 3)):
        original = found[draw(st.integers(0, len(found) - 1))]
        later = timedelta(hours=draw(st.sampled_from([-1, 1, 200])))
        found[n] = structs.replace(
            original,
            event_id=found[n].event_id,
            control_id=found[n].control_id,
            created_at=original.created_at + later,
            received_at=original.received_at + later,
        )
    return found


def arriving_otherwise(events: Sequence[AdtEvent]) -> list[AdtEvent]:
    """The same messages, each at another time."""
    return [
        structs.replace(event, received_at=on("20 08:00") - timedelta(minutes=7 * n))
        for n, event in enumerate(events)
    ]
