"""What is answered where nothing is shown: a plain page for a person, application/problem+json for a program."""

from starlette.requests import HTTPConnection
from starlette.responses import Response

from services.worklist.pages_render import page
from services.worklist.problems import Problem, respond

API = "/api/"
TITLES = {
    400: "Wrong address",
    401: "Sign in first",
    403: "Not allowed",
    408: "Too slow",
    413: "Too large",
    429: "Too many tries",
    500: "Not shown",
    503: "Not now",
}


class Unavailable(Exception):
    """Who somebody is cannot be known just now: the database is away or slow."""


def refuse(
    request: HTTPConnection, status: int, word: str, sentence: str, headers: dict[str, str] | None = None
) -> Response:
    """One sentence in the form the asker reads."""
    if request.scope["path"].startswith(API):
        return respond(Problem(status, word, sentence, headers=headers))
    return message(TITLES.get(status, "Not shown"), sentence, status, headers)


def message(title: str, sentence: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A page that says one thing."""
    answer = page("access_message.html", status, title=title, sentence=sentence, me=None, label="", theme="")
    answer.headers.update(headers or {})
    return answer


def too_many(request: HTTPConnection, wait: int) -> Response:
    return refuse(
        request,
        429,
        "too_many_requests",
        f"Too many tries: wait {wait if wait < 100 else -(-wait // 60)} {'s' if wait < 100 else 'minutes'}.",
        {"Retry-After": str(wait)},
    )


def unavailable(request: HTTPConnection) -> Response:
    sentence = "The database is slow or away just now: try again in a moment."
    return refuse(request, 503, "unavailable", sentence, {"Retry-After": "2"})
