"""Two readings of the rules come to the same alerts, in every story of tests/baton/scenarios."""

import pytest

from baton import replay
from tests.auditor.compare import differences
from tests.baton.stories import Story, stories

STORIES = stories()


@pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])
def test_the_audit_expects_what_the_system_alerts(story: Story) -> None:
    """Given a story, when both compute its alerts, then they agree on kind, visit, times and ending."""
    lines = story.lines()

    assert differences(lines, story.until, replay.replay(lines, story.until, replay.load())) == []
