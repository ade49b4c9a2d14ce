"""What went wrong, as the API says it: application/problem+json (RFC 9457), one sentence, never a value sent to us."""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"

_TITLES = {
    400: "bad_request",
    401: "not_signed_in",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    429: "too_many_requests",
}


class ProblemBody(BaseModel):
    """`title` is a word of ours, `detail` one sentence, `fields` the names of what was sent wrongly."""

    title: str
    status: int
    detail: str
    fields: list[str] = []


class Problem(Exception):
    """A request that is not answered as asked: the status, a word, a sentence."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        fields: tuple[str, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.body = ProblemBody(title=title, status=status, detail=detail, fields=list(fields))
        self.headers = dict(headers or {})


def not_found(what: str) -> Problem:
    return Problem(404, "not_found", f"There is no such {what} here.")


def respond(problem: Problem) -> Response:
    return JSONResponse(
        problem.body.model_dump(),
        status_code=problem.body.status,
        media_type=MEDIA_TYPE,
        headers=problem.headers,
    )


def install(app: FastAPI) -> None:
    """Answer every error of the application this way; pages may render a Problem of theirs first."""

    async def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return respond(error)

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        title = _TITLES.get(error.status_code, "error")
        return respond(Problem(error.status_code, title, f"{error.detail}.", headers=error.headers))

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        fields = tuple(sorted({".".join(map(str, one["loc"])) for one in error.errors()}))
        return respond(Problem(422, "invalid", "The request is not as it should be.", fields=fields))

    async def on_fault(request: Request, _: Exception) -> Response:
        """Ours. The error goes on from here to the log, which keeps its class and not its words."""
        if not request.scope["path"].startswith("/api/"):
            return PlainTextResponse("Something went wrong here, and nothing was shown.", status_code=500)
        return respond(Problem(500, "fault", "Something went wrong here, and nothing was shown."))

    app.add_exception_handler(Exception, on_fault)
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
