"""The state table, cell by cell: rows are states before, columns trigger events."""

import pytest

from services.admissions.domain.model import AdtEvent
from services.admissions.domain.states import applied
from services.admissions.hl7.triggers import TYPES
from tests.admissions.domain.builders import an_event, visit, visits

BEFORE = {
    "none": (),
    "planned": (("A05", "02 08:00"),),
    "registered": (("A04", "05 08:00"),),
    "admitted": (("A01", "05 08:00"),),
    "on_leave": (("A01", "05 08:00"), ("A21", "06 08:00")),
    "discharged": (("A01", "05 08:00"), ("A03", "07 08:00")),
    "cancelled": (("A01", "05 08:00"), ("A11", "06 08:00")),
}

# "=" the state before, "+" an earlier message is missing, "!" a warning; "?" is judged by other rules.
TABLE = """
             A01         A04          A05       A14       A06          A07          A02          A03          A11        A13         A21        A22         A38        A27
none         admitted    registered   planned   planned   admitted+    registered+  admitted+    discharged+  cancelled  admitted+   on_leave+  admitted+   cancelled  cancelled
planned      admitted    registered   =         =         admitted     registered   admitted+    discharged+  cancelled  admitted+   on_leave+  admitted+   cancelled  cancelled
registered   admitted    =            =!        =!        admitted     =            =            discharged   cancelled  =!          =!         =!          =!         =!
admitted     =           =!           =         =         =            registered   =            discharged   cancelled  =           on_leave   =           =!         =!
on_leave     admitted!   =!           =         =         admitted!    registered   admitted!    discharged   cancelled  admitted    =          admitted    =!         =!
discharged   ?           ?            =         =         ?            =!           =            =            cancelled  admitted    =!         =!          =          =
cancelled    admitted    registered   planned   planned   admitted     =            =            =            =          =!          =          =           =          =
"""

CELLS = [
    (before, trigger, word)
    for before, *words in (line.split() for line in TABLE.strip().splitlines()[1:])
    for trigger, word in zip(TABLE.split(), words, strict=False)
    if word != "?"
]


def history(before: str) -> list[AdtEvent]:
    pv1_2 = "E" if before == "registered" else "I"
    return [an_event(trigger, at, pv1_2=pv1_2) for trigger, at in BEFORE[before]]


@pytest.mark.parametrize(("before", "trigger", "word"), CELLS)
def test_cell(before: str, trigger: str, word: str) -> None:
    """The state after the event, whether a predecessor is missing, and whether it is worth a warning."""
    pv1_2 = "E" if before == "registered" and trigger not in {"A01", "A06"} else "I"
    found = visit(*history(before), an_event(trigger, "08 10:00", pv1_2=pv1_2))

    expected = word.strip("=+!") or before
    assert (found.state, found.gap) == (expected, "+" in word)
    assert ("unexpected_event" in found.flags) is ("!" in word)


def test_the_table_is_whole() -> None:
    """Seven states and fourteen events; three cells are judged by other rules."""
    assert len(CELLS) == 7 * 14 - 3


@pytest.mark.parametrize("trigger", ["A08", "A31", "A60", "A54", "A61", "A09", "A10", "A15", "A16", "A20"])
@pytest.mark.parametrize("before", sorted(BEFORE.keys() - {"none"}))
def test_a_known_visit_is_left_as_it_is(before: str, trigger: str) -> None:
    """Updates, tracking and pending moves never change the state of a visit that is known."""
    assert visit(*history(before), an_event(trigger, "08 10:00")).state == before


@pytest.mark.parametrize("trigger", sorted(TYPES.keys() - {"A01", "A02", "A03", "A04", "A05", "A06", "A07", "A08",
                                                           "A11", "A12", "A13", "A14", "A17", "A21", "A22", "A23", "A27",
                                                           "A38", "A52", "A53"}))  # fmt: skip
def test_nothing_else_makes_a_visit(trigger: str) -> None:
    """An A31 above all: its PV1 is often stale."""
    assert visits(an_event(trigger, "08 10:00")) == ()


@pytest.mark.parametrize("trigger", ["A02", "A08"])
@pytest.mark.parametrize(
    ("pv1_2", "pv1_45", "expected"),
    [
        ("I", ..., "admitted"),
        ("B", ..., "admitted"),
        ("E", ..., "registered"),
        ("O", ..., "registered"),
        ("I", "08 09:00", "discharged"),
        ("E", "08 09:00", "discharged"),
    ],
)
def test_first_seen_in_the_middle(trigger: str, pv1_2: str, pv1_45: str, expected: str) -> None:
    """The message's own PV1 shows the state; no handoff, no admission, and the gap is marked."""
    found = visit(an_event(trigger, "08 10:00", pv1_2=pv1_2, pv1_45=pv1_45, pv1_3="ICU", pv1_6="4W"))

    assert (found.state, found.gap, found.transfers, found.admit_learned_at) == (expected, True, (), None)
    assert (found.discharged_at is not None) is (expected == "discharged")


def test_a23_takes_a_visit_back_as_a11_does() -> None:
    """A deleted visit is cancelled, not forgotten."""
    assert visit(*history("admitted"), an_event("A23", "08 10:00")).state == "cancelled"


@pytest.mark.parametrize("before", BEFORE)
def test_a_swap_is_a_transfer(before: str) -> None:
    """A17 does to each of its two visits what an A02 does, in every state."""
    swap, transfer = (an_event(trigger, "08 10:00", pv1_3="ICU", control="1") for trigger in ("A17", "A02"))
    assert visit(*history(before), swap) == visit(*history(before), transfer)


def test_a_swap_hands_over() -> None:
    """Two patients who exchange beds of two units are handed over; an A12 takes it back."""
    ward = an_event("A01", "05 08:00", pv1_3="4W")
    swap = an_event("A17", "06 10:00", pv1_3="ICU")
    (move,) = visit(ward, swap).transfers
    assert (move.trigger, move.origin.unit, move.destination.unit) == ("A02", "4W", "ICU")
    assert visit(ward, swap, an_event("A12", "06 11:00", pv1_3="4W")).transfers == ()


@pytest.mark.parametrize(
    "trigger",
    ["A18", "A24", "A30", "A34", "A35", "A36", "A37", "A40", "A41", "A42", "A43", "A44", "A45", "A46", "A47", "A48", "A49",
     "A50", "A51", "A09", "A10", "A15", "A16", "A20", "A25", "A26", "A28", "A29", "A32", "A33", "A60", "A61", "A62"],
)  # fmt: skip
@pytest.mark.parametrize("before", sorted(BEFORE.keys() - {"none"}))
def test_what_leaves_a_visit_exactly_as_it_is(before: str, trigger: str) -> None:
    """Whatever their PV1 says: merges and moves tell whose a visit is and how it is called, the others nothing."""
    told = an_event(trigger, "08 10:00", pv1_2="E", pv1_3="ICU", pv1_36="03", pv1_45="08 09:00")
    assert visit(*history(before), told) == visit(*history(before))


def test_everything_is_applied() -> None:
    """No trigger of table 0003 waits for a later version."""
    assert [trigger for trigger in TYPES if not applied(trigger)] == []
    assert not applied("Z99")
