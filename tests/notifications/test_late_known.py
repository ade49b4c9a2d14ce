"""One alert for everything of a team that was already past when it was learned."""

from services.notifications.domain.late_known import Team, reconcile, ripe
from tests.notifications.builders import at

TEAM = Team(name="4W", live=True)
NOW = at(200)


def test_the_first_item_begins_a_run() -> None:
    """Raised at its arrival, P3, with the number of items."""
    alert = reconcile(TEAM, None, ripe([at(90), at(80)], NOW), None, NOW)

    assert alert is not None
    assert ("late_known", "P3", "firing", at(80), 2, 1) == (
        alert.kind, alert.severity, alert.status, alert.raised_at, alert.items, alert.told_of,
    )  # fmt: skip


def test_more_items_are_not_told() -> None:
    """Never paged per item: only the count follows."""
    first = reconcile(TEAM, None, ripe([at(80)], NOW), None, NOW)
    more = reconcile(TEAM, first, ripe([at(80), at(81)], NOW), None, NOW)

    assert more is not None
    assert (2, 2, 1, at(80)) == (more.items, more.revision, more.told_of, more.raised_at)
    assert reconcile(TEAM, more, ripe([at(82), at(83)], NOW), None, NOW) is None


def test_the_last_item_done_resolves_it() -> None:
    """At the arrival of what ended the last; the next item begins a run of its own."""
    first = reconcile(TEAM, None, ripe([at(80)], NOW), None, NOW)
    done = reconcile(TEAM, first, ripe([], NOW), at(90), NOW)
    again = reconcile(TEAM, done, ripe([at(95)], NOW), None, NOW)

    assert done is not None
    assert again is not None
    assert ("resolved", "done", at(90)) == (done.status, done.ending, done.ended_at)
    assert (2, at(95), "firing") == (again.generation, again.raised_at, again.status)
    assert done.alert_id != again.alert_id
    assert reconcile(TEAM, done, ripe([], NOW), at(99), NOW) is None


def test_a_list_that_was_never_empty_is_one_run() -> None:
    """At one instant one item ends and another begins; in whichever batch each comes, the run goes on."""
    first = reconcile(TEAM, None, ripe([at(80)], NOW), None, NOW)
    together = reconcile(TEAM, first, ripe([at(90), at(90)], NOW), at(90), NOW)
    done = reconcile(TEAM, first, ripe([], NOW), at(90), NOW)
    resumed = reconcile(TEAM, done, ripe([at(90), at(90)], NOW), None, NOW)

    assert together is not None
    assert resumed is not None
    assert ("firing", at(80), None, 2, 1) == (
        resumed.status, resumed.raised_at, resumed.ended_at, resumed.items, resumed.generation,
    )  # fmt: skip
    assert resumed.alert_id == together.alert_id


def test_items_of_the_settle_window_wait() -> None:
    """Not before its end."""
    assert reconcile(TEAM, None, ripe([at(80.2)], at(80.1)), None, at(80.1)) is None
    assert reconcile(TEAM, None, ripe([at(80.2)], at(80.2)), None, at(80.2)) is not None


def test_the_team_acknowledges_its_list() -> None:
    """What was said before the run began counts for nothing."""
    early, late = (Team(name="4W", live=True, acknowledged_at=at(n)) for n in (79, 81))
    first = reconcile(early, None, ripe([at(80)], NOW), None, NOW)
    acked = reconcile(late, first, ripe([at(80)], NOW), None, NOW)

    assert first is not None
    assert acked is not None
    assert ("firing", "acknowledged", at(81)) == (first.status, acked.status, acked.acknowledged_at)


def test_the_team_takes_its_word_back() -> None:
    """Given a list somebody has, when that is withdrawn, then it fires again, and people hear of it once."""
    first = reconcile(TEAM, None, ripe([at(80)], NOW), None, NOW)
    acked = reconcile(Team("4W", live=True, acknowledged_at=at(81)), first, ripe([at(80)], NOW), None, NOW)
    again = reconcile(TEAM, acked, ripe([at(80)], NOW), None, NOW)

    assert again is not None
    assert (again.status, again.acknowledged_at, again.revision, again.told_of) == ("firing", None, 3, 3)
    assert reconcile(TEAM, again, ripe([at(80)], NOW), None, NOW) is None


def test_shadow_items_make_a_list_of_their_own() -> None:
    """Kept, never sent, and never counted among the real ones."""
    shadow = reconcile(Team(name="4W", live=False), None, ripe([at(80)], NOW), None, NOW)
    real = reconcile(TEAM, None, ripe([at(80)], NOW), None, NOW)

    assert shadow is not None
    assert real is not None
    assert (shadow.live, real.live) == (False, True)
    assert shadow.alert_id != real.alert_id
