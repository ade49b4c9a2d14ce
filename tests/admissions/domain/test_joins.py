"""Which visit numbers mean one visit, and whose visit it is."""

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.admissions.domain.joins import Group, account_move, groups, joins, reported_by
from services.admissions.domain.model import AdtEvent, PatientKey, VisitKey
from tests.admissions.domain.builders import M1, M2, M3, an_event
from tests.admissions.domain.histories import LONG

V1, V2, V3, V4 = (VisitKey("HOSPA", f"V{number}") for number in range(1, 5))
ACC1, ACC2 = (VisitKey("HOSPA", f"ACC{number}") for number in (1, 2))


def visit_merge(retired: VisitKey, surviving: VisitKey, at: str, trigger: str = "A42") -> AdtEvent:
    return an_event(trigger, at, visit=surviving, prior_visit=retired)


def account_merge(retired: VisitKey, surviving: VisitKey, at: str, trigger: str = "A41") -> AdtEvent:
    return an_event(trigger, at, visit=surviving, account=surviving, prior_account=retired)


def admitted(visit: VisitKey, at: str, **fields: Any) -> AdtEvent:
    return an_event("A01", at, visit=visit, **fields)


def _grouped(events: Sequence[AdtEvent]) -> tuple[Group, ...]:
    facts = [fact for event in events for fact in joins(event)]
    by_number: dict[VisitKey, list[AdtEvent]] = {
        key: [] for fact in facts for key in (fact.retired, fact.surviving)
    }
    for event in events:
        if event.visit is not None:
            by_number.setdefault(event.visit, []).append(event)
    return groups(facts, by_number)


def grouped(*events: AdtEvent) -> dict[VisitKey, tuple[VisitKey, Mapping[VisitKey, VisitKey]]]:
    """For each number that stands its owner and the rows of the retired; the same in every order."""
    expected = _grouped(events)
    for shuffled in permutations(events):
        assert _grouped(shuffled) == expected
    return {group.named: (group.owner, group.retired) for group in expected}


class TestVisits:
    """A42, A50, and a new number at the change of class."""

    def test_merged(self) -> None:
        """The surviving visit goes on; the other's row is folded."""
        events = admitted(V1, "05 08:00"), admitted(V2, "05 08:05"), visit_merge(V1, V2, "05 09:00")
        assert grouped(*events) == {V2: (V2, {V1: V1})}

    @pytest.mark.parametrize("trigger", ["A50", "A06", "A07", "A45"])
    def test_another_number(self, trigger: str) -> None:
        """What is known of the visit goes on under the new number; the old number keeps a row that says so."""
        events = (
            admitted(V1, "05 08:00"),
            visit_merge(V1, V2, "05 09:00", trigger),
            an_event("A08", "05 10:00", visit=V2),
        )
        assert grouped(*events) == {V2: (V1, {V1: V2})}

    def test_to_a_number_in_use(self) -> None:
        """Two visits that turn out to be one: merged."""
        events = admitted(V1, "05 08:00"), admitted(V2, "05 08:05"), visit_merge(V1, V2, "05 09:00", "A50")
        assert grouped(*events) == {V2: (V2, {V1: V1})}

    @pytest.mark.parametrize("again", [(V2, V1), (V1, V3), (V1, V2)])
    def test_another_number_said_again(self, again: tuple[VisitKey, VisitKey]) -> None:
        """Of numbers that are one visit already nothing new is said: above all it does not go round in a circle."""
        chain = visit_merge(V1, V2, "05 09:00", "A50"), visit_merge(V2, V3, "05 10:00", "A50")
        assert grouped(*chain, visit_merge(*again, "05 11:00", "A50")) == {V3: (V1, {V1: V3, V2: V2})}

    def test_a_chain(self) -> None:
        """To the last; what was renamed on the way owns what it was."""
        events = (
            admitted(V1, "05 08:00"),
            visit_merge(V1, V2, "05 09:00", "A50"),
            admitted(V3, "05 08:30"),
            visit_merge(V2, V3, "05 10:00"),
        )
        assert grouped(*events) == {V3: (V3, {V1: V1, V2: V2})}

    def test_a_circle(self) -> None:
        """Refused where it closes."""
        events = visit_merge(V1, V2, "05 09:00"), visit_merge(V2, V1, "05 10:00")
        assert grouped(*events) == {V2: (V2, {V1: V1})}

    def test_into_itself(self) -> None:
        """Nothing."""
        assert grouped(admitted(V1, "05 08:00"), visit_merge(V1, V1, "05 09:00")) == {V1: (V1, {})}

    @pytest.mark.parametrize("trigger", ["A40", "A44", "A51", "A08", "A01"])
    def test_what_joins_nothing(self, trigger: str) -> None:
        """Whatever stands in MRG."""
        assert joins(visit_merge(V1, V2, "05 09:00", trigger)) == ()


