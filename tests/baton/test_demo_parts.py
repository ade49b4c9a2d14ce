"""The demo's parts without a system: the round of now, what is kept, and a page that shows texts as texts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from baton import demo_page
from baton.demo_kept import Kept
from baton.trouble import Trouble

BEGAN = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
TOLD = Kept(BEGAN, round=3, round_began=BEGAN, told=4)


@pytest.mark.parametrize(
    ("kept", "after", "expected"),
    [
        (Kept(BEGAN), 9, (1, 9, 0)),
        (TOLD, 100, (3, 0, 4)),
        (TOLD, 240, (4, 240, 0)),
        (TOLD, 1000, (7, 1000, 0)),
    ],
)
def test_the_round_of_now(kept: Kept, after: int, expected: tuple[int, int, int]) -> None:
    """One that was broken off goes on while it lasts; after that a new one begins, with the number of now."""
    at = kept.next_round(BEGAN + timedelta(seconds=after), 240.0)
    assert at.round_began is not None
    assert (at.round, (at.round_began - BEGAN).total_seconds(), at.told) == expected


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    """The same comes back; there is none at the first start; what cannot be read is a sentence."""
    assert Kept.read(tmp_path) is None
    TOLD.write(tmp_path)
    assert Kept.read(tmp_path) == TOLD
    (tmp_path / "demo.json").write_text('{"runs": 1}')
    with pytest.raises(Trouble, match=r"demo\.json cannot be read: move .* away"):
        Kept.read(tmp_path)


def test_a_page_shows_text_as_text() -> None:
    """Whatever a message holds, it is no markup; every page says DEMO in its title."""
    bad = "<script>x</script>"
    common = {"alert": bad, "at": "2026-03-04T12:00:00Z", "reason": bad}
    hook = common | {
        "by": "webhook",
        "id": "1",
        "text": bad,
        "status": bad,
        "severity": bad,
        "team": bad,
        "unit": bad,
    }
    mail = common | {
        "by": "mail",
        "id": "2",
        "from": bad,
        "to": bad,
        "subject": bad,
        "importance": bad,
        "text": bad,
    }
    for page in (demo_page.page([hook, mail], bad), demo_page.case(bad, bad)):
        assert bad not in page
        assert "<title>DEMO · " in page
