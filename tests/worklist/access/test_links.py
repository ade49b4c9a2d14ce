"""One-time links: good once, soon, and on the embedded servers only."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from baton.addresses import Addresses
from baton.trouble import Misuse, Trouble
from baton.worklist_link import make
from services.worklist.access import links
from services.worklist.access.roles import Role
from tests.worklist.access.stand import Stand, cookie_of, standing

CONTENT = "SELECT l::text AS row FROM worklist.sign_in_link l UNION ALL SELECT a::text FROM worklist.audit a"


@pytest.fixture
async def stand(database: str, tmp_path: Path) -> AsyncIterator[Stand]:
    """The application as `baton up --embedded` runs it, with no users.yaml of its own."""
    (tmp_path / "users.yaml").write_text("")
    async with standing(_at_loopback(database), tmp_path, embedded=True) as made:
        yield made


def _at_loopback(dsn: str) -> str:
    assert "@127.0.0.1:" in dsn or "@localhost:" in dsn, dsn
    return dsn


async def _link(stand: Stand, **given: object) -> str:
    db = await asyncpg.connect(stand.database)
    try:
        return await links.make(db, **given)  # type: ignore[arg-type]
    finally:
        await db.close()


async def test_a_link_opens_the_worklist_and_leaves_the_address_bar(stand: Stand) -> None:
    """Given a link, when it is opened, then the answer redirects to the first page, and no address holds its token."""
    address = await _link(stand, teams=["care-coordination"])
    browser = stand.browser()

    answer = await browser.get(address)

    assert (answer.status_code, answer.headers["location"], answer.text) == (303, "/", "")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert (await browser.get("/")).text == "demo care-coordination"


async def test_a_link_is_good_once(stand: Stand) -> None:
    """Given a link that was used, when it is opened again, in that browser or another, then nobody is signed in by it."""
    address = await _link(stand)
    first, second = stand.browser(), stand.browser()

    answers = [await each.get(address) for each in (first, second, first)]

    assert [answer.status_code for answer in answers] == [303, 403, 403]
    assert len(await stand.rows("SELECT FROM worklist.session")) == 1
    assert await stand.audit() == [
        (who, "LOGIN", "session", "refused", "no_such_link") for who in ("nobody", "link:demo")
    ]


async def test_a_link_grows_old(stand: Stand) -> None:
    """Given a link, when ten minutes have passed, then it opens nothing."""
    address = await _link(stand)

    await stand.execute("UPDATE worklist.sign_in_link SET ends_at = ends_at - interval '10 minutes'")

    assert (await stand.browser().get(address)).status_code == 403


async def test_the_token_is_kept_nowhere(stand: Stand) -> None:
    """Given links unused, used and made up, when all rows are searched, then no token is in them."""
    used, unused, made_up = await _link(stand), await _link(stand), "/sign-in/link?token=guessed-token"
    browser = stand.browser()
    await browser.get(used)
    await stand.browser().get(made_up)

    rows = " ".join(row["row"] for row in await stand.rows(CONTENT))

    tokens = [address.partition("token=")[2] for address in (used, unused, made_up)]
    assert [token for token in tokens if token in rows] == []


async def test_outside_the_embedded_mode_a_link_opens_nothing(stand: Stand, tmp_path: Path) -> None:
    """Given a link that was made nonetheless, when a process on other servers is asked, then it is refused, and not used up."""
    address = await _link(stand)

    async with standing(stand.database, tmp_path, embedded=False) as other:
        refused = await other.browser().get(address)

    assert refused.status_code == 403
    assert (await stand.browser().get(address)).status_code == 303


async def test_a_session_by_a_link_is_none_outside_the_embedded_mode(stand: Stand, tmp_path: Path) -> None:
    """Given a session by a link, when the database is served by another process without that mode, then it ends."""
    browser = stand.browser()
    await browser.get(await _link(stand))

    async with standing(stand.database, tmp_path, embedded=False) as other:
        elsewhere = other.browser()
        elsewhere.cookies.set("baton", cookie_of(browser))
        assert (await elsewhere.get("/")).status_code == 303


async def test_the_command_prints_an_address_of_the_running_worklist(stand: Stand) -> None:
    """Given an embedded stack, when a link for a coordinator is asked for, then it opens the worklist as one."""
    here = Addresses(stand.database, "", embedded=True, services={"worklist": "http://127.0.0.1:8000"})
    browser = stand.browser()

    address = await make(here, "nora", [Role.COORDINATOR])
    await browser.get(address)

    assert address.startswith("http://127.0.0.1:8000/sign-in/link?token=")
    rows = await stand.rows("SELECT name, roles FROM worklist.session")
    assert [tuple(row) for row in rows] == [("nora", ["coordinator"])]


@pytest.mark.parametrize(
    ("here", "wrong"),
    [
        (Addresses("postgresql://db.example/baton", "k:9092", services={"worklist": "http://x"}), Misuse),
        (Addresses("postgresql://127.0.0.1/baton", "k:9092", embedded=True), Trouble),
    ],
)
async def test_the_command_makes_none_elsewhere(here: Addresses, wrong: type[Trouble]) -> None:
    """Given servers of somebody's own, or no worklist, when a link is asked for, then a sentence says why there is none."""
    with pytest.raises(wrong):
        await make(here)