class TestAccounts:
    """A41, A35, A36 and A49 concern visits only where the account is all that names them."""

    @pytest.mark.parametrize("trigger", ["A41", "A35", "A36"])
    def test_merged(self, trigger: str) -> None:
        """A feed without PV1-19 knows its visits by PID-18."""
        events = admitted(ACC1, "05 08:00", account=ACC1), account_merge(ACC1, ACC2, "05 09:00", trigger)
        assert grouped(*events) == {ACC2: (ACC2, {ACC1: ACC1})}

    @pytest.mark.parametrize("trigger", ["A49", "A06"])
    def test_another_number(self, trigger: str) -> None:
        """The same visit."""
        events = admitted(ACC1, "05 08:00", account=ACC1), account_merge(ACC1, ACC2, "05 09:00", trigger)
        assert grouped(*events) == {ACC2: (ACC1, {ACC1: ACC2})}

    def test_a_visit_number_that_looks_alike(self) -> None:
        """Is no account: it has one of its own."""
        events = admitted(ACC1, "05 08:00", account=V4), account_merge(ACC1, ACC2, "05 09:00")
        assert grouped(*events) == {ACC1: (ACC1, {}), ACC2: (ACC2, {})}


def told_of(patient: PatientKey, at: str, trigger: str = "A08", **fields: Any) -> tuple[PatientKey, AdtEvent]:
    return patient, an_event(trigger, at, patient=patient, **fields)


def moved(patient: PatientKey, account: VisitKey, at: str) -> tuple[PatientKey, Any]:
    return patient, account_move(an_event("A44", at, patient=patient, prior_account=account))


class TestWhose:
    """The visit belongs to whom was named last."""

    def test_by_recording(self) -> None:
        """A discharge time typed a year ahead does not hold the visit with the wrong patient."""
        ahead = told_of(M1, "2027-01-09 15:00", "A03", recorded="09 15:02")
        assert reported_by([ahead, told_of(M2, "09 15:30")]) == M2

    def test_an_a31_names_nobody(self) -> None:
        """It speaks of the person."""
        assert reported_by([told_of(M1, "05 08:00", "A01"), told_of(M2, "05 09:00", "A31")]) == M1
        assert reported_by([told_of(M2, "05 09:00", "A31")]) is None

    def test_a_moved_visit(self) -> None:
        """A45 names the patient it goes to; an update before it under the old one changes nothing."""
        events = told_of(M1, "05 08:00", "A01"), told_of(M2, "05 10:00", "A45"), told_of(M1, "05 09:00")
        assert reported_by(events) == M2

    def test_a_moved_account(self) -> None:
        """Its visits go along, those of other accounts stay."""
        move = moved(M2, ACC1, "05 10:00")
        assert reported_by([told_of(M1, "05 08:00", account=ACC1)], [move]) == M2
        assert reported_by([told_of(M1, "05 08:00", account=ACC2)], [move]) == M1
        assert reported_by([told_of(M1, "05 08:00")], [move]) == M1

    def test_a_visit_that_had_left_the_account(self) -> None:
        """Was another account's by then; one that comes to it later speaks for itself."""
        before = told_of(M1, "05 08:00", account=ACC1), told_of(M1, "05 09:00", account=ACC2)
        assert reported_by(before, [moved(M2, ACC1, "05 10:00")]) == M1
        assert reported_by([told_of(M1, "05 11:00", account=ACC1)], [moved(M2, ACC1, "05 10:00")]) == M1

    def test_told_otherwise_since(self) -> None:
        """The last word counts."""
        events = told_of(M1, "05 08:00", account=ACC1), told_of(M3, "05 11:00", account=ACC1)
        assert reported_by(events, [moved(M2, ACC1, "05 10:00")]) == M3


_JOIN = st.builds(
    visit_merge,
    st.sampled_from([V1, V2, V3, V4]),
    st.sampled_from([V1, V2, V3, V4]),
    st.sampled_from(["05 08:00", "05 09:00", "05 10:00"]),
    st.sampled_from(["A42", "A50", "A06"]),
)
_OTHER = st.builds(admitted, st.sampled_from([V1, V2, V3, V4]), st.sampled_from(["05 07:00", "05 09:30"]))


@settings(deadline=None, max_examples=1000 if LONG else 50)
@given(st.lists(_JOIN | _OTHER, max_size=6 if LONG else 5))
def test_any_order_gives_the_same(events: list[AdtEvent]) -> None:
    """Every number has one row, and the row of a visit is nobody else's."""
    expected = _grouped(events)
    for shuffled in permutations(events):
        assert _grouped(shuffled) == expected
    numbers = [number for group in expected for number in (group.named, *group.retired)]
    rows = [row for group in expected for row in (group.owner, *group.retired.values())]
    assert sorted(numbers) == sorted(set(numbers)) == sorted(rows)
