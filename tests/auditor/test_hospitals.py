"""Two readings of the rules come to the same alerts, for whole hospitals at work."""

import os
from datetime import timedelta

import pytest

from baton import replay
from tests.auditor.compare import differences
from tests.auditor.hospital import START, TIDY, UNTIDY, history

SEEDS = range(1, 1 + int(os.environ.get("BATON_AUDIT_SEEDS", "2")))
"""More of them on request: BATON_AUDIT_SEEDS=200."""


@pytest.mark.parametrize("rates", [TIDY, UNTIDY], ids=["tidy", "untidy"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_hospital_is_alerted_of_what_the_audit_expects(seed: int, rates: dict[str, float]) -> None:
    """Given three weeks of a hospital and its people, when both compute the alerts, then they agree."""
    lines = history(seed, beds=20, days=20, **rates)
    until = START + timedelta(days=24)

    outcome = replay.replay(lines, until, replay.load())

    assert len(outcome["alerts"]) > 100
    assert differences(lines, until, outcome) == []


@pytest.mark.parametrize(
    "label",
    [
        "transitions-of-care@1",
        "transitions-of-care+paediatric+hedis-trc+behavioural-health+skilled-nursing",
    ],
)
def test_versions_and_layers_are_read_alike(label: str) -> None:
    """Given an older version, or layers over the present one, when both compute the alerts, then they agree."""
    lines = history(7, beds=12, days=12, **UNTIDY)
    until = START + timedelta(days=34)

    outcome = replay.replay(lines, until, replay.load(label))

    assert len(outcome["alerts"]) > 100
    assert differences(lines, until, outcome, label) == []


def test_a_readmission_that_a_merge_brings_to_light_is_known_since_the_merge() -> None:
    """Given a hospital that merges records, when a merge makes two stays one person's, then it is alerted as of the merge."""
    lines = history(2, beds=20, days=20, merges=0.05, withdrawals=0.1)
    until = START + timedelta(days=24)

    assert differences(lines, until, replay.replay(lines, until, replay.load())) == []
