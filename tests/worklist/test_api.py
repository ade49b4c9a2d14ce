"""The API over HTTP: what is answered to whom, what is recorded, and what a bad day looks like from outside."""

import asyncio
import csv
import io
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.worklist import queries
from tests.worklist.builders import CASE, PATIENT, a_deadline, a_person, an_encounter, an_episode, at
from tests.worklist.stand import Worklist

pytestmark = pytest.mark.postgres

API = "/api/v1"
CALL = {"type": "contact_attempted", "channel": "phone", "party": "patient", "outcome": "no_answer"}


async def test_the_list_is_shown_and_recorded(house: Worklist) -> None:
    """Given somebody who may, when they read the list, then it stands there, and in the audit who was shown."""
    browser = await house.browser("rn1")
    shown = (await browser.post(f"{API}/list", json={"unit": "4W", "q": "maren"})).json()

    assert [(item["case"], item["name"], item["due_at"]) for item in shown["items"]] == [
        (CASE, "Okonkwo-Lindé, Maren", "2026-01-12T20:00:00Z")
    ]
    assert shown["counts"] == {"total": 1, "overdue": 0, "late_known": 0, "mine": 0}
    (row,) = await house.rows(
        "SELECT actor, action, patient_ids, case_ids FROM audit WHERE object_type = 'list'"
    )
    assert (row["actor"], row["action"], row["patient_ids"], row["case_ids"]) == (
        "file:rn1",
        "VIEW",
        [PATIENT],
        [CASE],
    )


ROLES: dict[tuple[str, str], dict[str | None, int]] = {
    ("GET", "/list"): {None: 401, "rn1": 200, "ops": 403},
    ("GET", "/list.csv"): {None: 401, "rn1": 403, "lead": 200, "ops": 403},
    ("GET", "/counts"): {None: 401, "rn1": 200, "ops": 403},
    ("GET", "/choices"): {None: 401, "rn1": 200, "ops": 403},
    ("POST", "/list"): {None: 401, "rn1": 422, "ops": 403},
    ("POST", "/patients/search"): {None: 401, "rn1": 422, "ops": 403},
    ("GET", f"/cases/{CASE}"): {None: 401, "rn1": 200, "ops": 403},
    ("GET", f"/patients/{PATIENT}"): {None: 401, "rn1": 200, "ops": 403},
    ("GET", "/cases/NOBODY12"): {None: 401, "rn1": 404, "ops": 403},
    ("GET", f"/patients/{UUID(int=5)}"): {None: 401, "rn1": 404},
    ("GET", "/board"): {None: 401, "rn1": 200, "ops": 403},
    ("GET", "/alerts"): {None: 401, "rn1": 200, "ops": 403},
    ("GET", "/operations"): {None: 401, "rn1": 403, "ops": 200},
    ("GET", "/openapi.json"): {None: 401, "rn1": 200, "ops": 200},
    ("POST", f"/cases/{CASE}/take"): {None: 401, "rn1": 200, "lead": 409, "ops": 403},
    ("POST", f"/cases/{CASE}/release"): {None: 401, "ops": 403, "rn1": 200},
}


async def test_each_is_answered_what_their_role_may(house: Worklist) -> None:
    """Nobody without signing in, nothing of patients to operators, an export to supervisors only."""
    browsers = {name: await house.browser(name) for name in (None, "rn1", "lead", "ops")}
    found: dict[tuple[str, str], dict[str | None, int]] = {}
    for (method, path), wanted in ROLES.items():
        answers = {name: await browsers[name].request(method, API + path) for name in wanted}
        found[method, path] = {name: answer.status_code for name, answer in answers.items()}
        for answer in answers.values():
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json"
                assert set(answer.json()) == {"title", "status", "detail", "fields"}
                assert "Okonkwo" not in answer.text

    assert found == ROLES


