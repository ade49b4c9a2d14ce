"""The pages without scripts, over HTTP, on a real Postgres: what they show, take, refuse and never let out."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import escape, unescape

import httpx
import pytest

from services.worklist.pages_render import ASSETS
from tests.infra import PostgresServer
from tests.worklist import hospital
from tests.worklist.hospital import SCRIPT, Story
from tests.worklist.serving import Worklist, serving

MOST_BYTES = 200_000


@pytest.fixture(scope="module")
def served(
    postgres_server: PostgresServer, _template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worklist]:
    dsn = postgres_server.fresh_database(template=_template)
    with serving(dsn, tmp_path_factory.mktemp("worklist")) as worklist:
        yield worklist
    postgres_server.drop_database(dsn)


@pytest.fixture
def house(served: Worklist) -> Worklist:
    """An empty hospital."""
    served.clear()
    return served


@pytest.fixture
def browse(house: Worklist) -> Iterator["Browse"]:
    made = Browse(house)
    yield made
    for each in made.clients:
        each.close()


class Browse:
    """People with a browser that runs no scripts."""

    def __init__(self, worklist: Worklist) -> None:
        self.worklist = worklist
        self.clients: list[httpx.Client] = []

    def __call__(self, name: str = "rn.ann") -> "Person":
        token = self.worklist.sign_in(name)
        client = httpx.Client(
            base_url=self.worklist.address, cookies={"baton": token}, follow_redirects=True, trust_env=False
        )
        self.clients.append(client)
        return Person(client)


class Person:
    """Somebody who has signed in."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def press(self, page: httpx.Response, action: str, **typed: str) -> httpx.Response:
        """Fill in the form of a page that leads to `action`, and send it."""
        return self.client.post(action, data=fields(page.text, action) | typed)


def fields(page: str, action: str) -> dict[str, str]:
    """The hidden fields of a form."""
    form = next(
        each for each in re.findall(r"<form[^>]*>.*?</form>", page, re.DOTALL) if f'action="{action}' in each
    )
    return {
        name: unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    }


def now() -> datetime:
    return datetime.now(UTC)


