"""Whom to call next, from literals."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.worklist import pages_list
from services.worklist.views import Choice, Choices, Filters, Hours, Item, Taken

NOW = datetime(2026, 1, 12, 15, 12, tzinfo=UTC)
OPEN = Hours(zone="America/New_York", start="08:00", end="20:00", open=True)
SHUT = Hours(zone="America/Los_Angeles", start="08:00", end="20:00", open=False)


def item(minutes: int, **more: Any) -> Item:
    said: dict[str, Any] = {
        "deadline_id": UUID(int=minutes + 10_000), "case": "CAAAAAAA", "patient_id": UUID(int=1), "kind": "call_72h",
        "status": "pending", "due_at": NOW + timedelta(minutes=minutes), "overdue": minutes <= 0, "late_known": False,
        "provisional": False, "severity": "P2", "because": "Because.", "team": "t", "facility": "MERCY", "unit": "4W",
        "programme": None, "name": "Testcase, Alpha", "number": "1", "birth_date": None, "language": None,
        "visit_number": "V1", "taken": None, "hours": OPEN, "source": "d:1",
    }  # fmt: skip
    return Item(**said | more)


RAY = Taken(by="rn.ray", until=NOW + timedelta(minutes=20))
ANN = Taken(by="rn.ann", until=NOW + timedelta(minutes=20))


@pytest.mark.parametrize(
    ("items", "at", "why"),
    [
        ([item(20), item(60)], 0, "20 min left; the least time left of all; call until 20:00, now 10:12 there."),
        ([item(20, taken=RAY), item(60)], 1,
         "1 h left; before it on the list: 1 held by others; call until 20:00, now 10:12 there."),
        ([item(20, taken=ANN, attempts=1), item(60)], 0,
         "20 min left; you have it; one attempt so far; the least time left of all; call until 20:00, now 10:12 there."),
        ([item(20, hours=SHUT), item(60, hours=SHUT, kind="handoff_ack_unit")], 1,
         "1 h left; before it on the list: 1 may not be called yet."),
        ([item(-9000, late_known=True), item(-5), item(60)], 1,
         "5 min overdue; before it on the list: 1 late when learned; call until 20:00, now 10:12 there."),
        ([item(-9000, late_known=True)], 0,
         "6 days 6 h overdue; the least time left of all; call until 20:00, now 10:12 there."),
    ],
)  # fmt: skip
def test_whom_to_call_next_and_why(items: list[Item], at: int, why: str):
    """The first whom nobody else holds and the hour allows; staff may be called always; late-known work comes after."""
    found = pages_list.to_call(items, "rn.ann")

    assert found is items[at]
    assert pages_list.why(found, items, "rn.ann", NOW) == why


@pytest.mark.parametrize("items", [[], [item(20, taken=RAY)], [item(20, hours=SHUT)]])
def test_nobody_to_call(items: list[Item]):
    """Nobody is proposed where all are held, or none may be called yet."""
    assert pages_list.to_call(items, "rn.ann") is None


def test_the_address_holds_what_was_chosen_and_no_name():
    """The filters are the address; what was searched for is not."""
    filters = Filters(unit="5 North & West", overdue=True, q="testcase alpha")

    assert pages_list.address(filters, "number1") == "/?unit=5+North+%26+West&overdue=true&search=number1"


def test_a_word_that_no_item_has_any_more_stays_chosen():
    """Given a filter whose last item is done, then it can still be seen, and taken away."""
    choices = Choices(teams=(), units=(Choice(value="ICU", items=2),), facilities=(), kinds=(), programmes=())
    unit = next(each for each in pages_list.picks(choices, Filters(unit="4W")) if each.name == "unit")

    assert [(each.value, each.items) for each in unit.values] == [("ICU", 2), ("4W", None)]
