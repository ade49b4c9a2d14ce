"""The gate: forms of other sites, wrong hosts, too much, too often; the headers; another role's page."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from services.worklist.access.requests import client_address, local_path
from services.worklist.access.settings import Place, networks
from tests.worklist.access.stand import CASE, HTTP, HTTPS, Stand, cookie_of, csrf_of, sign_in, standing

# --- CSRF ---------------------------------------------------------------------------------------------------


OURS, OTHERS, NULL = "ours", "others", {"Origin": "null"}
PAGE: list[tuple[dict[str, Any], int]] = [
    ({"data": {"csrf_token": OURS}}, 200),
    ({"headers": {"X-CSRF-Token": OURS}}, 200),
    ({"headers": {"X-CSRF-Token": OURS, "Origin": HTTP, "Sec-Fetch-Site": "same-origin"}}, 200),
    # A form of ours under no-referrer.
    ({"data": {"csrf_token": OURS}, "headers": NULL | {"Sec-Fetch-Site": "same-origin"}}, 200),
    ({}, 403),
    ({"data": {"csrf_token": ""}}, 403),
    ({"data": {"csrf_token": OTHERS}}, 403),
    ({"data": {"csrf_token": [OURS, OTHERS]}}, 403),
    ({"headers": {"X-CSRF-Token": "\xc4\xd6".encode()}}, 403),
    ({"params": {"csrf_token": OURS}}, 403),
    ({"json": {"csrf_token": OURS}}, 403),
    ({"data": {"csrf_token": OURS}, "headers": {"Origin": "https://evil.example"}}, 403),
    ({"data": {"csrf_token": OURS}, "headers": {"Origin": "http://127.0.0.1:9999"}}, 403),
    ({"data": {"csrf_token": OURS}, "headers": NULL | {"Sec-Fetch-Site": "cross-site"}}, 403),
    ({"data": {"csrf_token": OURS}, "headers": {"Sec-Fetch-Site": "same-site"}}, 403),
    # For a page the origin alone is not enough.
    ({"headers": {"Origin": HTTP, "Sec-Fetch-Site": "same-origin"}}, 403),
]
API: list[tuple[dict[str, Any], int]] = [
    ({"headers": {"Origin": HTTP}}, 200),
    ({"headers": {"X-CSRF-Token": OURS}}, 200),
    ({}, 403),
    ({"headers": NULL}, 403),
    ({"headers": {"Origin": "https://evil.example"}}, 403),
    ({"headers": {"Origin": HTTP, "Sec-Fetch-Site": "cross-site"}}, 403),
    ({"headers": {"X-CSRF-Token": OURS, "Origin": "https://evil.example"}}, 403),
]


@pytest.mark.parametrize(("path", "table"), [("/act", PAGE), ("/api/v1/act", API)], ids=["page", "api"])
async def test_an_unsafe_request_is_taken_from_our_pages_only(
    stand: Stand, path: str, table: list[tuple[dict[str, Any], int]]
) -> None:
    """Given two sessions, when a form is sent, then only the token of its own, from no other site, lets it in.

    The API takes our origin instead of the token. What is refused is not done.
    """
    browser, other = await stand.signed_in(), await stand.signed_in("lead")
    words = {OURS: stand.csrf(browser), OTHERS: stand.csrf(other)}

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [filled(each) for each in value]
        return words.get(value, value) if isinstance(value, str) else value

    answered = [(sends, (await browser.post(path, **filled(sends))).status_code) for sends, _ in table]

    assert answered == table
    written = await stand.rows("SELECT FROM worklist.audit WHERE object_type = 'contact_attempted'")
    assert len(written) == sum(status == 200 for _, status in table)


async def test_signing_in_needs_the_form_of_this_browser(stand: Stand) -> None:
    """Given another browser's form, when its token is sent from here, then nobody is signed in (login CSRF)."""
    victim, attacker = stand.browser(), stand.browser()
    token = await csrf_of(attacker)
    await victim.get("/sign-in")

    answers = [
        await each.post("/sign-in", data={"name": "rn1", "password": "x" * 20, "csrf_token": token})
        for each in (victim, stand.browser())
    ]

    assert [answer.status_code for answer in answers] == [403, 403]


