"""The pages of signing in and out."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from services.chassis.logs import get_logger
from services.worklist.access import answers, audit, passwords, store
from services.worklist.access.audit import Action, Entry, From, Outcome
from services.worklist.access.caller import caller_of
from services.worklist.access.cookies import ENTRY, SESSION
from services.worklist.access.limits import Refused, begun_try, password_try
from services.worklist.access.oidc import Oidc, OidcError
from services.worklist.access.requests import local_path
from services.worklist.access.tokens import csrf, new
from services.worklist.pages_render import page

if TYPE_CHECKING:
    from services.worklist.access.door import Access

log = get_logger("worklist.access")

AT_THE_PROVIDER = timedelta(minutes=10)
UNKNOWN = "Name or password is wrong."
SESSION_ENDED = "You have been signed out."

router = APIRouter(include_in_schema=False)


def _access(request: Request) -> "Access":
    return caller_of(request).access


@router.get("/sign-in")
async def sign_in_page(request: Request) -> Response:
    """The form; who has signed in already is sent on."""
    asked = local_path(request.query_params.get("next"))
    if caller_of(request).origin.user is not None:
        return _go(asked)
    return _form(request, asked)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Compare name and password. A wrong name and a wrong password answer alike, and take alike long."""
    form = await request.form()
    name = str(form.get("name", "")).strip().lower()
    asked = local_path(str(form.get("next", "")))
    access, origin = _access(request), caller_of(request).origin
    tried = password_try(name, origin.address or "")
    async with access.database() as db:
        refused = await tried.count(db)
    if refused is not None:
        return await _too_many(request, refused)
    stored = access.users.hash_of(name)
    async with access.comparing:
        right = await asyncio.to_thread(passwords.fits, str(form.get("password", "")), stored)
    user, credential = access.users.user(name), access.users.credential(name)
    if not right or user is None or credential is None or access.users.hash_of(name) != stored:
        known = From(user, origin.address)
        await access.write(
            known, Entry(Action.LOGIN, "session", outcome=Outcome.REFUSED, reason="wrong_password")
        )
        return _form(request, asked, UNKNOWN, 401)
    async with access.database() as db:
        await tried.was_right(db)
        token = await access.begin(db, origin, user, "password", credential, replaced=_held(request))
    return _entered(access, asked, token)


@router.get("/sign-in/link")
async def link(request: Request) -> Response:
    """Use a one-time link up. The redirect takes its token out of the address bar and the history."""
    access, origin = _access(request), caller_of(request).origin
    token = request.query_params.get("token", "")
    if (refused := await _begun(request)) is not None:
        return refused
    if access.settings.link_allowed and token:
        async with access.database() as db, db.transaction():
            user = await store.use_link(db, token)
            if user is not None:
                entered = await access.begin(db, origin, user, "link", "embedded", replaced=_held(request))
        if user is not None:
            return _entered(access, "/", entered)
    await access.write(origin, Entry(Action.LOGIN, "session", outcome=Outcome.REFUSED, reason="no_such_link"))
    return answers.message(
        "Link not valid",
        "It was used, is too old, or is not for here; `baton worklist link` prints another.",
        403,
    )


@router.get("/sign-in/oidc")
async def to_provider(request: Request) -> Response:
    """Send the browser to the provider, and remember what must come back, and to which browser."""
    access = _access(request)
    if access.oidc is None:
        return answers.refuse(request, 404, "not_found", "No provider is set up here.")
    if (refused := await _begun(request)) is not None:
        return refused
    try:
        where, state, attempt = await access.oidc.begin()
    except OidcError as error:
        return await _not_entered(request, error)
    browser = _entry(request) or new()
    attempt = replace(attempt, next_path=local_path(request.query_params.get("next")))
    async with access.database() as db:
        await store.begin_attempt(db, state, browser, attempt, AT_THE_PROVIDER)
    answer = RedirectResponse(where, status_code=303)
    access.cookies.put(answer, ENTRY, browser)
    return answer


@router.get("/sign-in/callback")
async def from_provider(request: Request) -> Response:
    """Take who comes back: to the browser that began, once, with a token for us."""
    access, origin = _access(request), caller_of(request).origin
    said = request.query_params
    browser = _entry(request)
    if (refused := await _begun(request)) is not None:
        return refused
    if access.oidc is None or browser is None or not said.get("state"):
        return await _not_entered(request, OidcError("no_attempt"))
    async with access.database() as db:
        attempt = await store.end_attempt(db, said["state"], browser)
    if attempt is None:
        return await _not_entered(request, OidcError("no_attempt"))
    if said.get("error") or not said.get("code"):
        return await _not_entered(request, OidcError("refused_by_provider"))
    try:
        person = await access.oidc.finish(said["code"], attempt)
    except OidcError as error:
        return await _not_entered(request, error)
    user = access.users.of_groups(person.subject, person.name, person.groups)
    if user is None:
        return await _not_entered(request, OidcError("no_role"))
    if user.name in access.users.users:
        # Actions are by name: nobody calls themselves at the provider what somebody else is called here.
        return await _not_entered(request, OidcError("name_taken"))
    groups = person.groups & access.users.groups.keys()
    async with access.database() as db:
        token = await access.begin(
            db, origin, user, "oidc", access.credential_of_groups(groups), groups, _held(request)
        )
    return _entered(access, attempt.next_path, token)


