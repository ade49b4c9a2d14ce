"""How long planning one patient takes: `python -m tests.transitions.domain.timing`."""

import statistics
from collections.abc import Callable
from time import thread_time_ns

from services.transitions.domain import standing
from services.transitions.domain.number import EPISODES, NUMBERS
from services.transitions.domain.plan import plan
from services.transitions.domain.reconcile import reconcile
from services.transitions.domain.risk.assess import RISKS
from tests.transitions.domain.builders import (
    FACILITIES,
    PATIENT,
    PROTOCOL,
    a_call,
    a_move,
    a_stay,
    an_ack,
    ny,
)

AS_OF = ny("2026-01-14 12:00")
PATIENTS = {
    "one stay, home": ([a_stay(discharged="2026-01-09 15:00")], []),
    "two transfers, one call": (
        [
            a_stay(
                discharged="2026-01-09 15:00", moves=(a_move("2026-01-06 10:10"), a_move("2026-01-07 10:10"))
            )
        ],
        [an_ack("2026-01-06 10:20"), a_call("2026-01-10 10:00", "no_answer")],
    ),
    "readmitted, five deeds": (
        [
            a_stay(discharged="2026-01-09 15:00", moves=(a_move("2026-01-06 10:10"),)),
            a_stay("V2", admitted="2026-01-12 09:00", discharged="2026-01-13 09:00"),
        ],
        [
            an_ack("2026-01-06 10:20"),
            *(a_call(f"2026-01-10 {hour}:00", "no_answer") for hour in (10, 12, 14, 16)),
        ],
    ),
}


def measured(work: Callable[[], object], times: int = 4000) -> tuple[float, float]:
    """Median and 99th percentile in microseconds of processor time, nothing of the last plan being kept."""
    taken = []
    for _ in range(times):
        EPISODES.forget()
        NUMBERS.forget()
        standing.forget()
        RISKS.forget()
        begun = thread_time_ns()
        work()
        taken.append((thread_time_ns() - begun) / 1000)
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98]


def main() -> None:
    for name, (stays, deeds) in PATIENTS.items():
        ought = plan(stays, deeds, protocol=PROTOCOL, facilities=FACILITIES, as_of=AS_OF)
        rows = reconcile((), ought, patient_id=PATIENT, as_of=AS_OF, arrival=AS_OF).rows
        planning = measured(
            lambda stays=stays, deeds=deeds: plan(  # type: ignore[misc]
                stays, deeds, protocol=PROTOCOL, facilities=FACILITIES, as_of=AS_OF
            )
        )
        comparing = measured(
            lambda rows=rows, ought=ought: reconcile(  # type: ignore[misc]
                rows, ought, patient_id=PATIENT, as_of=AS_OF, arrival=AS_OF
            )
        )
        print(
            f"{name:28} plan {planning[0]:6.1f} µs median {planning[1]:6.1f} µs p99"
            f"   reconcile {comparing[0]:6.1f} µs median {comparing[1]:6.1f} µs p99"
        )


if __name__ == "__main__":
    main()
