"""Who gets in, for how long, and how a session ends."""

import asyncio
from pathlib import Path

import pytest

from tests.worklist.access.stand import (
    CASE,
    HASH,
    HTTPS,
    USERS,
    Stand,
    cookie_of,
    sign_in,
    standing,
)


async def test_name_and_password_open_a_session(stand: Stand) -> None:
    """Given a user, when name (in any case) and password are right, then the first page says who it is and their team."""
    browser = stand.browser()

    answer = await sign_in(browser, " RN1 ")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await browser.get("/")).text == "rn1 tcm"


async def test_wrong_name_and_wrong_password_are_answered_alike(stand: Stand) -> None:
    """Given a user, when the name or the password is wrong, then status, text and cookies are the same."""
    wrong_name, wrong_password = (
        await sign_in(stand.browser("10.0.0.1"), "rn9"),
        await sign_in(stand.browser("10.0.0.2"), "rn1", "wrong but long enough"),
    )

    assert (wrong_name.status_code, wrong_password.status_code) == (401, 401)
    same = [answer.text.split('name="csrf_token"')[0] for answer in (wrong_name, wrong_password)]
    assert same[0] == same[1]
    assert "Name or password is wrong." in same[0]
    assert {*wrong_name.cookies} == {*wrong_password.cookies} == {"baton-entry"}


