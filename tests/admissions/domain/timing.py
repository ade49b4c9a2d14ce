"""How long the fold of a visit takes: `python -m tests.admissions.domain.timing`."""

import statistics
from collections.abc import Sequence
from time import thread_time_ns

from msgspec import UNSET

from services.admissions.domain.fold import fold
from services.admissions.domain.model import AdtEvent
from tests.admissions.domain.builders import PROFILE, an_event, on


def a_storm(size: int) -> list[AdtEvent]:
    """An admission and its updates, all with the full PV1, and a discharge they echo in the end."""
    return [
        an_event("A01", "05 08:30", pv1_3="4W^401^A^HOSPA"),
        an_event("A03", "09 15:00", pv1_44="05 08:30", pv1_36="01"),
        *(
            an_event(
                "A08",
                f"{10 + n // 1440:02} {n // 60 % 24:02}:{n % 60:02}",
                pv1_3="4W^401^A^HOSPA",
                pv1_44="05 08:30",
                pv1_45="09 15:00",
                pv1_36="01",
            )
            for n in range(size)
        ),
    ]


def a_series(stays: int) -> list[AdtEvent]:
    """A recurring outpatient, the same number every time."""
    found = []
    for n in range(stays):
        month, day = divmod(n, 28)
        date = f"2026-{month + 1:02}-{day + 1:02}"
        found.append(an_event("A04", f"{date} 08:00", pv1_2="R"))
        found.append(an_event("A03", f"{date} 12:00", pv1_2="R", pv1_44=f"{date} 08:00"))
    return found


SHORT = [
    an_event("A01", "05 08:30", pv1_3="4W^401^A^HOSPA"),
    an_event("A08", "05 09:00", pv1_3="4W^401^A^HOSPA", pv1_44="05 08:30"),
    an_event("A08", "05 10:00", pv1_44="05 08:30"),
    an_event("A08", "06 10:00", pv1_44="05 08:30"),
    an_event("A03", "09 15:00", pv1_44="05 08:30", pv1_36="01"),
    an_event("A08", "09 18:00", pv1_44="05 08:30", pv1_45="09 15:00", pv1_36="01"),
]
HISTORIES: dict[str, Sequence[AdtEvent]] = {
    "A01 alone": SHORT[:1],
    "six messages, admitted, home": SHORT,
    "six messages, moved, cancelled": [
        *SHORT[:2],
        an_event("A02", "06 10:10", pv1_3="ICU^02^A^HOSPA", pv1_6="4W^401^A^HOSPA", pv1_44="05 08:30"),
        an_event("A03", "09 15:00", pv1_44="05 08:30", pv1_36="01"),
        an_event("A13", "09 16:00", pv1_44="05 08:30"),
        an_event("A03", "09 18:10", pv1_44="05 08:30", pv1_36=UNSET),
    ],
    "1,000 A08": a_storm(1000),
    "10,000 A08": a_storm(10_000),
    "150 stays under one number": a_series(150),
}


def measured(history: Sequence[AdtEvent], times: int) -> tuple[float, float]:
    """Median and 99th percentile in microseconds of processor time."""
    taken = []
    for _ in range(times):
        begun = thread_time_ns()
        fold(history, PROFILE)
        taken.append((thread_time_ns() - begun) / 1000)
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98]


def main() -> None:
    assert on("05 08:30").hour == 8
    for name, history in HISTORIES.items():
        median, tail = measured(history, max(5, 20_000 // len(history)))
        print(f"{name:32} {median:10.1f} µs median {tail:10.1f} µs p99")


if __name__ == "__main__":
    main()