# --- redirects ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "goes"),
    [
        ("/c/ABC234", "/c/ABC234"),
        ("/list?team=tcm&overdue=1", "/list?team=tcm&overdue=1"),
        ("/c/%2F%2Fevil.example", "/c/%2F%2Fevil.example"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("\\\\evil.example/", "/"),
        ("/a\\..\\b", "/"),
        ("/\t/evil.example", "/"),
        ("/\n/evil.example", "/"),
        (" //evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("evil.example", "/"),
        ("/\x7f/x", "/"),
        ("/ä", "/"),
        ("/c/A\r\nSet-Cookie: x=y", "/"),
        ("/sign-out", "/"),
        ("/sign-in/oidc", "/"),
        ("/api/v1/list", "/"),
        ("/" + "x" * 3000, "/"),
        ("//[::1", "/"),
    ],
)
def test_after_sign_in_only_a_page_of_ours_is_next(asked: str, goes: str) -> None:
    """Given what stands in `next`, when it is read, then it is a local path, or the first page."""
    assert local_path(asked) == goes


async def test_no_redirect_leads_away_through_the_form(stand: Stand) -> None:
    """Given a form with another server in `next`, when somebody signs in, or has, then they stay here."""
    browser = stand.browser()

    after = await sign_in(browser, asked="//evil.example/x")
    again = await browser.get("/sign-in", params={"next": "https://evil.example/"})

    assert [after.headers["location"], again.headers["location"]] == ["/", "/"]


# --- hosts, sizes, methods ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "host", "origin"),
    [
        (None, "127.0.0.1:8000", "http://127.0.0.1:8000"),
        (None, "LOCALHOST", "http://localhost"),
        (None, "[::1]:8000", "http://[::1]:8000"),
        (None, "evil.example", None),
        (None, "127.0.0.1.evil.example", None),
        (None, "localhost@evil.example", None),
        (None, "evil.example@localhost", None),
        (None, "10.0.0.5:8000", None),
        (None, "127.0.0.1:99999", None),
        (None, "127.0.0.1:0x50", None),
        (None, "127.0.0.1/x", None),
        (None, "", None),
        (None, "[::1", None),
        (HTTPS, "baton.example.org", HTTPS),
        (HTTPS, "Baton.Example.org", HTTPS),
        (HTTPS, "baton.example.org:8443", None),
        (HTTPS, "127.0.0.1:8000", None),
        (HTTPS, "baton.example.org.evil.example", None),
        (None, "127.0.0.1:8000\n", None),
    ],
)
def test_a_host_is_ours_or_not(url: str | None, host: str, origin: str | None) -> None:
    """Given an address, or none and so this machine's names, when a request names a host, then only that is ours."""
    assert Place(url).origin(host) == origin


@pytest.mark.parametrize("hosts", [["evil.example"], ["127.0.0.1:8000", "evil.example"], []])
async def test_a_request_for_another_host_is_not_answered(stand: Stand, hosts: list[str]) -> None:
    """Given no BATON_WORKLIST_URL, when a host is another, stands twice or is missing, then 400 (DNS rebinding)."""
    browser = stand.browser()
    request = browser.build_request("GET", "/sign-in")
    del request.headers["host"]
    request.headers = httpx.Headers([*request.headers.raw, *((b"host", each.encode()) for each in hosts)])

    assert (await browser.send(request)).status_code == 400


async def test_a_body_that_is_too_large_is_not_read(stand: Stand) -> None:
    """Given a body over 64 KiB, declared or in pieces, when it is sent anywhere, then 413 is the answer."""

    async def pieces() -> Any:
        for _ in range(80):
            yield b"x" * 1024

    browser = await stand.signed_in()

    for path in ("/sign-in", "/act", "/api/v1/act"):
        answers = [await browser.post(path, content=content) for content in (b"x" * 80 * 1024, pieces())]
        assert [answer.status_code for answer in answers] == [413, 413], path