def text(page: httpx.Response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


CALL = {"outcome": "no_answer", "party": "patient", "channel": "phone"}


# --- the list -----------------------------------------------------------------------------------------------


def test_the_list_begins_with_what_is_due_first(house: Worklist, browse: Browse):
    """Given three patients, when the list is opened, then they stand by time left, and the next to call has a reason."""
    stories = [Story(n, now(), name=f"Testcase, {name}", minutes=(minutes,), kinds=("handoff_ack_unit",))
               for n, (name, minutes) in enumerate((("Later", 300), ("Overdue", -30), ("Soon", 20)))]  # fmt: skip
    house.take_in(*stories)

    page = browse().get("/")

    names = re.findall(r'class="name"[^>]*>([^<]+)<', page.text)
    assert names == ["Testcase, Overdue", "Testcase, Soon", "Testcase, Later"]
    assert "Next Testcase, Overdue : handoff to the unit 30 min overdue; the least time left of all." in text(
        page
    )


def test_an_empty_hospital_reassures(browse: Browse):
    """Given nothing owed, when the list is opened, then it says so, and not that something is missing."""
    page = browse().get("/")

    assert "Nothing is owed Every call, visit and handoff known to Baton is done." in text(page)


def test_filters_are_the_address(house: Worklist, browse: Browse):
    """Given two units, when one is asked for, then only its patients are there, and empty fields leave the address."""
    house.take_in(Story(1, now(), unit="4W"), Story(2, now(), unit="ICU", name="Testcase, Elsewhere"))

    page = browse().get("/?unit=4W&team=&kind=")

    assert str(page.url).endswith("/?unit=4W")
    assert ("Testcase, Alpha" in page.text, "Elsewhere" in page.text) == (True, False)


@pytest.mark.parametrize("q", ["%", "_", "' OR 1=1", "\\", "x" * 10_000, "%" * 10_000])
def test_a_search_for_anything_is_answered(house: Worklist, browse: Browse, q: str):
    """Given a patient, when somebody searches for signs or for ten thousand letters, then nobody is found, calmly."""
    house.take_in(Story(1, now()))
    ann = browse()

    page = ann.press(ann.get("/"), "/search", q=q)

    assert page.status_code == 200
    assert ("Nothing here under these filters" in page.text, "Testcase, Alpha" in page.text) == (True, False)


def test_what_is_searched_for_is_in_no_address(house: Worklist, browse: Browse):
    """Given a patient, when they are searched for by name, then they are found, and no address holds the name."""
    house.take_in(Story(1, now()), Story(2, now(), name="Somebody, Else"))
    ann = browse()

    page = ann.press(ann.get("/"), "/search", q="alpha testc")

    assert ("Testcase, Alpha" in page.text, "Somebody, Else" in page.text) == (True, False)
    assert not [each for each in [*page.history, page] if "alpha" in str(each.url).lower()]


def test_a_search_is_its_owners(house: Worklist, browse: Browse):
    """Given somebody's search, when another person opens its address, then they are asked to search again."""
    house.take_in(Story(1, now()))
    ann = browse()
    found = ann.press(ann.get("/"), "/search", q="testcase")

    page = browse("rn.ray").get(found.url.raw_path.decode())

    assert "This search is not kept any more: type it again." in page.text


def test_pages_follow_each_other_without_gap_or_repetition(house: Worklist, browse: Browse):
    """Given 120 items, when the pages are followed, then each item is there once."""
    house.take_in(*(Story(n, now(), name=f"Testcase, {n}", minutes=(n + 10,)) for n in range(120)))
    ann = browse()
    seen: list[str] = []
    path = "/"
    while path:
        page = ann.get(path)
        seen += re.findall(r'<li class="item[^"]*" id="i-([^"]+)"', page.text)
        following = re.search(r'id="following" href="([^"]+)"', page.text)
        path = unescape(following[1]) if following else ""

    assert (len(seen), len(set(seen))) == (120, 120)


@pytest.mark.parametrize("after", ["nonsense", "%00", "W10"])
def test_a_place_that_is_none_is_told(browse: Browse, after: str):
    """Given an address with a place that is none, then a page says so."""
    page = browse().get(f"/?after={after}")

    assert (page.status_code in (400, 404), "To the list" in page.text) == (True, True)


# --- taken and given back -----------------------------------------------------------------------------------


def test_two_people_on_one_patient(house: Worklist, browse: Browse):
    """Given a patient taken by one, when another presses Take on an old page, then they are told, and it stays so."""
    story = Story(1, now())
    house.take_in(story)
    ann, ray = browse("rn.ann"), browse("rn.ray")
    old = ray.get("/")
    ann.press(ann.get("/"), f"/c/{story.case}/take")

    answer = ray.press(old, f"/c/{story.case}/take")

    assert (answer.status_code, "Somebody else works on this patient just now." in answer.text) == (409, True)
    assert "rn.ann has it" in text(ray.get("/"))
    assert "Release" in text(ann.get("/?mine=true"))


def test_release_gives_back_to_the_page_it_was_pressed_on(house: Worklist, browse: Browse):
    """Given one's own patient, when Release is pressed under a filter, then the same filter is shown, and it is free."""
    story = Story(1, now())
    house.take_in(story)
    ann = browse()
    ann.press(ann.get("/?unit=4W"), f"/c/{story.case}/take")

    page = ann.press(ann.get("/?unit=4W"), f"/c/{story.case}/release")

    assert str(page.url).endswith("/?unit=4W")
    assert "Take" in re.findall(r"data-take>(\w+)", page.text)


@pytest.mark.parametrize(
    "back",
    ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)"],
)
def test_back_leads_nowhere_else(house: Worklist, browse: Browse, back: str):
    """Given a form whose way back is another site, then it leads to the case."""
    story = Story(1, now())
    house.take_in(story)
    ann = browse()

    page = ann.press(ann.get("/"), f"/c/{story.case}/take", back=back)

    assert str(page.url) == f"{house.address}/c/{story.case}"


# --- a patient ----------------------------------------------------------------------------------------------