@router.get("/here")
async def here(_: Request) -> Response:
    """Say that somebody is at work on a page that asks for nothing, as while a note is typed during a long call."""
    return Response(status_code=204)


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End this session, or, with `everywhere`, all of this person's; at the provider too, where it has a place for that."""
    access, origin = _access(request), caller_of(request).origin
    form = await request.form()
    held, everywhere = _held(request), form.get("everywhere") is not None
    async with access.database() as db, db.transaction():
        if held is not None:
            await store.end_session(db, held)
        if everywhere and origin.user is not None:
            await store.end_sessions_of(db, origin.user.subject)
        reason = "everywhere" if everywhere else None
        await audit.record(db, origin, Entry(Action.LOGOUT, "session", reason=reason))
    where = "/signed-out"
    if access.oidc is not None and origin.user is not None and _by_provider(access, origin):
        where = await _provider_sign_out(access.oidc) or where
    answer = _go(where)
    access.cookies.drop(answer, SESSION)
    return answer


@router.get("/signed-out")
async def signed_out(_: Request) -> Response:
    return answers.message("Signed out", SESSION_ENDED)


async def _begun(request: Request) -> Response | None:
    """Count what costs nobody a password; gives the answer where it is too often."""
    access, origin = _access(request), caller_of(request).origin
    async with access.database() as db:
        refused = await begun_try(origin.address or "").count(db)
    return None if refused is None else await _too_many(request, refused)


async def _too_many(request: Request, refused: Refused) -> Response:
    access, origin = _access(request), caller_of(request).origin
    if refused.first:
        entry = Entry(Action.LOGIN, "session", outcome=Outcome.REFUSED, reason="too_many_tries")
        await access.write(origin, entry)
    return answers.too_many(request, refused.seconds)


def _by_provider(access: "Access", origin: From) -> bool:
    return origin.user is not None and origin.user.subject.startswith(f"{access.settings.oidc_issuer} ")


async def _provider_sign_out(oidc: Oidc) -> str | None:
    try:
        return await oidc.sign_out()
    except OidcError as error:
        log.warning("the provider does not say where to sign out", reason=error.reason)
        return None


async def _not_entered(request: Request, error: OidcError) -> Response:
    access, origin = _access(request), caller_of(request).origin
    log.warning("somebody could not sign in with the provider", reason=error.reason)
    await access.write(origin, Entry(Action.LOGIN, "session", outcome=Outcome.REFUSED, reason=error.reason))
    if error.passing:
        return answers.message(
            "Not now", "The provider does not answer: try again in a moment.", 503, {"Retry-After": "10"}
        )
    sentence = (
        "You are known, and have no role here: ask whoever runs Baton."
        if error.reason == "no_role"
        else "The provider did not say who you are: begin again."
    )
    return answers.message("Not signed in", sentence, 403)


def _form(request: Request, asked: str, problem: str = "", status: int = 200) -> Response:
    access = _access(request)
    entry = _entry(request) or new()
    provider = f"/sign-in/oidc?next={quote(asked, safe='')}" if access.oidc is not None else ""
    answer = page(
        "access_sign_in.html",
        status,
        me=None,
        label="",
        theme="",
        problem=problem,
        next=asked,
        csrf_token=csrf(entry),
        provider=provider,
        passwords=bool(access.users.users),
        links=access.settings.link_allowed,
    )
    access.cookies.put(answer, ENTRY, entry)
    return answer


def _held(request: Request) -> str | None:
    """The session token the browser has, whatever it is worth."""
    return request.cookies.get(_access(request).cookies.name(SESSION))


def _entry(request: Request) -> str | None:
    return request.cookies.get(_access(request).cookies.name(ENTRY))


def _go(where: str) -> RedirectResponse:
    return RedirectResponse(where, status_code=303)


def _entered(access: "Access", asked: str, token: str) -> Response:
    """Give the browser its session, and take away what it signed in with."""
    answer = _go(asked)
    access.cookies.put(answer, SESSION, token)
    access.cookies.drop(answer, ENTRY)
    return answer
