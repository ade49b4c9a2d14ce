"""How a page is asked for: who asks, what every page shows, and what is said where there is nothing to show."""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse, Response
from fastapi.routing import APIRoute

from services.worklist.access.caller import csrf_token, current_user, without_patients
from services.worklist.access.roles import Permission, User
from services.worklist.doing import desk_of
from services.worklist.pages_render import THEMES, page
from services.worklist.problems import Problem

EVENTS = "/api/v1/events"
SEARCHES_MOST = 10_000
SENTENCES = {
    404: "There is no such patient or case here.",
    503: "The database is slow or away just now. Nothing is lost: try again in a moment.",
}


@dataclass(frozen=True, slots=True)
class Me:
    """Who looks at a page, as templates know them."""

    name: str
    csrf_token: str
    user: User

    def may(self, permission: str) -> bool:
        return self.user.may(Permission(permission))


@dataclass(slots=True)
class Searches:
    """What people searched for, under a number that means nothing: a patient's name never stands in an address.

    Kept in this process, the newest ten thousand. Who comes back to an older one, or after a restart, searches again.
    """

    kept: OrderedDict[str, tuple[str, str]] = field(default_factory=OrderedDict)

    def keep(self, by: str, q: str) -> str:
        token = secrets.token_urlsafe(9)
        self.kept[token] = (by, q)
        while len(self.kept) > SEARCHES_MOST:
            self.kept.popitem(last=False)
        return token

    def find(self, by: str, token: str) -> str | None:
        """What was searched for; None for a number that is not known, or another person's."""
        who, q = self.kept.get(token, (None, None))
        return q if who == by else None


class PageRoute(APIRoute):
    """A route whose problems are pages, as its answers are."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as problem:
                return message(request, problem.body.status, problem.body.detail)
            except RequestValidationError as error:
                in_path = any(each["loc"][0] == "path" for each in error.errors())
                return message(request, 404 if in_path else 400, "This address is not as it should be.")

        return handler


def me(request: Request) -> Me:
    user = current_user(request)
    return Me(user.name, csrf_token(request), user)


def frame(request: Request, here: str) -> dict[str, Any]:
    """What every page shows around its own."""
    theme = request.cookies.get("theme", "")
    return {
        "me": me(request),
        "here": here,
        "q": "",
        "label": desk_of(request).settings.worklist_label,
        "theme": theme if theme in THEMES else "",
    }


def message(request: Request, status: int, sentence: str = "") -> Response:
    """A page that says one sentence, where there is nothing else to show."""
    without_patients(request)
    said = sentence or SENTENCES.get(status, "")
    headers = {"Retry-After": "2"} if status == 503 else {}
    answer = page("message.html", status, **frame(request, ""), sentence=said, number=status)
    answer.headers.update(headers)
    return answer


def back_to(address: str, otherwise: str) -> str:
    """Where a form says it came from, if that is a page of ours."""
    parts = urlsplit(address)
    ours = address.startswith("/") and not address.startswith(("//", "/\\")) and not parts.netloc
    return address if ours and len(address) < 2000 else otherwise


def see(address: str) -> RedirectResponse:
    """Look at another page now (a form that was taken is not sent again by a reload)."""
    return RedirectResponse(address, status_code=303)