def test_a_case_says_whom_to_call_what_is_owed_and_who_said_so(house: Worklist, browse: Browse):
    """Given a case, when its page is opened, then people, phones, duties with their reasons and message ids are there."""
    story = hospital.full(now())
    house.take_in(story)

    page = text(browse().get(f"/c/{story.case}"))

    for words in (
        "Testcase, Alpha", "(555) 555-0500", "Testcase, Beta", "daughter", "Primary, Dr. Ann", "Spanish, interpreter?",
        "Call within 72 hours", "Call_72h is due so long after the discharge", "Responsible: coordinator", f"{story.id('call_72h')}:1",
        "Moved from MERCY ICU to MERCY 4W.", "Discharged to home.", f"{story.id('visit')}:1", "unanswered",
    ):  # fmt: skip
        assert words in page


def test_a_case_says_that_a_time_cannot_be_right(house: Worklist, browse: Browse):
    """Given a discharge before its admission, when the case is opened, then it says so and what to do."""
    story = replace(hospital.full(now()), flags=("implausible_time",))
    house.take_in(story)

    page = text(browse().get(f"/c/{story.case}"))

    assert "A time of this stay cannot be right: discharged before the admission" in page


def test_a_case_says_how_high_the_risk_is_and_why_this_programme(house: Worklist, browse: Browse):
    """Given a case with LACE, programme and handoff, then each is told with its parts and what is still to find out."""
    story = hospital.full(now())
    house.take_in(story)

    page = text(browse().get(f"/c/{story.case}"))

    assert (
        "Risk high , LACE 12 (length of stay 4, acuity 3, comorbidity 5, emergency visits 0; provisional"
        in page
    )
    assert (
        "Case management : four or more chronic conditions, clinical criteria met; to find out: specialists"
        in page
    )
    assert "Handoff declined since" in page
    assert re.search(r"assess: done today \d\d:\d\d, cm1 plan: cm1 hand over", page)


@pytest.mark.parametrize(("name", "reads"), [("rn.ann", False), ("lead", False), ("rn.sen", True)])
@pytest.mark.parametrize("path", ["/c/{case}", "/api/v1/cases/{case}"])
def test_sensitive_reasons_are_for_those_who_may(
    house: Worklist, browse: Browse, name: str, reads: bool, path: str
):
    """Given a reason that names substance use, then only a role for it reads it, on the page and in the API."""
    story = hospital.full(now())
    house.take_in(story)

    page = browse(name).get(path.format(case=story.case))

    assert page.status_code == 200
    assert ("substance use" in page.text or '"sud"' in page.text) == reads


def test_a_case_nobody_knows_is_a_page(browse: Browse):
    """Given no such case, when its link is opened, then a page says so."""
    page = browse().get("/c/NOSUCH1")

    assert (page.status_code, "There is no such patient or case here." in page.text) == (404, True)


def test_a_logged_call_waits_visibly(house: Worklist, browse: Browse):
    """Given Kafka away, when a call is logged, then it is kept, shown as waiting, and audited; twice sent it is once."""
    story = hospital.full(now())
    house.take_in(story)
    ann = browse()
    form = ann.get(f"/c/{story.case}?act=call")

    first = ann.press(form, f"/c/{story.case}/call", **CALL, note=f"Rang twice. {SCRIPT}")
    again = ann.press(form, f"/c/{story.case}/call", **CALL, note=f"Rang twice. {SCRIPT}")

    assert "Kept here, and sent as soon as Kafka can be reached." in first.text
    assert "waiting to be sent" in first.text
    assert (escape(SCRIPT) in first.text, SCRIPT in first.text) == (True, False)
    assert (again.status_code, again.text.count('id="a-')) == (200, 1)
    audited = house.rows(
        "SELECT actor, action, case_ids FROM worklist.audit WHERE object_type = 'contact_attempted' "
        "ORDER BY audit_id DESC LIMIT 1"
    )
    assert [tuple(row) for row in audited] == [("file:rn.ann", "CREATE", [story.case])]


