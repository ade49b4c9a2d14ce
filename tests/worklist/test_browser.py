"""The worklist in Chromium: every page with axe, in light and dark, at desk and phone width; keys, live rows, bad days."""

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect, sync_playwright

from services.worklist.pages_forms import BY_NAME, FORMS
from tests.infra import PostgresServer
from tests.worklist import hospital
from tests.worklist.hospital import Story
from tests.worklist.serving import PASSWORD, Worklist, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: chromium)")
DESK, PHONE = (1440, 900), (390, 844)
SHOTS = os.environ.get("BATON_TEST_SHOTS")
"""A folder for a picture of every page that axe looks at."""


@pytest.fixture(scope="module")
def served(
    postgres_server: PostgresServer, _template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worklist]:
    dsn = postgres_server.fresh_database(template=_template)
    with serving(dsn, tmp_path_factory.mktemp("worklist")) as worklist:
        yield worklist
    postgres_server.drop_database(dsn)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def house(served: Worklist) -> Worklist:
    """An empty hospital."""
    served.clear()
    return served


class Desk:
    """People at screens; whatever goes wrong in their consoles is kept."""

    def __init__(self, worklist: Worklist, browser: Browser) -> None:
        self.worklist = worklist
        self.browser = browser
        self.contexts: list[BrowserContext] = []
        self.trouble: list[str] = []

    def sit(self, name: str | None = "rn.ann", size: tuple[int, int] = DESK, **more: Any) -> Page:
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, base_url=self.worklist.address, **more
        )
        context.set_default_timeout(15_000)
        self.contexts.append(context)
        if name is not None:
            token = self.worklist.sign_in(name)
            context.add_cookies([{"name": "baton", "value": token, "url": self.worklist.address}])
        page = context.new_page()
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("dialog", lambda dialog: self.trouble.append(f"a script of somebody's ran: {dialog.message}"))
        page.on("console", self._hear)
        return page

    def _hear(self, said: Any) -> None:
        # What Chromium and htmx say of a server that is away; the page itself says it to the person.
        away = "Failed to load resource" in said.text or said.text.startswith(
            ("htmx:afterRequest", "htmx:sendError")
        )
        if said.type == "error" and not away:
            self.trouble.append(said.text)


@pytest.fixture
def desk(house: Worklist, chromium: Browser) -> Iterator[Desk]:
    made = Desk(house, chromium)
    yield made
    for context in made.contexts:
        context.close()
    assert made.trouble == []


def now() -> datetime:
    return datetime.now(UTC)


# --- every page, by axe -------------------------------------------------------------------------------------


def look_at(desk: Desk, hospital_name: str, pages: dict[str, tuple[str | None, str]]) -> list[str]:
    """What axe finds, and which page is wider than its screen."""
    found = []
    for size in (DESK, PHONE):
        for what, (who, path) in pages.items():
            # What still fades from light to dark has the contrast of neither.
            page = desk.sit(who, size, reduced_motion="reduce")
            page.goto(path)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                rules = {"runOnly": ["color-contrast"]} if scheme == "dark" else {}
                results = (
                    Axe().run(page, options={"resultTypes": ["violations"]} | rules).response["violations"]
                )
                where = f"{hospital_name} {what} {size[0]} {scheme}"
                found += [f"{where}: {each['id']}: {each['nodes'][0]['html'][:200]}" for each in results]
                if SHOTS:
                    page.screenshot(path=f"{SHOTS}/{where.replace(' ', '-')}.png", full_page=what != "list")
            if page.evaluate("document.documentElement.scrollWidth") > size[0]:
                found.append(f"{hospital_name} {what} is wider than {size[0]}")
            page.context.close()
    return found


def test_an_empty_hospital_is_accessible(desk: Desk):
    """Given nothing owed, when list, board and operations are open, then axe finds nothing wrong."""
    pages: dict[str, tuple[str | None, str]] = {
        "list": ("rn.ann", "/"), "board": ("rn.ann", "/board"), "operations": ("ops", "/operations"),
        "sign-in": (None, "/sign-in"), "nothing": ("rn.ann", "/c/NOSUCH1"),
    }  # fmt: skip

    assert look_at(desk, "empty", pages) == []


