"""What someone must hear of at once: an alert as soon as it reached us, over when it says so, gone when it was none."""

from typing import Any
from uuid import UUID

import pytest

from schemas.transitions import Ack, Notice
from services.notifications.domain.text import text
from tests.notifications.book import Book
from tests.notifications.builders import CASE, a_readmission, an_episode, at
from tests.notifications.test_alerts import told

FLAG, OTHER = UUID(int=71), UUID(int=72)
APP = "https://baton.example.org"


def a_notice(kind: str = "red_flag", **fields: Any) -> Notice:
    given: dict[str, Any] = {
        "notice_id": FLAG,
        "kind": kind,
        "severity": "P1",
        "at": at(20),
        "known_at": at(21),
    }
    return Notice(**(given | fields))


@pytest.mark.parametrize(
    ("kind", "severity", "line"),
    [
        ("red_flag", "P1", f"[P1] RED_FLAG detected case {CASE} {APP}/c/{CASE}"),
        ("handoff_declined", "P2", f"[P2] HANDOFF_DECLINED detected case {CASE} {APP}/c/{CASE}"),
    ],
)
def test_a_notice_is_told_when_it_reaches_us(kind: str, severity: str, line: str) -> None:
    """It happened an hour before; the line says what, and of which case."""
    alert = told(Book(), an_episode(notices=(a_notice(kind, severity=severity),))).of(kind)

    assert (alert.severity, alert.status, alert.raised_at) == (severity, "firing", at(21))
    assert text(alert, APP, at(22)) == line


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        ({"ended": "done", "ended_at": at(22)}, ("resolved", "done", at(22))),
        ({"ended": "not_needed", "ended_at": at(22)}, ("retracted", "not_needed", at(22))),
    ],
)
def test_a_notice_ends_as_it_says(ended: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """Also for whoever never saw it open."""
    over = an_episode(notices=(a_notice(**ended),), revision=2)
    for book in (told(Book(), an_episode(notices=(a_notice(),)), over), told(Book(), over)):
        alert = book.of("red_flag")
        assert (alert.status, alert.ending, alert.ended_at) == expected


def test_what_was_over_before_anybody_could_hear_of_it_is_no_alert() -> None:
    """Entered together with the call that settled it."""
    over = an_episode(notices=(a_notice(ended="done", ended_at=at(21)),))
    assert told(Book(), over).rows == {}


@pytest.mark.parametrize("fields", [{}, {"status": "void", "notices": (a_notice(),)}])
def test_a_notice_that_vanishes_is_retracted(fields: Any) -> None:
    """The call was withdrawn, or the discharge cancelled."""
    gone = an_episode(**({"known_at": at(23), "revision": 2} | fields))
    alert = told(Book(), an_episode(notices=(a_notice(),)), gone).of("red_flag")

    assert (alert.status, alert.ended_at) == ("retracted", at(23))


def test_acknowledged_it_stands_until_it_is_done() -> None:
    """At the instant at which it was raised or later; an acknowledgement of before spoke of something else."""
    for when, status in ((at(20), "firing"), (at(21), "acknowledged"), (at(22), "acknowledged")):
        ack = Ack(kind="red_flag", at=when, known_at=when, by="rn1")
        alert = told(Book(), an_episode(notices=(a_notice(),), acknowledged=(ack,))).of("red_flag")
        assert alert.status == status


def test_two_notices_and_a_readmission_are_three_alerts() -> None:
    """Of one case, each with an end of its own."""
    both = (a_notice(), a_notice("handoff_declined", notice_id=OTHER, ended="done", ended_at=at(30)))
    book = told(Book(), an_episode(notices=both, readmission=a_readmission()))

    assert book.kinds() == {
        "red_flag": "firing",
        "handoff_declined": "resolved",
        "readmission_detected": "firing",
    }