def test_a_red_flag_is_said_at_once(house: Worklist, browse: Browse):
    """Given a call with a red flag, when it is logged, then the page says loudly that the team is alerted."""
    story = hospital.full(now())
    house.take_in(story)
    ann = browse()

    page = ann.press(
        ann.get(f"/c/{story.case}"),
        f"/c/{story.case}/call",
        **CALL | {"outcome": "reached"},
        **{"form.red_flag": "true"},
    )

    assert "RED FLAG. The team is alerted at once." in text(page)


def test_a_form_that_lacks_something_keeps_what_was_typed(house: Worklist, browse: Browse):
    """Given a form without an outcome, when it is sent, then the field is named and the note is still there."""
    story = hospital.full(now())
    house.take_in(story)
    ann = browse()

    page = ann.press(
        ann.get(f"/c/{story.case}"), f"/c/{story.case}/call", party="caregiver", note="kept words"
    )

    assert page.status_code == 422
    assert ("Choose one." in page.text, ">kept words</textarea>" in page.text) == (True, True)
    assert re.search(r'value="caregiver" checked', page.text)


def test_a_stale_form_is_answered_and_nothing_is_lost(house: Worklist, browse: Browse):
    """Given a form opened before a colleague logged a call, when it is sent, then it is shown again with the news;
    sent once more, it is taken.
    """
    story = hospital.full(now())
    house.take_in(story)
    ann = browse()
    form = ann.get(f"/c/{story.case}?act=call")
    house.act(story, "rn.ray", "reached")

    stale = ann.press(form, f"/c/{story.case}/call", **CALL, note="long words")
    taken = ann.press(stale, f"/c/{story.case}/call", **CALL, note="long words")

    assert stale.status_code == 409
    assert "This case has changed since you opened the form" in stale.text
    assert re.search(r"rn\.ray, \d\d:\d\d: Call or message: reached", text(stale))
    assert ">long words</textarea>" in stale.text
    assert (taken.status_code, "Entered" in taken.text or "Kept here" in taken.text) == (200, True)


def test_ones_own_entries_make_no_form_stale(house: Worklist, browse: Browse):
    """Given a form that is open, when the same person logs something in another tab, then the form is still good."""
    story = hospital.full(now())
    house.take_in(story)
    ann = browse()
    form = ann.get(f"/c/{story.case}")
    ann.press(form, f"/c/{story.case}/call", **CALL)

    page = ann.press(form, f"/c/{story.case}/book", occurs_at=f"{now() + timedelta(days=3):%Y-%m-%dT%H:%M}")

    assert (page.status_code, "Visit booked" in page.text) == (200, True)


TOMORROW = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT10:00}"


@pytest.mark.parametrize(
    ("form", "typed", "told"),
    [
        ("accept", {"kind": "handoff_ack_facility", "read_back": "true", "checklist.synthesis": "true"}, "Handoff accepted"),
        ("decline", {"kind": "handoff_ack_facility", "reason": "no bed"}, "Handoff declined"),
        ("delegate", {"kind": "handoff_ack_facility", "to": "Night team"}, "Handoff passed on"),
        ("book", {"occurs_at": TOMORROW}, "Visit booked"),
        ("visit", {}, "Visit took place"),
        ("medicines", {}, "Medicines reconciled"),
        ("primary-care", {}, "Primary care told"),
        ("complexity", {"complexity": "high"}, "Complexity judged: high"),
        ("assessment", {"specialists": "3", "supports": "unknown", "food_insecure": "true"}, "Assessment"),
        ("programme", {"decision": "case_management"}, "Programme confirmed"),
        ("waive", {"kind": "call_72h", "reason": "moved abroad"}, "Waived"),
        ("answer", {"kind": "med_rec_missed"}, "Alert answered"),
    ],
)  # fmt: skip
def test_every_form_becomes_an_action(
    house: Worklist, browse: Browse, form: str, typed: dict[str, str], told: str
):
    """Given a case, when each form is sent, then the action is in the outbox and on the page."""
    story = hospital.full(now())
    house.take_in(story)
    lead = browse("lead")

    page = lead.press(lead.get(f"/c/{story.case}"), f"/c/{story.case}/{form}", **typed)

    assert (page.status_code, told in text(page)) == (200, True)
    waiting = house.rows(
        "SELECT by FROM worklist.action WHERE state = 'waiting' AND episode_id = $1", story.case
    )
    assert [row["by"] for row in waiting] == ["lead"]


