"""Every story of tests/baton/scenarios ends as the rules say, written down by hand beside it."""

import json
from datetime import timedelta

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


def test_a_list_that_is_given_back_fires_again(config: replay.Config) -> None:
    """Given a list that was taken, when the one who took it withdraws that, then nobody has it."""
    [story] = [story for story in STORIES if story.name == "late_list_taken"]
    said = json.loads(next(line.action for line in story.lines() if line.action) or b"")
    taken_at = next(line.at for line in story.lines() if line.action)
    lines = [line for line in story.lines() if line.adt]
    lines.append(replay.Line(taken_at, action=json.dumps(said | {"id": "taken-1"}).encode()))
    back = {"type": "action_withdrawn", "id": "taken-1", "reason": "off duty", "by": "rn1"}
    given_back = replay.Line(taken_at + timedelta(minutes=30), action=json.dumps(back).encode())

    def alert(*more: replay.Line) -> list[str]:
        outcome = replay.replay(replay.in_order([*lines, *more]), story.until, config)
        return [one["status"] for one in outcome["alerts"] if one["kind"] == "late_known"]

    assert alert() == ["acknowledged"]
    assert alert(given_back) == ["firing"]
