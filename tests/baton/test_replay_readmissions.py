"""Returns and deaths through messages, heard in every order: the same end, and nothing owed to the dead."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from baton import replay
from tests.baton.hl7 import adt, local
from tests.baton.stories import without_void

CONFIG = replay.load()
UNTIL = local("2026-01-25 00:00")
ADMITTED, LEFT = local("2026-01-05 08:30"), local("2026-01-09 15:00")
HEARD = local("2026-01-20 08:00")


def message(trigger: str, when: str, visit: str = "V1", **more: Any) -> replay.Line:
    recorded = local(f"2026-{when}")
    return replay.Line(
        recorded, adt=adt(trigger, f"{trigger}{when}{visit}", recorded, "P1", visit, **more).encode()
    )


IN = message("A01", "01-05 08:31", admitted=ADMITTED)
HOME = message("A03", "01-09 15:01", admitted=ADMITTED, discharged=LEFT, disposition="01")
SICK = message("A01", "01-12 09:01", "V2", admitted=local("2026-01-12 09:00"))
NOT_AT_ALL = message("A11", "01-13 10:00", "V2", admitted=local("2026-01-12 09:00"))
ELSEWHERE = message("A01", "01-10 09:01", "V2", admitted=local("2026-01-10 09:00"), facility="HOSPB")
CAME = local("2026-01-12 05:00")
SEEN_OUTSIDE = message("A08", "01-12 06:00", "V2", admitted=CAME, patient_class="O")
SEEN_INSIDE = message("A08", "01-12 06:00", "V2", admitted=CAME)
CONVERTED = message("A06", "01-12 09:01", "V2", admitted=CAME)
DEAD = message("A31", "01-11 10:00", "", died=local("2026-01-11 04:00"))
DEAD_THERE = message(
    "A03", "01-14 09:01", "V2", admitted=local("2026-01-12 09:00"), discharged=local("2026-01-14 09:00"),
    disposition="20",
)  # fmt: skip

STORIES = {
    "back, and not at all": ([HOME, SICK, NOT_AT_ALL], "open", None, []),
    "back": ([HOME, SICK], "closed", "readmitted", ["readmit_suspected_unplanned"]),
    "back, first heard of as an outpatient": (
        [HOME, SEEN_OUTSIDE, CONVERTED],
        "closed",
        "readmitted",
        ["readmit_suspected_unplanned"],
    ),
    "back, first heard of by the A06": (
        [HOME, CONVERTED],
        "closed",
        "readmitted",
        ["readmit_suspected_unplanned"],
    ),
    "first heard of as an inpatient": ([HOME, SEEN_INSIDE], "open", None, []),
    "a transfer chain": ([HOME, ELSEWHERE], "closed", "readmitted", ["transfer_chain"]),
    "dead at home": ([HOME, DEAD], "closed", "died", []),
    "dead at home, and admitted the day after": ([HOME, DEAD, SICK], "closed", "died", []),
    "back, and dead there": (
        [HOME, SICK, DEAD_THERE],
        "closed",
        "readmitted",
        ["readmit_suspected_unplanned"],
    ),
}


def ends(lines: list[replay.Line]) -> dict[str, Any]:
    """What stands in the end: without what arrived when, and without what turned out never to have been."""
    outcome = without_void(replay.replay(replay.in_order(lines), UNTIL, CONFIG))
    for episode in outcome["episodes"]:
        for deadline in episode["deadlines"]:
            del deadline["late_known"]
    return {name: outcome[name] for name in ("visits", "episodes", "readmissions", "rejected")}


@pytest.mark.parametrize(("heard", "status", "reason", "verdicts"), STORIES.values(), ids=STORIES)
def test_in_every_order_it_ends_the_same(
    heard: list[replay.Line], status: str, reason: str | None, verdicts: list[str]
) -> None:
    """Given messages that are heard late and in any order, then episode and verdicts are those of the true order."""
    found = ends([IN, *heard])
    episode = next(
        each for each in found["episodes"] if each["visit"] == "V1" and each["kind"] == "discharge"
    )
    assert (episode["status"], episode["close_reason"]) == (status, reason)
    assert [each["verdict"] for each in found["readmissions"]] == verdicts
    for order in itertools.permutations(heard):
        late = [replay.Line(HEARD + timedelta(hours=n), line.adt) for n, line in enumerate(order)]
        assert ends([IN, *late]) == found


def test_what_never_happened_gives_back_every_due_time() -> None:
    """Given a readmission that is cancelled a day later, then each deadline is due when it was due before."""
    before, after = ends([IN, HOME]), ends([IN, HOME, SICK, NOT_AT_ALL])
    times = [
        [(each["kind"], each["due_at"]) for each in said["episodes"][0]["deadlines"]]
        for said in (before, after)
    ]
    assert times[0] == times[1]
    assert after["episodes"][0]["status"] == "open"
