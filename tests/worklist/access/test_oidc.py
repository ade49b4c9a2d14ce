"""Signing in with an OpenID Connect provider: the whole way over HTTP, and every answer of it that must not be believed."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.worklist.access.provider import CLIENT, SECRET, Provider, providing
from tests.worklist.access.stand import HTTP, USERS, Stand, cookie_of, standing


@pytest.fixture(scope="module")
def _provider() -> Iterator[Provider]:
    with providing() as made:
        yield made


@pytest.fixture
def provider(_provider: Provider) -> Provider:
    """The provider, well behaved: making a key and a server takes longer than a test."""
    fresh = Provider(_provider.port, key=_provider.key)
    for name in ("claims", "metadata", "algorithm", "error", "broken", "codes", "asked"):
        setattr(_provider, name, getattr(fresh, name))
    _provider.published = [_provider.key]
    return _provider


@pytest.fixture
async def stand(database: str, tmp_path: Path, provider: Provider) -> AsyncIterator[Stand]:
    """The application, which signs people in with that provider."""
    async with standing(database, tmp_path, **settings(provider)) as made:
        yield made


def settings(provider: Provider) -> dict[str, Any]:
    return {
        "worklist_url": HTTP,
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
    }


async def at_provider(where: str) -> str:
    """What the provider sends the browser back to."""
    async with httpx.AsyncClient(verify=False) as client:  # noqa: S501  (there is no TLS, and no time to load for it)
        return (await client.get(where)).headers["location"]


async def enter(browser: httpx.AsyncClient, asked: str = "/") -> httpx.Response:
    """Go to the provider and come back."""
    leaving = await browser.get("/sign-in/oidc", params={"next": asked})
    if leaving.status_code != 303:
        return leaving
    return await browser.get(await at_provider(leaving.headers["location"]))


async def test_who_comes_back_from_the_provider_is_in(stand: Stand, provider: Provider) -> None:
    """Given a nurse of the provider, when she signs in there, then she has the role of her groups and is where she wanted."""
    browser = stand.browser()
    form = await browser.get("/sign-in", params={"next": "/list"})

    answer = await enter(browser, "/list")

    assert "/sign-in/oidc?next=%2Flist" in form.text
    assert (answer.status_code, answer.headers["location"]) == (303, "/list")
    assert (await browser.get("/")).text == "nora tcm"
    rows = await stand.rows(
        "SELECT actor, action, outcome, reason FROM worklist.audit WHERE action = 'LOGIN'"
    )
    assert [tuple(row) for row in rows] == [(f"{provider.issuer} n-1", "LOGIN", "done", "oidc")]


def _now(seconds: float) -> Callable[[], int]:
    return lambda: int(time.time() + seconds)


CLAIMS: list[tuple[dict[str, Any], int]] = [
    ({"exp": _now(-5)}, 303),
    ({"iat": _now(30), "nbf": _now(30)}, 303),
    ({"aud": [CLIENT]}, 303),
    ({"groups": "nurses"}, 303),
    ({"preferred_username": None}, 303),
    ({"exp": _now(-300)}, 403),
    ({"nbf": _now(300)}, 403),
    ({"iat": _now(300)}, 403),
    ({"exp": None}, 403),
    ({"aud": "another-client"}, 403),
    ({"aud": "another-client", "azp": CLIENT}, 403),
    ({"aud": [CLIENT, "another-client"], "azp": "another-client"}, 403),
    ({"aud": None}, 403),
    ({"iss": "https://evil.example"}, 403),
    ({"nonce": "of another sign-in"}, 403),
    ({"nonce": None}, 403),
    ({"sub": None}, 403),
    ({"sub": ""}, 403),
    ({"groups": ["everybody"]}, 403),
    ({"groups": None}, 403),
    ({"groups": {"nurses": True}}, 403),
    ({"sub": "n\x00"}, 403),
    # The name of somebody who signs in with a password here.
    ({"preferred_username": "lead"}, 403),
]


async def test_what_an_id_token_says_is_believed_or_not(stand: Stand, provider: Provider) -> None:
    """Given an ID token, when it is late, early, of another client, issuer or sign-in, or of nobody's group, then nobody is in."""
    answered = []
    for claims, _ in CLAIMS:
        provider.claims = {name: value() if callable(value) else value for name, value in claims.items()}
        answered.append((claims, (await enter(stand.browser())).status_code))

    assert answered == CLAIMS
    sessions = await stand.rows("SELECT FROM worklist.session")
    assert len(sessions) == sum(status == 303 for _, status in CLAIMS)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_a_token_that_anybody_could_have_made_is_not_believed(
    stand: Stand, provider: Provider, algorithm: str
) -> None:
    """Given a token unsigned, or signed with the public key as a secret, when the provider even offers that, then 403."""
    provider.algorithm = algorithm

    assert (await enter(stand.browser())).status_code == 403


