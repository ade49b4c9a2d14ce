"""The person: for each fact the last word in event order, under whatever identifier it was said."""

from datetime import date, timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.admissions.domain.model import AdtEvent, NextOfKin, Phone
from services.admissions.domain.order import order_key
from services.admissions.domain.person import Registers, absorb, alike, combine, person, says_again, without
from tests.admissions.domain.builders import M1, an_event, on, said


def told(at: str, **statements: Any) -> AdtEvent:
    return an_event("A31", at, person=said(**statements))


def heard(*events: AdtEvent) -> Registers:
    registers = Registers()
    for event in events:
        registers = absorb(registers, event)
    return registers


def known(*events: AdtEvent) -> dict[str, Any]:
    return person(heard(*events))


def test_the_last_word_counts() -> None:
    """By event time, not by arrival."""
    married = told("06 09:00", name="TESTCASE, BETA")
    assert known(married, told("05 09:00", name="TESTCASE, ALPHA"))["name"] == "TESTCASE, BETA"


def test_empty_keeps_and_null_deletes() -> None:
    """A field without a word changes nothing."""
    begun = told("05 09:00", name="TESTCASE, ALPHA", birth_date=date(1950, 1, 2), language="en")
    assert known(begun, told("06 09:00", sex="F")) == {
        "name": "TESTCASE, ALPHA", "birth_date": date(1950, 1, 2), "language": "en", "sex": "F"
    }  # fmt: skip
    assert known(begun, told("06 09:00", language=None))["language"] is None


def test_lists_replace_lists() -> None:
    """And a null empties them."""
    first = told("05 09:00", telecom=(Phone("555 0100", "PRN"), Phone("555 0101")))
    second = told("06 09:00", telecom=(Phone("555 0102"),))
    assert [phone.number for phone in known(first, second)["telecom"]] == ["555 0102"]
    assert known(first, told("06 09:00", telecom=None))["telecom"] == ()
    daughter = NextOfKin("TESTCASE, DELTA", "DAU", (Phone("555 0103"),), "es")
    (caregiver,) = known(told("05 09:00", caregivers=(daughter,)))["caregivers"]
    assert (caregiver.name, caregiver.telecom[0].number, caregiver.language) == (
        "TESTCASE, DELTA",
        "555 0103",
        "es",
    )


class TestDeath:
    """PID-29 and PID-30, on any message."""

    def test_with_its_time(self) -> None:
        """Known from the first report on."""
        reports = [told(f"{day} 09:00", dead=True, death_at=on("18 11:00")) for day in (19, 20)]
        death = known(*reports)["death"]
        assert (death.at, death.learned_at) == (on("18 11:00"), on("19 09:01"))

    def test_without_a_time(self) -> None:
        """The event time of the first report, in event order."""
        assert known(told("20 09:00", dead=True), told("19 09:00", dead=True))["death"].at == on("19 09:00")

    def test_the_time_alone_says_it(self) -> None:
        """PID-29 without PID-30."""
        assert known(told("19 09:00", death_at=on("18 11:00")))["death"].at == on("18 11:00")

    @pytest.mark.parametrize("alive", [{"dead": False}, {"dead": None}, {"death_at": None}])
    def test_taken_back(self, alive: dict[str, None]) -> None:
        """Somebody was confused with somebody else."""
        assert "death" not in known(told("19 09:00", dead=True), told("20 09:00", **alive))
        assert "death" in known(told("20 09:00", dead=True), told("19 09:00", **alive))

    def test_a_time_deleted(self) -> None:
        """The death stands, its time is that of the first report; an old mistake lends it none."""
        report, null = told("19 09:00", death_at=on("18 11:00")), told("20 09:00", dead=True, death_at=None)
        assert known(report, null)["death"].at == on("19 09:00")
        alive, again = told("20 09:00", dead=False), told("21 09:00", dead=True)
        assert known(report, alive, again)["death"].at == on("19 09:00")

    def test_a_corrected_time(self) -> None:
        """The last one said."""
        first, second = told("19 09:00", death_at=on("18 11:00")), told("20 09:00", death_at=on("18 10:00"))
        assert known(second, first)["death"].at == on("18 10:00")


def test_nothing_new_is_the_same_object() -> None:
    """So that nobody writes what is there already."""
    event = told("05 09:00", name="TESTCASE, ALPHA", dead=True)
    registers = heard(event)
    assert absorb(registers, event) is registers
    assert absorb(registers, an_event("A08", "06 09:00")) is registers
    assert alike(registers, absorb(registers, told("04 09:00", name="OLD, NAME")))


def test_alike() -> None:
    """The same said later tells nothing new; other words, or a death known earlier, do."""
    begun = heard(told("05 09:00", name="TESTCASE, ALPHA"))
    assert alike(begun, absorb(begun, told("06 09:00", name="TESTCASE, ALPHA")))
    assert not alike(begun, absorb(begun, told("06 09:00", name="TESTCASE, BETA")))
    assert not alike(begun, absorb(begun, told("06 09:00", sex="F")))
    assert not alike(begun, absorb(begun, told("06 09:00", dead=True)))
    assert not alike(None, begun)


