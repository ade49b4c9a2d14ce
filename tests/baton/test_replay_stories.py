"""Every story of tests/baton/scenarios ends as the rules say, written down by hand beside it."""

import pytest

from baton import replay
from tests.baton.stories import Story, comparable, in_order, stories

STORIES = stories()


@pytest.fixture(scope="module")
def config() -> replay.Config:
    return replay.load()


@pytest.mark.parametrize("story", STORIES, ids=[story.name for story in STORIES])
def test_a_story_ends_as_the_rules_say(story: Story, config: replay.Config) -> None:
    """What stands at the end is what the contract and the domain rules call for."""
    found = comparable(replay.replay(story.lines(), story.until, config), story.expected)

    assert {name: in_order(rows) for name, rows in story.expected.items()} == found