def test_a_normal_hospital_is_accessible(desk: Desk):
    """Given a dozen patients, when every page and form is open, then axe finds nothing wrong."""
    story = hospital.full(now())
    desk.worklist.take_in(story, *hospital.usual(now(), 12))
    desk.worklist.act(story)
    pages: dict[str, tuple[str | None, str]] = {
        "list": ("lead", "/?unit=4W"), "case": ("lead", f"/c/{story.case}?act=call"),
        "board": ("lead", "/board?unit=4W"), "operations": ("lead", "/operations"),
    }  # fmt: skip

    assert look_at(desk, "normal", pages) == []


def test_a_crowded_hospital_is_accessible(desk: Desk):
    """Given four hundred patients with names of every length, when list and board are open, then axe finds nothing wrong."""
    desk.worklist.take_in(*hospital.usual(now(), 400))
    pages: dict[str, tuple[str | None, str]] = {"list": ("rn.ann", "/"), "board": ("rn.ann", "/board")}

    assert look_at(desk, "crowded", pages) == []


# --- keys ---------------------------------------------------------------------------------------------------


def test_the_list_is_worked_by_keys(desk: Desk):
    """Given three patients, when j, k, t, Enter, u and / are pressed, then each does what the help says."""
    stories = [Story(n, now(), name=f"Testcase, {n}", minutes=(n * 60 + 30,)) for n in range(3)]
    desk.worklist.take_in(*stories)
    page = desk.sit()
    page.goto("/")
    for key in ("j", "j", "j", "k"):
        page.keyboard.press(key)
    expect(page.locator(":focus")).to_have_text("Testcase, 1")

    page.keyboard.press("t")
    expect(page.locator("#items > li").nth(1)).to_contain_text("Release")
    expect(page.locator(":focus")).to_have_text("Testcase, 1")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/c/{stories[1].case}")
    page.keyboard.press("c")
    expect(page.locator("#call[open]")).to_have_count(1)
    page.locator("h1").click()
    page.keyboard.press("u")
    page.wait_for_url("**/")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("t?")
    expect(page.locator("#q")).to_have_value("t?")


def test_help_opens_and_keys_can_be_turned_off(desk: Desk):
    """Given the help, when single keys are turned off there, then none does anything any more."""
    desk.worklist.take_in(Story(1, now()))
    page = desk.sit()
    page.goto("/")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("take, or release")
    page.get_by_label("Use single keys on this computer").uncheck()
    page.get_by_role("button", name="Close").click()

    page.keyboard.press("j")

    expect(page.locator("#items a:focus")).to_have_count(0)


# --- live ---------------------------------------------------------------------------------------------------


def test_what_a_colleague_takes_shows_at_once(desk: Desk):
    """Given two open lists, when one takes a patient, then the other's row says so, in place, and keeps its focus."""
    story = Story(1, now())
    desk.worklist.take_in(story, Story(2, now(), name="Somebody, Else"))
    ann, ray = desk.sit("rn.ann"), desk.sit("rn.ray")
    for page in (ann, ray):
        page.goto("/")
        expect(page.locator(".when-live")).to_be_visible()
    ray.keyboard.press("j")

    ann.locator("#items > li").first.get_by_role("button").click()

    expect(ray.locator("#items > li").first).to_contain_text("rn.ann has it")
    expect(ray.locator("#items > li").first.locator("a.name")).to_be_focused()


