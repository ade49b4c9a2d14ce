"""Every route of the worklist as it is served, a new one too: nobody, an operator, and a coordinator ask for it."""

from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from tests.worklist.builders import CASE, PATIENT
from tests.worklist.stand import Worklist

VALUES = ("Okonkwo", "M-70001", "1948-03-02", "555-0100", "Teodor", "V-1004")
FILLED = {
    "{case}": CASE, "{patient_id}": str(PATIENT), "{name}": "call", "{digest}": "0", "{name:path}": "worklist.css",
}  # fmt: skip
OPEN = (
    "/sign-in",
    "/sign-in/link",
    "/sign-in/oidc",
    "/sign-in/callback",
    "/signed-out",
    "/static/0/worklist.css",
)
ENDLESS = "/api/v1/events"


def routes(found: list[BaseRoute]) -> Iterator[tuple[str, str]]:
    for route in found:
        if isinstance(route, APIRoute):
            path = route.path
            for name, value in FILLED.items():
                path = path.replace(name, value)
            assert "{" not in path, f"say in FILLED what {route.path} is asked for with"
            for method in sorted(route.methods or ()):
                yield method, path
        elif hasattr(route, "original_router"):
            yield from routes(route.original_router.routes)


async def ask(browser: httpx.AsyncClient, method: str, path: str) -> httpx.Response:
    searched = {"q": "maren"} if method == "POST" and path.endswith(("/patients/search", "/list")) else None
    return await browser.request(method, path, json=searched)


async def test_nobody_sees_anything_but_the_way_in(house: Worklist) -> None:
    """Given nobody, when every route is asked for, then it is the form, or a 401 or 403, and no value of the patient."""
    browser = await house.browser(None)
    found = list(routes(house.app.routes))

    for method, path in found:
        answer = await ask(browser, method, path)
        where = f"{method} {path} {answer.status_code}"
        assert not [each for each in VALUES if each in answer.text], where
        if path not in OPEN:
            assert answer.status_code == 401 or answer.headers["location"].startswith("/sign-in"), where

    assert len(found) > 25
    assert await house.rows("SELECT FROM audit WHERE outcome = 'done'") == []


@pytest.mark.parametrize("who", ["ops", "hall"])
async def test_who_may_see_no_patient_sees_no_value_of_any(house: Worklist, who: str) -> None:
    """Given an operator, or a screen in the hall, when every route is asked for, then no answer holds a value of the patient."""
    browser = await house.browser(who)

    for method, path in routes(house.app.routes):
        if path in {"/sign-out", ENDLESS}:
            continue
        answer = await ask(browser, method, path)
        where = f"{method} {path} {answer.status_code}"
        assert not [each for each in VALUES if each in answer.text], where
        assert answer.status_code < 500, where


@pytest.mark.parametrize("who", ["rn1", "lead"])
async def test_whatever_shows_a_patient_is_in_the_audit(house: Worklist, who: str) -> None:
    """Given somebody who may, when an answer of any route holds a value of the patient, then a new row names the patient."""
    browser = await house.browser(who)
    shown = []

    for method, path in routes(house.app.routes):
        if path in {"/sign-out", ENDLESS}:
            continue
        before = await _rows_about(house, PATIENT)
        answer = await ask(browser, method, path)
        where = f"{method} {path} {answer.status_code}"
        assert answer.status_code < 500, f"{where}: {answer.text[:200]}"
        if any(each in answer.text for each in VALUES):
            shown.append(where)
            assert await _rows_about(house, PATIENT) > before, where

    assert {"GET / 200", f"GET /c/{CASE} 200", f"GET /api/v1/cases/{CASE} 200"} <= set(shown)


async def _rows_about(house: Worklist, patient: UUID) -> int:
    (row,) = await house.rows(
        "SELECT count(*) FROM audit WHERE outcome = 'done' AND $1 = ANY (patient_ids)", patient
    )
    count: int = row["count"]
    return count