async def test_a_name_nobody_has_costs_a_comparison_too(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given names that exist and do not, when each signs in, then one hash of the same cost is compared for each."""
    compared: list[str] = []

    def compare(_: str, stored: str) -> bool:
        compared.append(stored)
        return False

    monkeypatch.setattr("services.worklist.access.passwords.fits", compare)

    for name in ("rn1", "rn9"):
        await sign_in(stand.browser(), name)

    costs = {each.rsplit("$", 2)[0] for each in compared}
    assert (len(compared), len(costs)) == (2, 1)


async def test_without_a_session_every_path_leads_to_the_form(stand: Stand) -> None:
    """Given nobody, when any page is asked for, then sign-in is the answer, whether it exists or not."""
    browser = stand.browser()

    for path in ("/", f"/c/{CASE}", "/c/ZZZ999", "/list?team=tcm", "/no-such-page", "//evil.example/c/x"):
        answer = await browser.get(f"http://127.0.0.1:8000{path}")
        assert (answer.status_code, answer.text) == (303, ""), path
        assert answer.headers["location"].startswith("/sign-in"), path
        assert "evil" not in answer.headers["location"]


async def test_a_known_and_an_unknown_case_differ_in_nothing_before_sign_in(stand: Stand) -> None:
    """Given nobody, when a case that exists and one that does not are asked for, then the answers are alike but for it."""
    known, unknown = [await stand.browser().get(f"/c/{case}") for case in (CASE, "ZZZ999")]

    def said(answer: object, case: str) -> str:
        return f"{answer.status_code} {sorted(answer.headers.items())}".replace(case, "CASE")  # type: ignore[attr-defined]

    assert said(known, CASE) == said(unknown, "ZZZ999")


async def test_after_sign_in_the_case_that_was_asked_for_is_shown(stand: Stand) -> None:
    """Given the link of an alert, when somebody signs in, then its case is the next page."""
    browser = stand.browser()
    asked = (await browser.get(f"/c/{CASE}")).headers["location"]

    form = await browser.get(asked)
    answer = await sign_in(browser, asked=f"/c/{CASE}")

    assert f'name="next" value="/c/{CASE}"' in form.text
    assert answer.headers["location"] == f"/c/{CASE}"
    assert (await browser.get(f"/c/{CASE}")).text == "Ana Testperson"


async def test_a_program_is_told_not_sent(stand: Stand) -> None:
    """Given no session, when the API, a stream or a script asks, then it is a 401 and no page."""
    browser, script = stand.browser(), {"HX-Request": "true"}

    answers = [
        await browser.get("/api/v1/act"),
        await browser.get("/stream", headers={"Accept": "text/event-stream"}),
        await browser.get("/list", headers=script),
        await browser.get("/list", headers=script | {"HX-Current-URL": "http://127.0.0.1:8000/c/ABC234?x=1"}),
        await browser.post("/act", headers=script | {"HX-Current-URL": "https://evil.example//evil.example"}),
        await browser.get("/list", headers=script | {"HX-Current-URL": "http://[::1/x"}),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert [answer.headers["hx-redirect"] for answer in answers[2:]] == [
        "/sign-in",
        "/sign-in?next=%2Fc%2FABC234%3Fx%3D1",
        "/sign-in",
        "/sign-in",
    ]


async def test_a_token_is_in_the_database_as_a_digest_only(stand: Stand) -> None:
    """Given a session, when the rows are searched for its token, then it is in none."""
    browser = await stand.signed_in()

    rows = await stand.rows("SELECT s::text AS row FROM worklist.session s")

    assert len(rows) == 1
    assert all(cookie_of(browser) not in row["row"] for row in rows)


async def test_a_session_ends(stand: Stand) -> None:
    """Given a session, when it is too old, unused or not the browser's, then the form is the answer."""
    for why, change in {
        "nobody used it": "seen_at = statement_timestamp() - interval '30 minutes'",
        "it is as old as one may be": "ends_at = statement_timestamp()",
        "the token is another": "token_sha256 = '\\x00'",
        "its role is none this program knows": "roles = '{chief}'",
    }.items():
        browser = await stand.signed_in()
        assert (await browser.get("/")).status_code == 200

        await stand.execute(f"UPDATE worklist.session SET {change}")

        assert (await browser.get("/")).status_code == 303, why
        await stand.execute("DELETE FROM worklist.session")


async def test_use_keeps_a_session_and_what_a_page_does_by_itself_does_not(stand: Stand) -> None:
    """Given a session unused for 20 minutes, when the page fetches by itself, then it is still unused; when a person, not."""
    browser = await stand.signed_in()
    await stand.execute("UPDATE worklist.session SET seen_at = statement_timestamp() - interval '20 minutes'")
    fresh = "SELECT seen_at > statement_timestamp() - interval '1 minute' AS fresh FROM worklist.session"

    await browser.get("/", headers={"Baton-Background": "true"})
    await browser.get("/stream", headers={"Accept": "text/event-stream"})
    before = (await stand.rows(fresh))[0]["fresh"]
    assert (await browser.get("/here")).status_code == 204

    assert (before, (await stand.rows(fresh))[0]["fresh"]) == (False, True)


async def test_a_screen_in_the_hall_stays_on(stand: Stand) -> None:
    """Given a session of a wall, when its board fetches by itself, then that is use: nobody has left it."""
    browser = await stand.signed_in("hall")
    await stand.execute("UPDATE worklist.session SET seen_at = statement_timestamp() - interval '20 minutes'")

    await browser.get("/", headers={"Baton-Background": "true"})

    (row,) = await stand.rows(
        "SELECT statement_timestamp() - seen_at < interval '1 minute' AS fresh FROM worklist.session"
    )
    assert row["fresh"]


async def test_signing_in_again_ends_the_session_before(stand: Stand) -> None:
    """Given a stolen token, when its owner signs in again in that browser, then the stolen one opens nothing."""
    browser = await stand.signed_in()
    stolen = cookie_of(browser)
    thief = stand.browser()
    thief.cookies.set("baton", stolen)
    assert (await thief.get("/")).status_code == 200

    # The form is only for who has no session, so the entry's cookie is asked for as a second person would.
    form = stand.browser()
    await form.get("/sign-in")
    form.cookies.set("baton", stolen)
    held = await form.get("/sign-in")
    await stand.execute("DELETE FROM worklist.session")
    await sign_in(browser)

    assert held.status_code == 303
    assert cookie_of(browser) != stolen
    assert (await thief.get("/")).status_code == 303


async def test_a_session_fixed_beforehand_is_not_the_one_that_is_opened(stand: Stand) -> None:
    """Given a browser with a token somebody put there, when its owner signs in, then the token is a new one."""
    browser = stand.browser()
    browser.cookies.set("baton", "planted", domain="127.0.0.1")

    await sign_in(browser)

    names = [each.value for each in browser.cookies.jar if each.name == "baton"]
    assert "planted" not in [
        row["token"]
        for row in await stand.rows("SELECT encode(token_sha256,'escape') token FROM worklist.session")
    ]
    assert any(each != "planted" for each in names)
    thief = stand.browser()
    thief.cookies.set("baton", "planted")
    assert (await thief.get("/")).status_code == 303


async def test_signing_out_ends_the_session_at_the_server(stand: Stand) -> None:
    """Given a session, when its person signs out, then the token opens nothing any more, and the cookie is gone."""
    browser = await stand.signed_in()
    token, csrf = cookie_of(browser), stand.csrf(browser)

    answer = await browser.post("/sign-out", data={"csrf_token": csrf})

    assert answer.headers["location"] == "/signed-out"
    assert (await browser.get("/signed-out")).status_code == 200
    thief = stand.browser()
    thief.cookies.set("baton", token)
    assert (await thief.get("/")).status_code == 303
    assert ("file:rn1", "LOGOUT", "session", "done", None) in await stand.audit()


async def test_signing_out_everywhere_ends_every_session_of_the_person_and_nobody_elses(stand: Stand) -> None:
    """Given two sessions of one and one of another, when the one signs out everywhere, then only the other's stands."""
    here, there, others = await stand.signed_in(), await stand.signed_in(), await stand.signed_in("lead")

    await here.post("/sign-out", data={"csrf_token": stand.csrf(here), "everywhere": "1"})

    assert [(await each.get("/")).status_code for each in (here, there, others)] == [303, 303, 200]


@pytest.mark.parametrize(
    ("change", "stands"),
    [
        (USERS.replace("  rn1:", "  rn2:"), False),
        (USERS.replace("[coordinator], teams: [tcm]}\n  lead", "[operator], teams: [tcm]}\n  lead"), False),
        (USERS.replace(HASH, HASH[:-2] + "AA", 1), False),
        (USERS.replace("teams: [tcm]}\n  lead", "teams: [other]}\n  lead"), True),
        ("users: {rn1: no}\n", True),
    ],
    ids=["user gone", "role gone", "password changed", "team changed", "file unusable"],
)
async def test_a_session_ends_when_what_it_rests_on_does(stand: Stand, change: str, stands: bool) -> None:
    """Given a session, when users.yaml changes, then it ends with user, role or password, and with nothing else."""
    browser = await stand.signed_in()

    stand.write_users(change)

    assert ((await browser.get("/")).status_code == 200) is stands
    left = await stand.rows("SELECT FROM worklist.session")
    assert (len(left) == 1) is stands


async def test_a_session_survives_a_restart_and_is_good_at_a_replica(database: str, tmp_path: Path) -> None:
    """Given a session of one process, when another on the same database is asked, then it stands; ended there, ended here."""
    async with standing(database, tmp_path) as first, standing(database, tmp_path) as second:
        browser = await first.signed_in()
        other = second.browser()
        other.cookies.set("baton", cookie_of(browser))

        assert (await other.get("/")).text == "rn1 tcm"
        await other.post("/sign-out", data={"csrf_token": second.csrf(other)})
        assert (await browser.get("/")).status_code == 303


async def test_over_https_the_cookies_are_bound_to_the_host(database: str, tmp_path: Path) -> None:
    """Given an https address, when somebody signs in, then the cookie is __Host-, Secure, HttpOnly, Lax and of the session."""
    async with standing(database, tmp_path, worklist_url=HTTPS, http_host="0.0.0.0") as stand:
        answer = await sign_in(stand.browser())

    said = next(each for each in answer.headers.get_list("set-cookie") if each.startswith("__Host-baton="))
    assert {part.strip().lower() for part in said.split(";")[1:]} == {
        "httponly", "path=/", "samesite=lax", "secure",
    }  # fmt: skip


async def test_a_stream_ends_with_its_session(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given an open stream, when its session ends, then the stream does, without an error."""
    monkeypatch.setattr("services.worklist.access.gate.LOOK_AGAIN", 0.02)
    browser = await stand.signed_in()

    async def end() -> None:
        await asyncio.sleep(0.1)
        await stand.execute("DELETE FROM worklist.session")

    answer, _ = await asyncio.gather(browser.get("/stream", params={"lines": 1_000_000}), end())

    assert answer.status_code == 200
    assert answer.text.startswith(": still here")


async def test_while_the_database_is_away_nobody_is_let_in_or_out(stand: Stand) -> None:
    """Given a session, when Postgres cannot be asked, then the page is a 503 that says when to try again."""
    browser = await stand.signed_in()
    stand.access._pool = lambda: None

    answers = [await browser.get("/"), await browser.get("/api/v1/act")]

    assert [(each.status_code, each.headers["retry-after"]) for each in answers] == [(503, "2")] * 2