async def test_an_action_is_entered_once_by_its_key(house: Worklist) -> None:
    """Given the same key twice, when it is sent, then both are answered the same, and one row says who did it."""
    browser = await house.browser("rn1")
    headers = {"Idempotency-Key": "k1"}
    answers = [
        await browser.post(f"{API}/cases/{CASE}/actions", json=CALL, headers=headers) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert (answers[0].json()["state"], answers[0].json()["by"]) == ("waiting", "rn1")
    rows = await house.rows("SELECT actor, case_ids FROM audit WHERE object_type = 'contact_attempted'")
    assert rows == [{"actor": "file:rn1", "case_ids": [CASE]}]


async def test_a_waiver_and_what_others_entered_want_a_supervisor(house: Worklist) -> None:
    nurse, lead = await house.browser("rn1"), await house.browser("lead")
    path = f"{API}/cases/{CASE}/actions"
    await lead.post(path, json=CALL, headers={"Idempotency-Key": "theirs"})
    await nurse.post(path, json=CALL, headers={"Idempotency-Key": "own"})
    waiver = {"type": "deadline_waived", "kind": "call_72h", "reason": "moved abroad"}
    tried: list[dict[str, Any]] = [
        waiver, {"type": "action_withdrawn", "id": "theirs"}, {"type": "action_withdrawn", "id": "own"},
    ]  # fmt: skip

    assert [(await nurse.post(path, json=said)).status_code for said in tried] == [403, 403, 202]
    assert [(await lead.post(path, json=said)).status_code for said in tried[:2]] == [202, 202]


async def test_without_its_token_nothing_is_done(house: Worklist) -> None:
    """A page of another site may send a request with the cookie; it does not have the token."""
    browser = await house.browser("rn1")
    del browser.headers["X-CSRF-Token"]

    assert (await browser.post(f"{API}/cases/{CASE}/take")).status_code == 403
    assert await house.rows("SELECT * FROM lease") == []


async def test_a_slow_database_is_answered_for_and_not_waited_for(house: Worklist) -> None:
    """Given a table that somebody holds, when the list is read, then it is 503 with when to come again, soon."""
    browser = await house.browser("rn1")
    object.__setattr__(house.desk.settings, "worklist_answer_within", 0.2)
    async with house.pool.acquire() as db, db.transaction():
        await db.execute("LOCK TABLE deadline IN ACCESS EXCLUSIVE MODE")
        answer = await browser.get(f"{API}/list")

    assert (answer.status_code, answer.json()["title"], answer.headers["Retry-After"]) == (
        503,
        "unavailable",
        "2",
    )
    assert (await browser.get(f"{API}/list")).status_code == 200


async def test_a_process_that_starts_says_so(house: Worklist) -> None:
    browser = await house.browser("rn1")
    service, house.desk.service = house.desk.service, object()  # type: ignore[assignment]
    answer = await browser.get(f"{API}/counts")
    house.desk.service = service

    assert (answer.status_code, answer.json()["title"]) == (503, "unavailable")


async def test_a_fault_of_ours_shows_nothing(house: Worklist, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given an error whose text holds what was worked on, when it is met, then the answer does not hold it."""
    browser = await house.browser("rn1")

    async def breaks(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("Okonkwo-Lindé")

    monkeypatch.setattr(queries, "page", breaks)
    answer = await browser.get(f"{API}/list")

    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "Okonkwo" not in answer.text


async def test_an_export_of_everything_is_cut_and_recorded(house: Worklist) -> None:
    """Given more than an export may hold, when a supervisor takes it all, then it is cut, and every patient is recorded."""
    object.__setattr__(house.desk.settings, "worklist_export_max", 3)
    await house.hear(*(a_deadline(deadline_id=UUID(int=100 + n), due_at=at(90 + n)) for n in range(5)))
    browser = await house.browser("lead")
    answer = await browser.get(f"{API}/list.csv")

    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert [line["due_at"] for line in lines] == [
        f"2026-01-{d}T{h}:00:00Z" for d, h in ((12, 20), (13, 14), (13, 15))
    ]
    assert answer.headers["X-Truncated"] == "true"
    (row,) = await house.rows("SELECT patient_ids, case_ids FROM audit WHERE action = 'EXPORT'")
    assert row == {"patient_ids": [PATIENT], "case_ids": [CASE]}


async def test_a_name_is_no_formula(empty: Worklist) -> None:
    """Given a name that a spreadsheet would run, when it is exported, then it is text."""
    await empty.hear(an_encounter(1, a_person(name="=HYPERLINK(1)")), an_episode(), a_deadline())
    browser = await empty.browser("lead")

    (line,) = csv.DictReader(io.StringIO((await browser.get(f"{API}/list.csv")).text))
    assert line["name"] == "'=HYPERLINK(1)"


WRONG = {
    "/list?limit=0": "query.limit",
    "/list?limit=many": "query.limit",
    "/list?team=%00": "query.team",
    "/list?mine=perhaps": "query.mine",
    f"/list?unit={'x' * 201}": "query.unit",
    "/list?after=nowhere": "after",
    "/list?after=WyIyMDI2IiwxXQ": "after",
    "/list?nonsense=1": "query.nonsense",
    "/patients/x": "path.patient_id",
    "/board?hours=1000": "query.hours",
}


async def test_what_is_asked_wrongly_is_named(house: Worklist) -> None:
    """With the field, and no value of what was sent."""
    browser = await house.browser("rn1")
    answers = {path: await browser.get(API + path) for path in WRONG}

    assert {answer.status_code for answer in answers.values()} == {404, 422}
    assert {path: answer.json()["fields"] for path, answer in answers.items()} == {
        p: [f] for p, f in WRONG.items()
    }


async def test_what_is_searched_for_may_be_anything(house: Worklist) -> None:
    """Signs of SQL, ten thousand characters and a NUL find nobody, and are not refused."""
    browser = await house.browser("rn1")
    for q in ("%", "_", "'; DROP TABLE deadline; --", "x" * 10_000, "\x00"):
        answers = [await browser.post(f"{API}/{path}", json={"q": q}) for path in ("list", "patients/search")]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert (answers[0].json()["items"], answers[1].json()) == ([], [])


async def test_the_stream_is_one(house: Worklist) -> None:
    """Given a page that was at a change, when it asks for what came since, then the stream begins with that."""
    browser = await house.browser("rn1")
    (row,) = await house.rows("SELECT max(change_id) AS last FROM change")
    await house.hear(a_deadline("met", revision=2))
    seen = bytearray()

    async def listen() -> None:
        request = browser.build_request("GET", f"{API}/events", headers={"Last-Event-ID": str(row["last"])})
        scope = {
            "type": "http", "method": "GET", "path": f"{API}/events", "raw_path": f"{API}/events".encode(),
            "query_string": b"", "headers": [(k.lower(), v) for k, v in request.headers.raw], "scheme": "http",
            "server": ("127.0.0.1", 8000), "client": ("10.1.2.3", 4711), "http_version": "1.1",
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            return {}

        async def send(message: Any) -> None:
            seen.extend(message.get("body", b""))

        await house.app(scope, receive, send)

    listening = asyncio.create_task(listen())
    async with asyncio.timeout(10):
        while b"event: change" not in seen:
            await asyncio.sleep(0.01)
    listening.cancel()

    assert seen.startswith(b"retry: 2000\n\n")
    assert CASE.encode() in seen
    assert b"Okonkwo" not in seen


async def test_the_link_of_an_alert_shows_nothing_before_sign_in(house: Worklist) -> None:
    """Given the address in an alert, when a stranger opens it, then they are asked to sign in, and nothing is said."""
    stranger, nurse = await house.browser(None), await house.browser("rn1")
    answers: list[httpx.Response] = [await stranger.get(f"/c/{case}") for case in (CASE, "NOBODY12")]

    assert {answer.status_code for answer in answers} == {303}
    assert "Okonkwo" not in answers[0].text
    assert "Okonkwo" in (await nurse.get(f"/c/{CASE}")).text