async def test_a_token_of_a_key_that_is_not_the_providers_is_not_believed(
    stand: Stand, provider: Provider
) -> None:
    """Given a token signed with a key that is not published, when it comes, then 403."""
    good, provider.published = provider.published, [Provider(0).key]
    answer = await enter(stand.browser())
    provider.published = good

    assert answer.status_code == 403


async def test_the_provider_may_turn_its_key(stand: Stand, provider: Provider) -> None:
    """Given a provider whose keys are known, when it signs with a new one, then that is fetched."""
    first = await enter(stand.browser())
    old = provider.key
    provider.turn_key()
    second = await enter(stand.browser())
    provider.key = old

    assert (first.status_code, second.status_code) == (303, 303)


async def test_a_state_is_good_once_and_in_its_browser(stand: Stand) -> None:
    """Given an address to come back to, when another browser opens it, or it is opened again, then nobody is in by it."""
    browser, victim = stand.browser(), stand.browser()
    await victim.get("/sign-in")
    back = await at_provider((await browser.get("/sign-in/oidc")).headers["location"])

    elsewhere = await victim.get(back)
    here = await browser.get(back)
    again = await browser.get(back)
    made_up = await browser.get("/sign-in/callback?code=x&state=y")

    assert [each.status_code for each in (elsewhere, here, again, made_up)] == [403, 303, 403, 403]


async def test_who_takes_too_long_begins_again(stand: Stand) -> None:
    """Given a sign-in begun, when ten minutes pass at the provider, then it is begun again."""
    browser = stand.browser()
    back = await at_provider((await browser.get("/sign-in/oidc")).headers["location"])

    await stand.execute("UPDATE worklist.oidc_attempt SET ends_at = statement_timestamp()")

    assert (await browser.get(back)).status_code == 403


async def test_who_is_refused_there_is_not_in_here(stand: Stand, provider: Provider) -> None:
    """Given a provider that refuses, when it sends the browser back, then a page says so, and nothing of what it sent."""
    provider.error = "access_denied<script>"

    answer = await enter(stand.browser())

    assert (answer.status_code, "script>" in answer.text.split("</head>")[1]) == (403, False)
    assert ("nobody", "LOGIN", "session", "refused", "refused_by_provider") in await stand.audit()


@pytest.mark.parametrize(
    ("metadata", "broken", "status"),
    [
        ({}, True, 503),
        ({"issuer": "https://evil.example"}, False, 403),
        ({"token_endpoint": "http://evil.example/token"}, False, 403),
        ({"jwks_uri": None}, False, 403),
    ],
)
async def test_a_provider_that_cannot_be_trusted_or_reached_signs_nobody_in(
    stand: Stand, provider: Provider, metadata: dict[str, Any], broken: bool, status: int
) -> None:
    """Given discovery that is away, of another issuer, or leads out of TLS, when somebody goes there, then a page says so; later it works."""
    provider.metadata, provider.broken = metadata, broken

    browser = stand.browser()
    answer = await browser.get("/sign-in/oidc")
    provider.metadata, provider.broken = {}, False

    assert answer.status_code == status
    assert (await enter(browser)).status_code == 303


async def test_signing_out_goes_by_the_provider(stand: Stand, provider: Provider) -> None:
    """Given a session of the provider's, when it is ended here, then the browser goes there too, and our policy lets it."""
    browser = stand.browser()
    await enter(browser)

    answer = await browser.post("/sign-out", data={"csrf_token": stand.csrf(browser)})
    back = await at_provider(answer.headers["location"])

    assert answer.headers["location"].startswith(f"{provider.issuer}/logout?")
    assert f"form-action 'self' {provider.issuer};" in answer.headers["content-security-policy"]
    assert back.startswith(f"{HTTP}/signed-out")
    assert await stand.rows("SELECT FROM worklist.session") == []


async def test_a_session_ends_when_its_groups_lose_their_role(stand: Stand) -> None:
    """Given a session by a group, when users.yaml gives the group another role, then it ends."""
    browser = stand.browser()
    await enter(browser)
    assert (await browser.get("/")).status_code == 200

    stand.write_users(USERS.replace("nurses: {roles: [coordinator]", "nurses: {roles: [operator]"))

    assert (await browser.get("/")).status_code == 303


async def test_a_session_ends_when_the_provider_is_another(
    stand: Stand, database: str, tmp_path: Path, provider: Provider
) -> None:
    """Given a session by one provider, when a process with another, or with none, is asked, then it opens nothing."""
    browser = stand.browser()
    await enter(browser)

    for changed in (
        {"oidc_client_id": "another"},
        {"oidc_issuer": None, "oidc_client_id": None, "oidc_client_secret": None},
    ):
        async with standing(database, tmp_path, **settings(provider) | changed) as other:
            elsewhere = other.browser()
            elsewhere.cookies.set("baton", cookie_of(browser))
            assert (await elsewhere.get("/")).status_code == 303
