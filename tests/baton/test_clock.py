"""The controlled clock: a story told to the running system ends as it does in virtual time."""

import json
from pathlib import Path

import pytest

from tests.baton.stack import Stack, adt, discharged, query
from tests.baton.test_up import folder, pytestmark

__all__ = ["folder", "pytestmark"]

START = "2026-01-09T08:00:00-05:00"
ADMITTED = ("2026-01-09T09:00:00-05:00", adt("A01", "C1", "20260109090000-0500", "P1", "V1"))
MOVED = (
    "2026-01-09T11:00:00-05:00",
    adt("A02", "C2", "20260109110000-0500", "P1", "V1").replace("4W^1^A^HOSP", "ICU^3^A^HOSP"),
)
HOME = (
    "2026-01-09T15:00:30-05:00",
    adt("A03", "C3", "20260109150000-0500", "P1", "V1", discharged("01", "20260109150000-0500")),
)
CALL = {
    "at": "2026-01-12T10:00:00-05:00",
    "action": {
        "type": "contact_attempted",
        "visit": "V1",
        "channel": "phone",
        "party": "patient",
        "outcome": "no_answer",
    },
}
UNTIL = "2026-01-14T09:00:00-05:00"


def test_a_story_ends_as_in_replay(folder: Path) -> None:
    """Sent at their times and moved forward with `baton clock`, messages and calls end in the outcome of `baton replay`.

    Then a decision moves what is open to another version of the protocol.
    """
    scenario = folder / "scenario.jsonl"
    lines = [{"at": at, "adt": text} for at, text in (ADMITTED, MOVED, HOME)]
    scenario.write_text("\n".join(json.dumps(line) for line in [*lines, CALL]))
    with Stack(folder / "home", "--clock", START).ready() as stack:
        assert "controlled clock: it is 2026-01-09T13:00:00Z" in stack.said()
        for at, text in (ADMITTED, MOVED, HOME):
            stack.baton("clock", at)
            stack.baton("send", "-", given=text)
        stack.baton("clock", CALL["at"])
        stack.baton("act", "-", given=json.dumps({"action": CALL["action"]}))
        assert stack.baton("clock", UNTIL).stdout == "2026-01-14T14:00:00Z\n"
        lived = stack.json("outcome", "--json")
        assert (
            "stands at 2026-01-14T14:00:00Z and goes forward only"
            in stack.baton("clock", START, code=2).stderr
        )
        decided = ("--by", "rn1", "--reason", "r")
        stack.baton("protocols", "move", "transitions-of-care@2", "transitions-of-care@1", *decided)
        under = "SELECT array_agg(DISTINCT protocol) FROM transitions.episode WHERE status = 'open'"
        assert query(stack, under) == ["transitions-of-care@1"]
        stack.baton("protocols", "move", "transitions-of-care@1", "transitions-of-care@9", *decided, code=2)
    replayed = stack.json("replay", str(scenario), "--until", UNTIL, "--json")
    firing = {each["kind"] for each in lived["alerts"] if each["status"] == "firing"}
    assert firing == {"call_72h_missed", "tcm_contact_missed", "pcp_notify_missed"}
    assert lived == replayed


@pytest.mark.parametrize("line", [["clock", "2026-01-14"], ["up", "--clock", "now"]])
def test_a_time_needs_its_offset(line: list[str], tmp_path: Path) -> None:
    """A time that cannot be read, or that lacks its offset, is used wrongly."""
    from baton.cli import main

    with pytest.raises(SystemExit) as ended:
        main(line)
    assert ended.value.code == 2
