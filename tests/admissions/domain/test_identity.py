"""Who stands for whom: chains, circles, repetitions, in any order of hearing."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.admissions.domain.identity import (
    ALREADY_RETIRED,
    CONFLICT,
    CYCLE,
    INTO_ITSELF,
    MERGES,
    RENAMES,
    UNDONE,
    MergeFact,
    Undo,
    merge_facts,
    people,
)
from services.admissions.domain.model import AdtEvent, PatientKey
from tests.admissions.domain.builders import M1, M2, M3, an_event, on

A, B, C, D = (PatientKey("HOSPA", "MR", name) for name in "ABCD")
OTHER = PatientKey("HOSPB", "MR", "A")
E1, E2 = (PatientKey("REGION", "EI", name) for name in ("1", "2"))


def merge(retired: PatientKey, surviving: PatientKey, at: str, trigger: str = "A40") -> AdtEvent:
    return an_event(trigger, at, patient=surviving, prior_patient=retired, visit=None)


def facts(events: Iterable[AdtEvent]) -> list[MergeFact]:
    return [fact for event in events for fact in merge_facts(event)]


def resolved(
    *events: AdtEvent,
    first: Mapping[PatientKey, datetime] | None = None,
    undone: Sequence[Undo] = (),
) -> tuple[Mapping[PatientKey, PatientKey], list[tuple[PatientKey, PatientKey, str]]]:
    """Who stands for whom, and the merges refused; the same in every order, with repetitions."""
    expected = people(facts(events), first=first, undone=undone)
    for shuffled in permutations(events):
        assert people(facts([*shuffled, *shuffled]), first=first, undone=undone).records == expected.records
        assert people(facts(shuffled), first=first, undone=undone) == expected
    return expected.records, [(fact.retired, fact.surviving, reason) for fact, reason in expected.refused]


def persons(
    *events: AdtEvent, enterprise: Mapping[PatientKey, PatientKey] | None = None
) -> Mapping[PatientKey, PatientKey]:
    """Under whose identifier each one's person is kept."""
    expected = people(facts(events), enterprise=enterprise).persons
    for shuffled in permutations(events):
        assert people(facts(shuffled), enterprise=enterprise).persons == expected
    return expected


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
        merge(M1, M1, "12 08:00", "A36"),
        merge(M1, M1, "12 08:00", "A43"),
        merge(M1, M1, "12 08:00", "A47"),
        merge(M1, M2, "12 08:00", "A06"),
        merge(M1, M2, "12 08:00", "A44"),
        an_event("A40", "12 08:00", prior_patient=None),
        an_event("A40", "12 08:00", patient=None, prior_patient=M3),
    ],
)
def test_what_merges_nobody(event: AdtEvent) -> None:
    """Two accounts of one patient, a change of class, a moved account, half a merge."""
    assert merge_facts(event) == ()


def test_into_itself() -> None:
    """Refused, and nobody is the worse for it."""
    assert resolved(merge(A, A, "12 08:00"), merge(A, B, "13 08:00")) == ({A: B}, [(A, A, INTO_ITSELF)])


class TestMoves:
    """A43 takes an identifier with all that is under it to another patient."""

    def test_to_another_identifier(self) -> None:
        """As a merge does."""
        assert resolved(merge(A, B, "12 08:00", "A43")) == ({A: B}, [])


class TestRenames:
    """A46, A47 and A48 re-label one identifier; they never make two people one."""

    @pytest.mark.parametrize("trigger", sorted(RENAMES))
    def test_to_a_new_one(self, trigger: str) -> None:
        """The old one is followed, whatever comes under it later."""
        assert resolved(merge(A, B, "12 08:00", trigger), first={B: on("13 08:00")}) == ({A: B}, [])

    def test_to_one_that_somebody_has(self) -> None:
        """A conflict; it waits for a person (trap 15)."""
        assert resolved(merge(A, B, "12 08:00", "A47"), first={B: on("11 08:00")}) == ({}, [(A, B, CONFLICT)])

    def test_then_merged(self) -> None:
        """A chain like any other."""
        assert resolved(merge(A, B, "12 08:00", "A47"), merge(B, C, "13 08:00")) == ({A: C, B: C}, [])


