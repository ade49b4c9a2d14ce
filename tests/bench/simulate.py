"""`simulate`: messages a second of a simulated hospital on one core, beside python-hl7 merely building the same ones."""

import json
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import hl7

from baton.simulate import Hospital, simulate

MESSAGES = 20_000
BUILT = 1_000
HOSPITAL = Hospital(
    seed=20260109, beds=400, duplicates=0.02, disorder=0.02, lateness=0.02, cancels=0.03, merges=0.02
)
START = datetime(2026, 1, 5, 5, tzinfo=UTC)

Values = list[list[list[list[str]]]]
"""Segments, fields, repetitions, components of one message."""


def values_of(data: bytes) -> Values:
    """A message taken apart, as somebody who builds it holds its values."""
    segments = []
    for line in data.decode().rstrip("\r").split("\r"):
        name, *rest = line.split("|")
        fields = [[part.split("^") for part in field.split("~")] for field in rest]
        if name == "MSH":
            fields[0] = [[rest[0]]]
            fields.insert(0, [["|"]])
        segments.append([[[name]], *fields])
    return segments


def built(values: Values) -> bytes:
    """The same message of python-hl7's objects, as its documentation builds one."""
    message = hl7.Message(
        sequence=[
            hl7.Segment(
                sequence=[
                    hl7.Field(sequence=[hl7.Repetition(sequence=components) for components in repetitions])
                    for repetitions in fields
                ]
            )
            for fields in values
        ]
    )
    return str(message).encode()


def run() -> dict[str, Any]:
    """Both take turns, three times; the best of each counts. Ours makes up the hospital besides."""
    sample = [values_of(sent.data) for sent in islice(simulate(HOSPITAL, START), BUILT)]
    rounds = [(_simulated(), _built(sample)) for _ in range(3)]
    ours, theirs = max(ours for ours, _ in rounds), max(theirs for _, theirs in rounds)
    return {
        "bench": "simulate",
        "value": round(ours),
        "unit": "messages/s",
        "baseline": {"name": "python-hl7 building the same messages", "value": round(theirs)},
        "ratio": round(ours / theirs, 1),
        "messages": f"{MESSAGES} of {HOSPITAL.beds} beds with every fault, seed {HOSPITAL.seed}",
        "on": "one core",
    }


def _simulated() -> float:
    """Messages a second of processor time, the filling of the hospital included."""
    begun = time.process_time()
    count = sum(1 for _ in islice(simulate(HOSPITAL, START, START + timedelta(days=365)), MESSAGES))
    return count / (time.process_time() - begun)


def _built(sample: list[Values]) -> float:
    begun = time.process_time()
    for values in sample:
        built(values)
    return len(sample) / (time.process_time() - begun)


if __name__ == "__main__":
    print(json.dumps(run()))
