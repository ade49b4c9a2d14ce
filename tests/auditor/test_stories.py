"""Two readings of the rules come to the same alerts, in every story of tests/baton/scenarios."""

import re
from datetime import timedelta

import pytest

from baton import replay
from services.auditor.domain.walk import NOT_FOLLOWED
from tests.auditor.compare import differences
from tests.baton.stories import Story, stories

# Swaps, links, moves and re-labels are what the audit leaves out, and says so.
LEFT_OUT = re.compile(rb"\|ADT\^(" + "|".join(NOT_FOLLOWED).encode() + rb")\b")
STORIES = [
    story for story in stories() if not any(LEFT_OUT.search(line.adt or b"") for line in story.lines())
]


@pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])
def test_the_audit_expects_what_the_system_alerts(story: Story) -> None:
    """Given a story and the month after it, when both compute its alerts, then they agree on kind, severity, visit, times
    and ending.
    """
    lines, until = story.lines(), story.until + timedelta(days=31)

    assert differences(lines, until, replay.replay(lines, until, replay.load())) == []
