"""Almost everything refused: the line stands, and goes on when that has an end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admissions.line import Line, LineStopped


def run(line: Line, *batches: tuple[int, int]) -> list[bool]:
    """Batches of (messages, refused) one after the other; tells of each whether it stopped the line."""
    stopped = []
    for read, refused in batches:
        try:
            line.judge(read, ["not_hl7"] * refused)
        except LineStopped:
            stopped.append(True)
        else:
            line.passed(read, refused)
            stopped.append(False)
    return stopped


@pytest.mark.parametrize(
    ("batches", "stopped"),
    [
        ([(200, 190)], [True]),
        ([(200, 189)], [False]),
        ([(199, 199)], [False]),  # too few to tell
        ([(100, 100), (100, 100)], [False, True]),
        ([(1000, 0), (100, 100), (100, 100), (100, 100)], [False, False, False, True]),
        ([(150, 150), (50, 50), (50, 0), (50, 50)], [False, True, False, False]),
        ([(150, 150), (50, 0), (200, 0), (50, 50)], [False, False, False, False]),
    ],
)
def test_the_line_stops_at_a_share_of_refused_ones(batches: list[tuple[int, int]], stopped: list[bool]):
    """19 of 20 among the latest 200; a batch that stopped it counts when it comes again, and not twice."""
    assert run(Line(0.95, 200), *batches) == stopped


def test_everything_passes_where_that_is_asked_for():
    """A share of 1 never stops anything."""
    assert run(Line(1, 20), (100, 100), (1000, 1000)) == [False, False]


def test_the_sentence_says_what_to_do_and_no_value():
    """How many, why, and the two ways out."""
    line = Line(0.95, 200)
    with pytest.raises(
        LineStopped, match="200 of the latest 200 messages were refused, most of them as not_adt"
    ):
        line.judge(200, ["not_adt"] * 150 + ["not_hl7"] * 50)

    assert "BATON_POISON_SHARE=1" in (line.stopped or "")
    line.judge(200, [])
    assert line.stopped is None


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 50)).map(lambda t: (max(t), min(t))), max_size=60)
)
def test_a_line_that_runs_has_passed_what_it_counts(batches: list[tuple[int, int]]):
    """The window never holds less than it should, nor a whole batch more."""
    line = Line(1, 100)
    run(line, *batches)
    kept = [read for read, _ in line._passed]

    assert line._read == sum(kept)
    assert sum(kept) >= min(100, sum(read for read, _ in batches))
    assert sum(kept[1:]) < 100
