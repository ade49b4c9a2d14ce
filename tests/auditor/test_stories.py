"""Two readings of the rules come to the same alerts, in every story of tests/baton/scenarios."""

import re

import pytest

from baton import replay
from services.auditor.domain.stay import NOT_FOLLOWED
from tests.auditor.compare import differences
from tests.baton.stories import Story, stories

# Swaps, links, moves and re-labels are what the audit leaves out, and says so.
LEFT_OUT = re.compile(rb"\|ADT\^(" + "|".join(NOT_FOLLOWED).encode() + rb")\b")
STORIES = [
    story for story in stories() if not any(LEFT_OUT.search(line.adt or b"") for line in story.lines())
]


@pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])
def test_the_audit_expects_what_the_system_alerts(story: Story) -> None:
    """Given a story, when both compute its alerts, then they agree on kind, visit, times and ending."""
    lines = story.lines()

    assert differences(lines, story.until, replay.replay(lines, story.until, replay.load())) == []
