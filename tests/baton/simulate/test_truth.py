"""However a simulated feed arrives, Baton ends where the hospital really was."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from baton import replay
from tests.baton.simulate.runs import folded, run

CLEAN: dict[str, float] = {}
WIRE = {"duplicates": 0.3, "disorder": 0.3, "lateness": 0.2}
DESK = {"cancels": 0.5, "merges": 0.3}
LATE = {"late_entries": 0.7}


@pytest.mark.parametrize(
    ("seed", "rates"),
    [
        (1, CLEAN),
        (2, WIRE),
        (3, DESK),
        (4, WIRE | DESK),
        (5, {"lateness": 1}),
        (6, {"disorder": 1} | DESK),
        (7, LATE),
        (8, LATE | WIRE | DESK),
    ],
)
def test_the_fold_ends_in_the_truth(seed: int, rates: dict[str, float]) -> None:
    """Given a feed with these faults, when all of it is folded, then every visit is what it really was."""
    feed = run(seed=seed, **rates)

    _, visits = folded(feed.sent)

    assert {number: _common(visit, feed.truth.get(number, {})) for number, visit in visits.items()} == visits
    assert visits.keys() == feed.truth.keys()


def _common(visit: dict[str, Any], truth: dict[str, Any]) -> dict[str, Any]:
    return {name: truth.get(name) for name in visit}


@pytest.mark.parametrize("rates", [CLEAN, WIRE | DESK])
def test_every_message_is_read_without_a_remark(rates: dict[str, float]) -> None:
    """No message is refused, none flagged, no visit lacks a message or is odd."""
    feed = run(seed=11, **rates)

    admissions, visits = folded(feed.sent)
    flags = {flag for root in admissions._roots.values() for _, event in root.told for flag in event.flags}
    flags |= {flag for row, _ in admissions.visits() for flag in row.visit.flags}

    assert (admissions.rejected, flags) == ([], set())
    assert [row.visit.number for row, _ in admissions.visits() if row.visit.gap] == []
    assert len(visits) > 60


@pytest.mark.parametrize("rates", [CLEAN, WIRE | DESK])
def test_who_comes_back_is_found_by_replay(rates: dict[str, float]) -> None:
    """Each coming back in the truth has its verdict in the outcome of a replay, and no other has one."""
    verdicts = {
        "unplanned": "readmit_suspected_unplanned",
        "planned": "readmit_suspected_planned",
        "continued": "same_day_combined",
        "emergency_visit": "ed_revisit",
    }
    feed = run(days=35, seed=8, beds=16, readmissions=0.5, updates=0, **rates)
    lines = [replay.Line(one.at, adt=one.data) for one in feed.sent]

    outcome = replay.replay(lines, feed.sent[-1].at + timedelta(days=1), replay.load())
    expected = {
        (back["of"], visit["visit"]): verdicts[back["kind"]]
        for visit in feed.truth.values()
        # Under a second number that is not merged yet nobody can tell.
        if (back := visit["readmission"]) and visit["survivor"] == feed.truth[back["of"]]["survivor"]
    }

    assert {
        (each["index_visit"], each["visit"]): each["verdict"] for each in outcome["readmissions"]
    } == expected
    assert Counter(expected.values())["readmit_suspected_unplanned"] > 5