def test_what_was_entered_wrongly_is_withdrawn(house: Worklist, browse: Browse):
    """Given one's own call, when it is withdrawn with a reason, then it says so; a colleague's needs a supervisor."""
    story = hospital.full(now())
    house.take_in(story)
    ann = browse()
    page = ann.press(ann.get(f"/c/{story.case}"), f"/c/{story.case}/call", **CALL)

    refused = browse("rn.ray").press(
        browse("rn.ray").get(f"/c/{story.case}"), f"/c/{story.case}/call", outcome=""
    )
    after = ann.press(page, f"/c/{story.case}/withdraw", reason="wrong patient")

    assert "withdrawn" in text(after)
    assert f'action="/c/{story.case}/withdraw"' not in refused.text


def test_a_colleagues_entry_is_not_anybodys_to_withdraw(house: Worklist, browse: Browse):
    """Given a colleague's call, when a coordinator forges its withdrawal, then it is refused; a supervisor may."""
    story = hospital.full(now())
    house.take_in(story)
    action = house.act(story, "rn.ray")
    ann, lead = browse(), browse("lead")

    forged = ann.press(ann.get(f"/c/{story.case}"), f"/c/{story.case}/call", **CALL)
    token = fields(forged.text, f"/c/{story.case}/call")["csrf_token"]
    refused = ann.client.post(
        f"/c/{story.case}/withdraw", data={"csrf_token": token, "id": action, "reason": "x"}
    )
    allowed = lead.press(lead.get(f"/c/{story.case}"), f"/c/{story.case}/withdraw", reason="x", id=action)

    assert (refused.status_code, allowed.status_code) == (403, 200)


# --- roles --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("rn.ann", "/operations", 403), ("ops", "/operations", 200), ("ops", "/board", 403), ("lead", "/board", 200),
        ("ops", "/c/CAAAAABA", 403), ("ops", "/", 200), ("rn.ann", "/p/nobody", 404), ("hall", "/", 200), ("hall", "/board", 200), ("hall", "/operations", 403),
        ("hall", "/c/CAAAAABA", 403),
    ],
)  # fmt: skip
def test_each_role_has_its_pages(browse: Browse, name: str, path: str, status: int):
    """Given a role, when a page of another role is opened, then it is refused; an operator begins at operations."""
    assert browse(name).get(path).status_code == status


def test_a_coordinator_waives_nothing(house: Worklist, browse: Browse):
    """Given a coordinator, then the form to waive is not there, and forged it is refused."""
    story = hospital.full(now())
    house.take_in(story)
    ann = browse()
    page = ann.get(f"/c/{story.case}")
    token = fields(page.text, f"/c/{story.case}/call")["csrf_token"]

    forged = ann.client.post(
        f"/c/{story.case}/waive", data={"csrf_token": token, "kind": "call_72h", "reason": "no time"}
    )

    assert ("/waive" in page.text, forged.status_code) == (False, 403)


def test_nothing_is_shown_before_signing_in(house: Worklist):
    """Given nobody signed in, when an alert's link is opened, then the sign-in page comes, for any case alike."""
    house.take_in(Story(1, now()))
    with httpx.Client(base_url=house.address, trust_env=False) as client:
        answers = [client.get(f"/c/{case}") for case in (Story(1, now()).case, "NOSUCH1")]

    assert [(each.status_code, "Testcase" in each.text) for each in answers] == [(303, False), (303, False)]


# --- the board and operations -------------------------------------------------------------------------------


def test_a_wall_shows_no_name(house: Worklist, browse: Browse):
    """Given patients, when the board is open on a wall, then no name, number or birth date is on it."""
    house.take_in(*hospital.usual(now(), 30))

    page = browse().get("/board?unit=4W").text

    assert "overdue" in page
    for never in ("Testcase", "Okonkwo", "MRN", "(555)", "V10"):
        assert never not in page