def test_nothing_jumps_under_the_pointer(desk: Desk):
    """Given the pointer on the list, when somebody comes in before, then rows stay, a button offers the news, and the
    pointer's leaving shows them.
    """
    desk.worklist.take_in(*(Story(n, now(), name=f"Testcase, {n}", minutes=(n + 60,)) for n in range(3)))
    page = desk.sit()
    page.goto("/")
    expect(page.locator(".when-live")).to_be_visible()
    page.wait_for_timeout(100)
    page.locator("#items > li").nth(1).hover()

    desk.worklist.take_in(Story(9, now(), name="Testcase, New", minutes=(5,)))

    expect(page.get_by_role("button", name="1 new: show")).to_be_visible()
    expect(page.locator("#items .name").first).to_have_text("Testcase, 0")
    page.locator("h1").hover()
    expect(page.locator("#items .name").first).to_have_text("Testcase, New")
    expect(page.locator("#news")).to_have_count(0)


def test_what_is_done_elsewhere_dims_under_the_pointer(desk: Desk):
    """Given the pointer on the list, when an item is done, then its row stays where it is, dim, until the news are shown."""
    stories = [Story(n, now(), name=f"Testcase, {n}", minutes=(n + 60,)) for n in range(3)]
    desk.worklist.take_in(*stories)
    page = desk.sit()
    page.goto("/")
    expect(page.locator(".when-live")).to_be_visible()
    page.wait_for_timeout(100)
    page.locator("#items > li").nth(1).hover()
    stories[0].status, stories[0].revision = {"call_72h": "met"}, 2

    desk.worklist.take_in(stories[0])

    expect(page.locator("#items > li.gone")).to_have_count(1)
    page.keyboard.press("r")
    expect(page.locator("#items > li")).to_have_count(2)


def test_typing_goes_on_while_news_come_in(desk: Desk):
    """Given a note half written, when a colleague's call comes in, then it shows beside, and the note and focus stay;
    the form, sent, is answered as stale with the note in it.
    """
    story = hospital.full(now())
    desk.worklist.take_in(story)
    page = desk.sit()
    page.goto(f"/c/{story.case}?act=call")
    expect(page.locator(".when-live")).to_be_visible()
    note = page.get_by_label("Note").first
    note.fill("Half a sentence")

    desk.worklist.act(story, "rn.ray", "left_message")
    story.revision = 2
    desk.worklist.take_in(story)

    expect(page.locator("#did-title + .story")).to_contain_text("left a message")
    expect(note).to_have_value("Half a sentence")
    expect(note).to_be_focused()
    page.get_by_label("no answer").check()
    page.get_by_role("button", name="Log it").click()
    expect(page.get_by_role("alert")).to_contain_text("This case has changed since you opened the form")
    expect(page.get_by_label("Note").first).to_have_value("Half a sentence")
    page.get_by_role("button", name="Log it").click()
    expect(page.locator("#did-title + .story")).to_contain_text("no answer")


def test_a_reason_half_written_in_the_live_part_stays(desk: Desk):
    """Given a withdrawal half written, when news come in around it, then its words and the open fold are still there."""
    story = hospital.full(now())
    desk.worklist.take_in(story)
    desk.worklist.act(story, "rn.ray")
    page = desk.sit("lead")
    page.goto(f"/c/{story.case}")
    expect(page.locator(".when-live")).to_be_visible()
    page.locator("#did-title + .story").get_by_text("Withdraw").first.click()
    page.get_by_label("Why was it wrong?").fill("Another pat")

    desk.worklist.act(story, "rn.ann", "left_message")
    story.revision = 2
    desk.worklist.take_in(story)

    expect(page.locator("#did-title + .story")).to_contain_text("left a message")
    expect(page.get_by_label("Why was it wrong?").locator("visible=true")).to_have_value("Another pat")


def test_a_stream_that_is_cut_comes_back(desk: Desk):
    """Given a stream that cannot be had, then the page says so; when it can be had again, what was missed is there."""
    desk.worklist.take_in(Story(1, now(), minutes=(60,)))
    page = desk.sit()

    def cut(route: Route) -> None:
        route.abort()

    page.route("**/api/v1/events*", cut)
    page.goto("/")
    expect(page.get_by_text("connection cut: trying again")).to_be_visible()
    desk.worklist.take_in(Story(2, now(), name="Testcase, Missed", minutes=(30,)))

    page.unroute("**/api/v1/events*", cut)

    expect(page.locator("#items .name").first).to_have_text("Testcase, Missed")
    expect(page.locator(".when-live")).to_be_visible()


