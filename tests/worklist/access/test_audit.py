"""The audit: a row for whatever is seen or done, and nothing seen or done without one."""

import asyncpg
import pytest

from services.worklist.access.audit import Action, Entry, From
from services.worklist.access.caller import Seen
from tests.worklist.access.stand import CASE, OTHER, PATIENT, Stand, sign_in

ROW = """
SELECT actor, roles, action, object_type, object_id, patient_ids, case_ids, fields, purpose, address,
       session_id = (SELECT session_id FROM worklist.session) AS of_session, outcome, reason
FROM worklist.audit WHERE action <> 'LOGIN' ORDER BY audit_id
"""


async def test_a_view_is_recorded_whole(stand: Stand) -> None:
    """Given a patient's page, when it is shown, then a row says who, in which role and session, from where, whose, what."""
    browser = await stand.signed_in()

    await browser.get(f"/c/{CASE}")

    assert [tuple(row) for row in await stand.rows(ROW)] == [
        ("file:rn1", ["coordinator"], "VIEW", "patient", CASE, [PATIENT], [CASE], ["name", "phones"], "TREAT",
         "10.1.2.3", True, "done", None)
    ]  # fmt: skip


async def test_a_list_is_recorded_with_everybody_on_it(stand: Stand) -> None:
    """Given a list of two patients, when it is shown, then its one row names both."""
    browser = await stand.signed_in()

    await browser.get("/list")

    assert [row["patient_ids"] for row in await stand.rows(ROW)] == [[PATIENT, OTHER]]


async def test_an_action_and_its_row_are_there_both_or_neither(stand: Stand) -> None:
    """Given an action, when its transaction commits, then its row is there; when it fails, then neither is."""
    browser = await stand.signed_in()
    form = {"csrf_token": stand.csrf(browser)}

    await browser.post("/act", data=form)
    await browser.post("/act?fails=true", data=form)

    assert await stand.audit() == [("file:rn1", "CREATE", "contact_attempted", "done", None)]


async def test_signing_in_and_failing_to_are_recorded(stand: Stand) -> None:
    """Given a right and wrong sign-ins, when they are recorded, then a name nobody has stands nowhere: it may be a password."""
    await sign_in(stand.browser(), "hunter2 is my password")
    await sign_in(stand.browser(), "rn1", "wrong but long enough")
    await sign_in(stand.browser(), "rn1")

    rows = await stand.rows(
        "SELECT actor, action, outcome, reason, address FROM worklist.audit ORDER BY audit_id"
    )

    assert [tuple(row) for row in rows] == [
        ("nobody", "LOGIN", "refused", "wrong_password", "10.1.2.3"),
        ("file:rn1", "LOGIN", "refused", "wrong_password", "10.1.2.3"),
        ("file:rn1", "LOGIN", "done", "password", "10.1.2.3"),
    ]
    everything = await stand.rows(
        "SELECT a::text AS row FROM worklist.audit a UNION SELECT t::text FROM worklist.throttle t"
    )
    assert not [row for row in everything if "hunter" in row["row"]]


async def test_what_cannot_be_recorded_is_not_shown_and_not_done(stand: Stand) -> None:
    """Given an audit that takes no row, when a page is asked for or an action sent, then nothing of it is in the answer."""
    browser = await stand.signed_in()
    form = {"csrf_token": stand.csrf(browser)}
    await stand.execute("ALTER TABLE worklist.audit ADD CONSTRAINT full_up CHECK (false) NOT VALID")

    answers = [
        await browser.get(f"/c/{CASE}"),
        await browser.get("/list"),
        await browser.post("/act", data=form),
    ]

    assert [answer.status_code for answer in answers] == [503, 503, 500]
    assert not any("Testperson" in answer.text for answer in answers)


async def test_nobody_gets_in_unrecorded(stand: Stand) -> None:
    """Given an audit that takes no row, when somebody signs in rightly, then there is no session."""
    await stand.execute("ALTER TABLE worklist.audit ADD CONSTRAINT full_up CHECK (false) NOT VALID")

    answer = await sign_in(stand.browser())

    assert answer.status_code == 500
    assert await stand.rows("SELECT FROM worklist.session") == []


async def test_an_answer_whose_handler_forgot_is_withheld(stand: Stand) -> None:
    """Given a handler that says not whose data it shows, when it answers, with a form come back too, then no byte leaves."""
    browser = await stand.signed_in()

    for status in (200, 201, 409, 422):
        answer = await browser.get("/forgotten", params={"status": status})
        assert answer.status_code == 500
        assert "Testperson" not in answer.text


async def test_what_a_page_fetches_again_is_recorded_once(stand: Stand) -> None:
    """Given a list that a person opened, when the page renews it by itself, then there is no second row; by a click, there is."""
    browser = await stand.signed_in()
    again = {"Baton-Background": "true"}

    await browser.get("/list")
    await browser.get("/list", headers=again)
    await browser.get(f"/c/{CASE}", headers=again)
    await browser.get("/list")

    assert [row["object_type"] for row in await stand.rows(ROW)] == ["list", "patient", "list"]


async def test_only_who_is_new_on_a_renewed_list_is_recorded() -> None:
    """Given two patients shown, when a third comes, then the row has the third; for another session, all three."""
    seen, here, there = Seen(), From(None, None, PATIENT), From(None, None, OTHER)
    seen.remember(here, Entry(Action.VIEW, "list", patients=[PATIENT], cases=["A"]))
    whole = Entry(Action.VIEW, "list", patients=[PATIENT, OTHER], cases=["A", "B"])

    assert seen.only_new(here, whole) == Entry(Action.VIEW, "list", patients=[OTHER], cases=["B"])
    assert seen.only_new(there, whole) == whole


async def test_other_fields_and_exports_are_recorded_each_time(stand: Stand) -> None:
    """Given a patient shown, when a page says it fetches again, and has other fields or is an export, then it is a row."""
    seen, here = Seen(), From(None, None, PATIENT)
    seen.remember(here, Entry(Action.VIEW, "patient", patients=[PATIENT], fields=["name"]))
    more = Entry(Action.VIEW, "patient", patients=[PATIENT], cases=[], fields=["name", "phones"])
    browser = await stand.signed_in()
    again = {"Baton-Background": "true"}

    assert seen.only_new(here, more) == more
    for _ in range(2):
        await browser.get("/export", headers=again)
    assert [row["action"] for row in await stand.rows(ROW)] == ["EXPORT", "EXPORT"]


async def test_no_row_is_changed_or_taken_out_even_by_the_owner(stand: Stand) -> None:
    """Given rows of the audit, when anybody changes them, the owner of the table included, then that is refused."""
    await stand.signed_in()

    for statement in (
        "UPDATE worklist.audit SET actor = 'somebody else'",
        "DELETE FROM worklist.audit",
        "TRUNCATE worklist.audit",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await stand.execute(statement)