async def test_half_a_form_is_not_entered(stand: Stand) -> None:
    """Given a form whose sender goes away in the middle, when half of it has come, then nothing is done."""
    browser = await stand.signed_in()
    sent: list[Any] = []
    scope = {
        "type": "http", "method": "POST", "path": "/act", "query_string": b"", "http_version": "1.1",
        "headers": [
            (b"host", b"127.0.0.1:8000"), (b"cookie", f"baton={cookie_of(browser)}".encode()),
            (b"content-type", b"application/x-www-form-urlencoded"),
        ],
    }  # fmt: skip
    form = f"csrf_token={stand.csrf(browser)}&note=half+of".encode()
    coming = iter([{"type": "http.request", "body": form, "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(coming)

    async def send(message: Any) -> None:
        sent.append(message)

    await stand.app(scope, receive, send)

    assert sent[0]["status"] == 413
    assert await stand.audit() == []


async def test_a_body_that_was_read_at_the_gate_reaches_its_handler(stand: Stand) -> None:
    """Given an action, when it passes the gate, then its handler sees all of its body."""
    browser = await stand.signed_in()

    answer = await browser.post("/api/v1/act", content=b"x" * 60_000, headers={"Origin": HTTP})

    assert answer.json() == {"length": 60_000}


# --- headers ------------------------------------------------------------------------------------------------

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "cache-control": "no-store",
}


async def test_every_answer_has_the_headers(stand: Stand) -> None:
    """Given any answer, good or bad, when it leaves, then it has every header of the table, and no HSTS without TLS."""
    browser = await stand.signed_in()

    for path, status in {
        "/": 200, f"/c/{CASE}": 200, "/c/ZZZ999": 404, "/sign-in/link": 403, "/forgotten": 500, "/stream": 200,
    }.items():  # fmt: skip
        answer = await browser.get(path)
        assert answer.status_code == status, path
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, path
        assert "strict-transport-security" not in answer.headers


async def test_over_https_browsers_are_told_to_stay_there(database: str, tmp_path: Path) -> None:
    """Given an https address, when a page is sent, even to nobody, then HSTS holds for two years."""
    async with standing(database, tmp_path, worklist_url=HTTPS) as stand:
        answer = await stand.browser().get("/")

    assert answer.headers["strict-transport-security"] == "max-age=63072000"


async def test_an_error_tells_nothing_of_itself(stand: Stand) -> None:
    """Given a handler that breaks, when it answers, then there is neither a traceback nor a row of what was not done."""
    browser = await stand.signed_in()

    answer = await browser.post("/act?fails=true", data={"csrf_token": stand.csrf(browser)})

    assert (answer.status_code, "ZeroDivision" in answer.text) == (500, False)
    assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]
    assert await stand.audit() == []


# --- roles --------------------------------------------------------------------------------------------------


async def test_another_roles_page(stand: Stand) -> None:
    """Given a role, when one of its pages or of another is asked for, then it is shown, or refused and recorded."""
    wanted = {
        ("rn1", f"/c/{CASE}"): 200, ("lead", f"/c/{CASE}"): 200, ("ops", f"/c/{CASE}"): 403,
        ("rn1", "/list"): 200, ("ops", "/list"): 403, ("ops", "/stream"): 403, ("ops", "/"): 200,
        # A case nobody has heard of is no more told to who may see none.
        ("ops", "/c/ZZZ999"): 403,
    }  # fmt: skip
    browsers = {who: await stand.signed_in(who) for who in ("rn1", "lead", "ops")}

    found = {(who, path): (await browsers[who].get(path)).status_code for who, path in wanted}

    assert found == wanted
    refused = [row for row in await stand.audit() if row[3] == "refused"]
    assert refused == [("file:ops", "VIEW", "see_patients", "refused", "no permission")] * 4


# --- where a request comes from -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address"),
    [
        ("10.9.9.9", [], "", "10.9.9.9"),
        ("10.9.9.9", ["1.2.3.4"], "", "10.9.9.9"),
        ("10.9.9.9", ["1.2.3.4"], "10.0.0.1", "10.9.9.9"),
        ("10.0.0.1", ["1.2.3.4"], "10.0.0.1", "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4"], "10.0.0.1", "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6", "1.2.3.4, 10.0.0.2"], "10.0.0.0/30", "1.2.3.4"),
        ("10.0.0.1", ["rubbish"], "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4, <script>"], "10.0.0.1", "10.0.0.1"),
        (None, ["1.2.3.4"], "10.0.0.1", None),
    ],
)
def test_an_address_is_believed_of_a_proxy_that_is_named(
    peer: str | None, forwarded: list[str], trusted: str, address: str | None
) -> None:
    """Given X-Forwarded-For, when the peer is not a proxy of ours, then it counts for nothing."""
    assert client_address(peer, forwarded, networks(trusted)) == address