def test_a_wall_is_live(desk: Desk):
    """Given a board on a wall, when something falls overdue there, then the figure follows by itself."""
    page = desk.sit()
    page.goto("/board?unit=4W")
    expect(page.locator(".when-live")).to_be_visible()

    desk.worklist.take_in(Story(1, now(), minutes=(-10,)))

    expect(page.locator(".figures .big").first).to_have_text("1")


# --- forms --------------------------------------------------------------------------------------------------


def test_an_alerts_link_leads_to_the_patient_after_signing_in(desk: Desk):
    """Given nobody signed in, when an alert's link is opened and the form filled in, then the patient is there."""
    story = hospital.full(now())
    desk.worklist.take_in(story)
    page = desk.sit(None, PHONE)
    page.goto(f"/c/{story.case}")
    page.get_by_label("Name").fill("rn.ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Testcase, Alpha")


def test_a_call_is_logged_where_the_eye_is(desk: Desk):
    """Given a deadline, when its button is pressed, then the form opens, and the call stands as waiting afterwards."""
    story = hospital.full(now())
    desk.worklist.take_in(story)
    page = desk.sit(size=PHONE)
    page.goto(f"/c/{story.case}")
    page.get_by_role("link", name="Log a call for Call within 72 hours").click()
    page.get_by_label("reached").check()
    page.get_by_label("Red flag: a warning sign that cannot wait").check()
    page.get_by_text("What was asked, and the answers").click()
    page.get_by_role("group", name="How is the patient").get_by_label("worse").check()
    page.get_by_role("button", name="Log it").click()

    expect(page.get_by_role("alert")).to_contain_text("RED FLAG. The team is alerted at once.")
    expect(page.locator("#did-title + .story")).to_contain_text("waiting to be sent")
    expect(page.locator("#did-title + .story")).to_contain_text("condition: worse")


def fill(form: Locator) -> None:
    """What a person in a hurry fills in: what must be, and the first choice of each question."""
    for fold in form.locator("details.words:not([open]) > summary").all():
        fold.click()
    for name in dict.fromkeys(
        form.locator("input[type=radio]").evaluate_all("all => all.map(one => one.name)")
    ):
        form.locator(f'input[type=radio][name="{name}"]').first.check()
    for each in form.locator("textarea[required], input[type=text][required]").all():
        each.fill("as agreed")
    for each in form.locator("input[type=datetime-local][required]").all():
        each.fill(f"{now() + timedelta(days=3):%Y-%m-%dT09:30}")
    for each in form.locator("input[type=number]").all():
        each.fill("2")


def entered(desk: Desk) -> list[str]:
    """The types of what was entered here."""
    rows = desk.worklist.rows("SELECT type FROM worklist.action WHERE state = 'waiting'")
    return sorted(row["type"] for row in rows)


def wait_until_entered(desk: Desk, page: Page, types: list[str]) -> None:
    for _ in range(100):
        if entered(desk) == sorted(types):
            return
        page.wait_for_timeout(50)
    assert entered(desk) == sorted(types)


def test_every_form_can_be_filled_in_and_sent(desk: Desk):
    """Given a supervisor, when each form is opened, filled in and sent, one is withdrawn and an alert is answered, then each
    action waits to be sent.
    """
    story = hospital.full(now())
    desk.worklist.take_in(story)
    page = desk.sit("lead")
    sent = []
    page.goto(f"/c/{story.case}")
    for name in page.locator("details[name=act]").evaluate_all("all => all.map(one => one.id)"):
        page.goto(f"/c/{story.case}?act={name}")
        form = page.locator(f"#{name} form")
        fill(form)
        form.locator("button.primary").click()
        expect(page.locator("#did-title + .story")).to_contain_text("waiting to be sent")
        sent.append(BY_NAME[name].type)
        wait_until_entered(desk, page, sent)
    page.locator("summary", has_text="Withdraw").first.click()
    page.get_by_label("Why was it wrong?").first.fill("another patient")
    page.get_by_role("button", name="Withdraw it").first.click()
    expect(page.get_by_role("status").or_(page.get_by_role("alert")).first).to_be_visible()
    page.get_by_role("button", name="I have it").first.click()
    expect(page.locator("#did-title + .story")).to_be_visible()

    assert set(sent) == {form.type for form in FORMS}
    wait_until_entered(desk, page, [*sent, "action_withdrawn", "alert_acknowledged"])