def test_one_identifier_alone() -> None:
    """Nothing is copied."""
    registers = heard(told("05 09:00", name="TESTCASE, ALPHA"))
    assert combine(registers) is registers


def test_they_can_be_stored() -> None:
    """As JSON and back."""
    registers = heard(
        told(
            "05 09:00",
            name="TESTCASE, ALPHA",
            birth_date=date(1950, 1, 2),
            sex=None,
            telecom=(Phone("555 0100"),),
        ),
        told("06 09:00", dead=True, death_at=on("05 22:00"), caregivers=(NextOfKin("TESTCASE, DELTA"),)),
    )
    assert msgspec.json.decode(msgspec.json.encode(registers), type=Registers) == registers


_STATEMENTS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["A", "B", None]),
        "birth_date": st.sampled_from([date(1950, 1, 2), date(1951, 1, 2), None]),
        "telecom": st.sampled_from([(Phone("1"),), (Phone("2"), Phone("3")), None]),
        "dead": st.sampled_from([True, False, None]),
        "death_at": st.sampled_from([on("04 09:00"), on("05 10:00"), None]),
    },
)
_EVENTS = st.builds(
    lambda at, arrived, statements: an_event("A31", at, arrived=arrived, person=said(**statements)),
    st.sampled_from(["05 09:00", "06 09:00", "07 09:00"]),
    st.sampled_from(["08 09:00", "09 09:00"]),
    _STATEMENTS,
)


@settings(deadline=None)
@given(st.lists(_EVENTS, max_size=4))
def test_the_order_of_hearing_does_not_matter(events: list[AdtEvent]) -> None:
    """Nor does repetition, nor which identifier a thing was said under."""
    once = heard(*events)
    assert heard(*events, *events) == once
    for shuffled in permutations(events):
        assert heard(*shuffled) == once
        for cut in range(len(events) + 1):
            assert combine(heard(*shuffled[:cut]), heard(*shuffled[cut:])) == once


@settings(deadline=None)
@given(st.lists(_EVENTS, max_size=3), st.lists(_EVENTS, max_size=3), st.lists(_EVENTS, max_size=3))
def test_combining_is_a_semilattice(one: list[AdtEvent], two: list[AdtEvent], three: list[AdtEvent]) -> None:
    """Commutative, associative, idempotent."""
    a, b, c = heard(*one), heard(*two), heard(*three)
    assert combine(a, b) == combine(b, a)
    assert combine(combine(a, b), c) == combine(a, combine(b, c)) == combine(a, b, c)
    assert combine(a, a) == a


@settings(deadline=None)
@given(st.lists(_EVENTS, max_size=4), st.lists(_EVENTS, max_size=3))
def test_words_taken_back(kept: list[AdtEvent], gone: list[AdtEvent]) -> None:
    """Given everything heard, some of it taken back and the rest heard again; then only the rest was ever said."""
    left = without(heard(*kept, *gone), gone)
    for event in kept:
        left = absorb(left, event)
    assert left == heard(*kept)


@settings(max_examples=300, deadline=None)
@given(st.lists(_EVENTS, min_size=1, max_size=4))
def test_the_last_said_again_needs_not_be_absorbed_each_time(events: list[AdtEvent]) -> None:
    """Given what was said last said again twice; then the person is the same, and only the second time is noted."""
    last = max(events, key=order_key)
    once, twice = (
        structs.replace(
            last,
            control_id=f"again {hours}",
            occurred_at=last.occurred_at + timedelta(hours=hours),
            received_at=max(event.received_at for event in events),
        )
        for hours in (1, 2)
    )
    before = heard(*events)
    assert says_again(once, last)
    assert says_again(twice, once)
    assert alike(before, absorb(before, once))
    assert absorb(absorb(before, once), twice) == absorb(before, twice)


@pytest.mark.parametrize(
    "event",
    [
        told("06 09:00", name="B"),
        told("05 09:00", name="A"),
        structs.replace(told("06 09:00", name="A"), received_at=on("04 09:00")),
        structs.replace(told("06 09:00", name="A"), enterprise=M1),
    ],
    ids=["something else", "at the same time", "known earlier", "with an enterprise identifier"],
)
def test_what_is_not_only_said_again(event: AdtEvent) -> None:
    """Given another word, another order or another identifier; then it is absorbed."""
    assert not says_again(event, told("05 09:00", name="A"))


def test_words_that_nobody_took_for_the_last() -> None:
    """Given an event that others had the last word over; then taking it back changes nothing."""
    registers = heard(told("05 09:00", name="A"), told("06 09:00", name="B"))
    assert without(registers, [told("05 10:00", name="C")]) is registers
