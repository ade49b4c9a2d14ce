"""Who stands for whom: chains, circles, repetitions, in any order of hearing."""

from collections.abc import Iterable, Mapping
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.admissions.domain.identity import (
    ALREADY_RETIRED,
    CYCLE,
    MERGES,
    MergeFact,
    merge_facts,
    survivors,
)
from services.admissions.domain.model import AdtEvent, PatientKey
from tests.admissions.domain.builders import M1, M2, M3, an_event

A, B, C, D = (PatientKey("HOSPA", "MR", name) for name in "ABCD")


def merge(retired: PatientKey, surviving: PatientKey, at: str, trigger: str = "A40") -> AdtEvent:
    return an_event(trigger, at, patient=surviving, prior_patient=retired, visit=None)


def facts(events: Iterable[AdtEvent]) -> list[MergeFact]:
    return [fact for event in events for fact in merge_facts(event)]


def resolved(
    *events: AdtEvent,
) -> tuple[Mapping[PatientKey, PatientKey], list[tuple[PatientKey, PatientKey, str]]]:
    """Who stands for whom, and the merges refused; the same in every order, with repetitions."""
    expected = survivors(facts(events))
    for shuffled in permutations(events):
        assert survivors(facts([*shuffled, *shuffled]))[0] == expected[0]
        assert survivors(facts(shuffled)) == expected
    who, refused = expected
    return who, [(fact.retired, fact.surviving, reason) for fact, reason in refused]


@pytest.mark.parametrize("trigger", sorted(MERGES))
def test_a_merge(trigger: str) -> None:
    """MRG-1 folds into PID-3; so do the events that A40 replaced."""
    assert resolved(merge(M1, M2, "12 08:00", trigger)) == ({M1: M2}, [])


def test_a_chain() -> None:
    """Everybody stands for the last."""
    assert resolved(merge(A, B, "12 08:00"), merge(B, C, "13 08:00")) == ({A: C, B: C}, [])


def test_a_chain_from_its_end() -> None:
    """B was retired into C before A came to B."""
    assert resolved(merge(B, C, "12 08:00"), merge(A, B, "13 08:00")) == ({A: C, B: C}, [])


def test_back_again() -> None:
    """The second one would close a circle."""
    assert resolved(merge(A, B, "12 08:00"), merge(B, A, "13 08:00")) == ({A: B}, [(B, A, CYCLE)])


def test_a_longer_circle() -> None:
    """Refused where it closes."""
    chain = merge(A, B, "12 08:00"), merge(B, C, "13 08:00"), merge(C, A, "14 08:00")
    assert resolved(*chain) == ({A: C, B: C}, [(C, A, CYCLE)])


def test_retired_into_two() -> None:
    """Who is retired cannot be retired into somebody else; a person decides."""
    assert resolved(merge(A, B, "12 08:00"), merge(A, C, "13 08:00")) == ({A: B}, [(A, C, ALREADY_RETIRED)])


def test_said_twice() -> None:
    """In two messages, or of somebody joined in the meantime: nothing to refuse."""
    assert resolved(merge(A, B, "12 08:00"), merge(A, B, "13 08:00")) == ({A: B}, [])
    chain = merge(A, B, "12 08:00"), merge(B, C, "13 08:00"), merge(A, C, "14 08:00")
    assert resolved(*chain) == ({A: C, B: C}, [])


@pytest.mark.parametrize(
    "event",
    [
        merge(M1, M1, "12 08:00"),
        merge(M1, M2, "12 08:00", "A06"),
        merge(M1, M2, "12 08:00", "A47"),
        merge(M1, M2, "12 08:00", "A24"),
        an_event("A40", "12 08:00", prior_patient=None),
        an_event("A40", "12 08:00", patient=None, prior_patient=M3),
    ],
)
def test_what_merges_nobody(event: AdtEvent) -> None:
    """Oneself, a change of class, a re-label, a link, half a merge."""
    assert merge_facts(event) == ()


_MERGES = st.builds(
    merge,
    st.sampled_from([A, B, C, D]),
    st.sampled_from([A, B, C, D]),
    st.sampled_from(["12 08:00", "13 08:00", "14 08:00"]),
)


@settings(deadline=None)
@given(st.lists(_MERGES, max_size=5))
def test_any_order_gives_the_same(merges: list[AdtEvent]) -> None:
    """Nobody stands for somebody who is retired; every merge is done or refused."""
    who, refused = survivors(facts(merges))
    for shuffled in permutations(merges):
        assert survivors(facts(shuffled)) == (who, refused)
    assert not set(who.values()) & set(who)
    assert {fact.event_id for fact, _ in refused} <= {event.event_id for event in merges}
    for fact in facts(merges):
        done = who.get(fact.retired, fact.retired) == who.get(fact.surviving, fact.surviving)
        assert done or fact in {refusal for refusal, _ in refused}