def test_a_session_that_ends_costs_nothing_that_was_typed(desk: Desk):
    """Given a note half written, when the session ends, then the page stays and says so; signed in again, it is sent."""
    story = hospital.full(now())
    desk.worklist.take_in(story)
    page = desk.sit()
    page.goto(f"/c/{story.case}?act=call")
    expect(page.locator(".when-live")).to_be_visible()
    page.get_by_label("no answer").check()
    page.get_by_label("Note").first.fill("Half a sentence")
    desk.worklist.rows("DELETE FROM worklist.session")
    story.revision = 2
    desk.worklist.take_in(story)
    expect(page.get_by_role("alert")).to_contain_text(
        "You have been signed out. What you typed is still here."
    )

    page.evaluate("sure = 0")
    page.get_by_role("button", name="Log it").click()
    expect(page.get_by_label("Note").first).to_have_value("Half a sentence")
    token = desk.worklist.sign_in("rn.ann")
    page.context.add_cookies([{"name": "baton", "value": token, "url": desk.worklist.address}])
    page.get_by_role("button", name="Log it").click()

    expect(page.locator("#did-title + .story")).to_contain_text("Half a sentence")


def test_a_server_that_is_away_costs_nothing_that_was_typed(desk: Desk):
    """Given a note half written and the server away, when it is sent, then it stays on the page; later it is taken."""
    story = hospital.full(now())
    desk.worklist.take_in(story)
    page = desk.sit()
    page.goto(f"/c/{story.case}?act=call")
    page.get_by_label("no answer").check()
    page.get_by_label("Note").first.fill("Half a sentence")
    page.context.set_offline(True)
    page.evaluate("sure = 0")
    page.get_by_role("button", name="Log it").click()
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    page.context.set_offline(False)

    page.get_by_role("button", name="Log it").click()

    expect(page.locator("#did-title + .story")).to_contain_text("Half a sentence")


def test_the_list_and_a_call_work_without_scripts(desk: Desk):
    """Given scripts turned off, when a patient is filtered for, taken and a call logged, then it is done."""
    story = hospital.full(now())
    desk.worklist.take_in(story, Story(1, now(), unit="ICU"))
    page = desk.sit(java_script_enabled=False)
    page.goto("/")
    page.locator(".filters summary").click()
    page.get_by_label("Unit").select_option("4W")
    page.get_by_role("button", name="Apply").click()
    assert page.url.endswith("/?unit=4W")
    page.locator("#items > li").first.get_by_role("button").click()
    expect(page.locator("#items > li").first).to_contain_text("Release")
    page.locator("#items > li .name").first.click()
    page.get_by_role("link", name="Log a call for Call within 72 hours").click()
    page.get_by_label("no answer").check()
    page.get_by_role("button", name="Log it").click()

    expect(page.locator("#did-title + .story")).to_contain_text("waiting to be sent")


def test_the_theme_that_was_chosen_stays(desk: Desk):
    """Given a light screen, when Theme is pressed, then this page and the next are dark."""
    page = desk.sit(color_scheme="light")
    page.goto("/")
    page.get_by_role("button", name="Theme").click()

    def ground() -> Any:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    first = ground()
    page.goto("/board")

    assert (first, ground()) == ("rgb(17, 21, 27)", "rgb(17, 21, 27)")
