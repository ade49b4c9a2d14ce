"""How often: guessed passwords, from one place and many, at one replica and two; requests of a session."""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from services.worklist.access import limits
from services.worklist.access.limits import Requests, password_try
from tests.worklist.access.stand import Stand, csrf_of, sign_in, standing

WRONG = "wrong but long enough"


async def test_guessing_a_password_ends_after_five(stand: Stand) -> None:
    """Given five wrong passwords for a name, when a sixth comes, even the right one, then 429 says when to try again."""
    browser = stand.browser()

    answers = [await sign_in(browser, password=WRONG) for _ in range(5)]
    sixth = await sign_in(browser)

    assert {answer.status_code for answer in answers} == {401}
    assert sixth.status_code == 429
    assert 0 < int(sixth.headers["retry-after"]) <= 900
    assert ("nobody", "LOGIN", "session", "refused", "too_many_tries") in await stand.audit()


async def test_nobody_fills_the_audit_from_outside(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given limits, when somebody goes on beyond them, with passwords, links or codes, then only the first refusal is a row."""
    monkeypatch.setattr(limits, "BEGUN", limits.Rule("begun", 3))
    browser = stand.browser()

    for _ in range(9):
        await sign_in(browser, password=WRONG)
    for path in ("/sign-in/link?token=x", "/sign-in/callback?state=x") * 4:
        last = await browser.get(path)

    assert last.status_code == 429
    rows = [row[4] for row in await stand.audit()]
    assert rows.count("wrong_password") == 5
    assert rows.count("too_many_tries") == 2
    assert len(rows) == 5 + 2 + 3


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("10.0.0.1", "10.0.0.2", False),
    ],
)
def test_a_network_of_ipv6_is_one_address(one: str, other: str, same: bool) -> None:
    """Given two addresses, when they are of one /64, then they are one place; of IPv4 each is its own."""
    tries = [{rule.name: who for rule, who in password_try("rn1", each).subjects} for each in (one, other)]

    assert (tries[0] == tries[1]) is same


async def test_who_is_guessed_at_from_elsewhere_still_gets_in(stand: Stand) -> None:
    """Given a name guessed at from one address, when its owner signs in from another, then they are in."""
    attacker = stand.browser("10.6.6.6")
    for _ in range(6):
        await sign_in(attacker, password=WRONG)

    assert (await sign_in(stand.browser("10.1.1.1"))).status_code == 303


async def test_a_name_nobody_has_is_limited_alike(stand: Stand) -> None:
    """Given a name that nobody has, when it is tried six times, then the answers are those of one that somebody has."""
    browser = stand.browser()

    answers = [await sign_in(browser, "rn9", WRONG) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [401] * 5 + [429]


async def test_many_addresses_and_many_names_are_limited_too(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given limits of 3 for a name and 4 for an address, when addresses or names are changed, then they hold."""
    monkeypatch.setattr(limits, "NAME", limits.Rule("name", 3))
    monkeypatch.setattr(limits, "ADDRESS", limits.Rule("address", 4))

    by_address = [(await sign_in(stand.browser(f"10.0.0.{n}"), password=WRONG)).status_code for n in range(4)]
    by_name = [(await sign_in(stand.browser("10.9.9.9"), f"x{n}", WRONG)).status_code for n in range(5)]

    assert (by_address, by_name) == ([401] * 3 + [429], [401] * 4 + [429])


async def test_many_at_once_are_still_many(stand: Stand) -> None:
    """Given twelve tries at one moment, when they are counted, then five of them at most are compared."""
    browser = stand.browser()
    form = {"name": "rn1", "password": WRONG, "csrf_token": await csrf_of(browser)}

    answers = await asyncio.gather(*(browser.post("/sign-in", data=form) for _ in range(12)))

    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 7


async def test_a_replica_counts_with_the_other(database: str, tmp_path: Path) -> None:
    """Given four wrong passwords at one replica, when two come to the other, then the second is too many."""
    async with standing(database, tmp_path) as first, standing(database, tmp_path) as second:
        for _ in range(4):
            await sign_in(first.browser(), password=WRONG)
        answers = [await sign_in(second.browser(), password=WRONG) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [401, 429]


async def test_who_signs_in_rightly_begins_anew(stand: Stand) -> None:
    """Given four mistypings, when the right password comes, then four more are bearable, and the address pays nothing for it."""
    for _ in range(2):
        browser = stand.browser()
        answers = [await sign_in(browser, password=WRONG) for _ in range(4)] + [await sign_in(browser)]
        assert [answer.status_code for answer in answers] == [401] * 4 + [303]

    tries = await stand.rows("SELECT rule, tries FROM worklist.throttle")
    assert [tuple(row) for row in tries] == [("address", 8)]


async def test_a_window_ends(stand: Stand) -> None:
    """Given a name with no try left, when the window is over, then it may be tried again."""
    for _ in range(6):
        await sign_in(stand.browser(), password=WRONG)

    await stand.execute("UPDATE worklist.throttle SET ends_at = statement_timestamp()")

    assert (await sign_in(stand.browser())).status_code == 303


def test_requests_of_a_session_are_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given 60 a minute, when 61 come at once, then the last waits a second; another session does not; later it is full again."""
    now = 0.0
    monkeypatch.setattr(limits, "monotonic", lambda: now)
    bucket, one, other = Requests(60), UUID(int=1), UUID(int=2)

    first = [bucket.take(one) for _ in range(61)]
    others = bucket.take(other)
    now = 1.0
    later = [bucket.take(one), bucket.take(one)]

    assert (first, others, later) == ([0] * 60 + [1], 0, [0, 1])


async def test_too_many_requests_are_told_so(database: str, tmp_path: Path) -> None:
    """Given 1 request a minute, when a session sends a second, then page and API answer 429 with Retry-After."""
    async with standing(database, tmp_path, worklist_requests_per_minute=1) as stand:
        browser = await stand.signed_in()
        answers = [await browser.get(path) for path in ("/", "/", "/api/v1/act")]

    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers[1:])