class TestLinks:
    """A24 says that two records are one person's, A37 that they are not."""

    def test_linked(self) -> None:
        """One person, under the lesser identifier; neither record is retired."""
        link = merge(OTHER, A, "12 08:00", "A24")
        assert persons(link) == {OTHER: A}
        assert resolved(link) == ({}, [])

    def test_whichever_comes_first_in_the_message(self) -> None:
        """The pair counts, not its order."""
        assert persons(merge(A, OTHER, "12 08:00", "A24")) == {OTHER: A}

    def test_unlinked(self) -> None:
        """Two again, said either way round; linked once more, one."""
        link, unlink = merge(OTHER, A, "12 08:00", "A24"), merge(A, OTHER, "13 08:00", "A37")
        assert persons(link, unlink) == {}
        assert persons(link, unlink, merge(OTHER, A, "14 08:00", "A24")) == {OTHER: A}

    def test_unlinked_before(self) -> None:
        """What is older undoes nothing, and unlinking strangers does nothing."""
        assert persons(merge(A, OTHER, "11 08:00", "A37"), merge(OTHER, A, "12 08:00", "A24")) == {OTHER: A}
        assert persons(merge(A, B, "11 08:00", "A37")) == {}

    def test_of_a_merged_record(self) -> None:
        """The link follows the record to its survivor."""
        assert persons(merge(B, OTHER, "12 08:00", "A24"), merge(B, C, "13 08:00")) == {B: C, OTHER: C}

    def test_an_unlink_does_not_undo_a_merge(self) -> None:
        """Only a link."""
        assert resolved(merge(A, B, "12 08:00"), merge(A, B, "13 08:00", "A37")) == ({A: B}, [])


class TestEnterprise:
    """Two hospitals' patients with one enterprise identifier are one person."""

    def test_shared(self) -> None:
        """The person is kept under a hospital's number, never under the enterprise identifier."""
        assert persons(enterprise={A: E1, OTHER: E1}) == {OTHER: A, E1: A}

    def test_alone(self) -> None:
        """It stands for its only patient."""
        assert persons(enterprise={A: E1, B: E2}) == {E1: A, E2: B}

    def test_with_merges_and_links(self) -> None:
        """All of it together."""
        found = persons(
            merge(A, B, "12 08:00"), merge(C, D, "12 09:00", "A24"), enterprise={A: E1, OTHER: E1, D: E1}
        )
        assert found == {A: B, C: B, D: B, OTHER: B, E1: B}


class TestUndone:
    """An operator says that a merge was wrong."""

    undo = Undo(A, B, on("14 08:00"))

    def test_comes_apart(self) -> None:
        """Every telling of it until then is void."""
        told = merge(A, B, "12 08:00"), merge(A, B, "13 08:00")
        assert resolved(*told, undone=[self.undo]) == ({}, [(A, B, UNDONE), (A, B, UNDONE)])

    def test_merged_again(self) -> None:
        """What the hospital says afterwards counts."""
        told = merge(A, B, "12 08:00"), merge(A, B, "15 08:00")
        assert resolved(*told, undone=[self.undo]) == ({A: B}, [(A, B, UNDONE)])

    def test_frees_the_way(self) -> None:
        """A merge that was refused because of it is done now."""
        told = merge(A, B, "12 08:00"), merge(A, C, "13 08:00")
        assert resolved(*told, undone=[self.undo]) == ({A: C}, [(A, B, UNDONE)])

    def test_of_a_link(self) -> None:
        """Likewise; an unlink stays."""
        link = merge(A, B, "12 08:00", "A24")
        assert people(facts([link]), undone=[self.undo]).persons == {}


_MERGES = st.builds(
    merge,
    st.sampled_from([A, B, C, D]),
    st.sampled_from([A, B, C, D]),
    st.sampled_from(["12 08:00", "13 08:00", "14 08:00"]),
    st.sampled_from(["A40", "A40", "A43", "A47", "A24", "A37"]),
)
_FIRST = st.dictionaries(
    st.sampled_from([A, B, C, D]),
    st.sampled_from(["11 08:00", "13 08:00", "15 08:00"]).map(on),
)
_ENTERPRISE = st.dictionaries(st.sampled_from([A, B, C, D]), st.sampled_from([E1, E2]))
_UNDONE = st.lists(
    st.builds(Undo, st.sampled_from([A, B]), st.sampled_from([B, C]), st.just(on("13 09:00"))), max_size=2
)


@settings(deadline=None)
@given(st.lists(_MERGES, max_size=5), _FIRST, _ENTERPRISE, _UNDONE)
def test_any_order_gives_the_same(
    merges: list[AdtEvent],
    first: dict[PatientKey, datetime],
    enterprise: dict[PatientKey, PatientKey],
    undone: list[Undo],
) -> None:
    """Nobody stands for somebody who is retired; every merge is done or refused."""
    found = people(facts(merges), first=first, enterprise=enterprise, undone=undone)
    for shuffled in permutations(merges):
        assert people(facts(shuffled), first=first, enterprise=enterprise, undone=undone) == found
    who, refused = found.records, {fact for fact, _ in found.refused}
    assert not set(who.values()) & set(who)
    assert not set(found.persons.values()) & set(found.persons)
    assert refused <= set(facts(merges))
    for fact in facts(merges):
        if fact.kind in ("merged", "renamed"):
            done = who.get(fact.retired, fact.retired) == who.get(fact.surviving, fact.surviving)
            assert done or fact in refused