def test_initials_are_shown_where_the_setting_allows_them(
    house: Worklist, browse: Browse, monkeypatch: pytest.MonkeyPatch
):
    """Given initials allowed, when the board is open, then two letters stand there, no name, and the audit knows."""
    house.take_in(Story(1, now(), name="Testcase, Alpha"))
    allowed = house.app.state.desk.settings.model_copy(update={"worklist_board_names": "initials"})
    monkeypatch.setattr(house.app.state.desk, "settings", allowed)

    page = text(browse("hall").get("/board"))

    assert ("T. A." in page, "Testcase" in page) == (True, False)
    rows = house.rows(
        "SELECT patient_ids, fields FROM worklist.audit WHERE actor = 'file:hall' AND object_type = 'board'"
    )
    assert [tuple(row) for row in rows] == [([Story(1, now()).id("patient")], ["initials"])]


def test_the_board_counts_what_its_unit_has(house: Worklist, browse: Browse):
    """Given two units, when one's board is open, then it counts that one, and says who holds what."""
    one, other = Story(1, now(), minutes=(30,)), Story(2, now(), unit="ICU", minutes=(-30,))
    house.take_in(one, other)
    ann = browse()
    ann.press(ann.get("/"), f"/c/{one.case}/take")

    page = text(ann.get("/board?unit=4W"))

    assert "0 overdue 1 due in the next hour 1 owed in all" in page
    assert "rn.ann: 1, until" in page


def test_operations_tells_nothing_of_any_patient(house: Worklist, browse: Browse):
    """Given patients, when operations are open, then feeds and counts are there, and nobody's name."""
    house.take_in(*hospital.usual(now(), 30))

    page = browse("ops").get("/operations").text

    assert "mercy" in page
    assert not [each for each in ("Testcase", "MRN", "(555)") if each in page]


# --- what a page is made of ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/board", "/operations", "case"])
def test_pages_are_light(house: Worklist, browse: Browse, path: str):
    """Given a crowded hospital, when a page is opened with all it needs, then it weighs less than 200 kB unzipped."""
    story = hospital.full(now())
    house.take_in(story, *hospital.usual(now(), 200))
    lead = browse("lead")

    page = lead.get(f"/c/{story.case}" if path == "case" else path)

    parts = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    weight = len(page.content) + sum(len(lead.client.get(part).content) for part in set(parts))
    assert len(set(parts)) >= 4
    assert weight < MOST_BYTES


def test_nothing_comes_from_elsewhere_and_nothing_is_inline(house: Worklist, browse: Browse):
    """Given the pages, then no script or style stands in them, and every address is ours."""
    story = hospital.full(now())
    house.take_in(story, *hospital.usual(now(), 30))
    lead = browse("lead")

    for path in ("/", f"/c/{story.case}", "/board", "/operations"):
        page = lead.get(path)
        assert not re.findall(r"<script(?![^>]* src=)|<style| style=|\son\w+=|https?://", page.text)
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"


def test_files_are_kept_for_ever_under_the_hash_of_their_content(browse: Browse):
    """Given a file, then it is cached for ever; under another version's hash it is sent, and not kept."""
    ann = browse()
    css = ASSETS["worklist.css"]

    now_, other = ann.get(css.address), ann.get(f"/static/000000000000/{css.name}")

    assert (now_.headers["cache-control"], now_.content) == (
        "public, max-age=31536000, immutable",
        css.content,
    )
    assert (other.status_code, other.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize("name", ["../pages.py", "..%2fpages.py", "%2e%2e/pages.py", "none.css", ""])
def test_only_our_files_are_served(browse: Browse, name: str):
    """Given a path out of the folder, then there is nothing there."""
    assert browse().get(f"/static/x/{name}").status_code == 404


def test_what_was_shown_is_recorded(house: Worklist, browse: Browse):
    """Given a list of two patients, when it is opened, then one audit row names both, and no name."""
    stories = [Story(1, now()), Story(2, now())]
    house.take_in(*stories)
    browse("lead").get("/?unit=4W")

    row = house.rows(
        "SELECT * FROM worklist.audit WHERE actor = 'file:lead' AND object_type = 'list' ORDER BY at DESC LIMIT 1"
    )[0]

    assert set(row["patient_ids"]) == {story.id("patient") for story in stories}
    assert "Testcase" not in str(dict(row))
