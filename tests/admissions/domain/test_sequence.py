"""Histories in perfect order end where the table says, walked cell by cell."""

from typing import Final

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from tests.admissions.domain.builders import an_event, visits
from tests.admissions.domain.test_states import CELLS

NEXT: Final = {(before, trigger): word.strip("=+!") or before for before, trigger, word in CELLS}
GAPS: Final = {(before, trigger) for before, trigger, word in CELLS if "+" in word}
COLUMNS: Final = sorted({trigger for _, trigger in NEXT})


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=8), st.sampled_from(["I", "E"]))
def test_as_the_table_says(triggers: list[str], pv1_2: str) -> None:
    """Each message recorded as it happens, one class throughout, no PV1-44; the last state and the gap agree."""
    state, gap, planned = "none", False, False
    for trigger in triggers:
        # An admission of a discharged visit has its own rules; a cancelled plan leaves what came after it bare.
        assume((state, trigger) in NEXT)
        assume(not (planned and trigger in {"A38", "A27"} and state not in {"planned", "cancelled"}))
        # A discharge of a cancelled plan is nobody's.
        assume((state, trigger) != ("cancelled", "A03"))
        # A cell for class I: what is seen first by an A02 of another class is registered.
        gap |= (state, trigger) in GAPS
        if trigger == "A11" and state != "none":
            gap, planned = False, False
        back = (state, trigger) == ("discharged", "A13") or (state, trigger) == ("none", "A02")
        state = "registered" if back and pv1_2 == "E" else NEXT[state, trigger]
        planned |= trigger in {"A05", "A14"}

    events = [
        an_event(trigger, f"{n + 5:02} 08:00", pv1_2=pv1_2, pv1_44=UNSET)
        for n, trigger in enumerate(triggers)
    ]
    (found,) = visits(*events)
    assert found.state == state
    if "A11" not in triggers:
        assert found.gap == (gap and not {"A01", "A04"} & set(triggers))
