"""From values to HTML: the templates, every value in them escaped; and the files beside them, named by their content."""

import gzip
import hashlib
import mimetypes
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.worklist import pages_words as words

HERE = Path(__file__).parent
FOR_EVER = "public, max-age=31536000, immutable"
SCRIPTS = (
    "vendor/htmx-2.0.11.min.js",
    "vendor/idiomorph-ext-0.8.0.min.js",
    "worklist.js",
)
THEMES = ("light", "dark")


class Asset:
    """A file of `static/`: its address holds a hash of its content, so that it may be kept for ever."""

    def __init__(self, file: Path) -> None:
        self.name = file.relative_to(HERE / "static").as_posix()
        self.content = file.read_bytes()
        self.digest = hashlib.sha256(self.content).hexdigest()[:12]
        self.zipped = gzip.compress(self.content, mtime=0)
        self.type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"

    @property
    def address(self) -> str:
        return f"/static/{self.digest}/{self.name}"


ASSETS = {
    asset.name: asset
    for asset in map(Asset, sorted((HERE / "static").rglob("*.*")))
    if asset.name != ".gitignore"
}


def asset(request: Request, digest: str, name: str) -> Response:
    """Answer with a file; under the hash of another version it is sent too, and not kept."""
    found = ASSETS.get(name)
    if found is None:
        return Response(status_code=404)
    headers = {
        "Cache-Control": FOR_EVER if digest == found.digest else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.zipped, media_type=found.type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(found.content, media_type=found.type, headers=headers)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for filter_ in (
        words.kind, words.plain, words.status, words.tone, words.severity, words.language, words.left, words.ago,
        words.when, words.stamp, words.machine, words.share_left, words.reach, words.age, words.born, words.name,
        words.initials, words.reason, words.tel, words.sex, words.speaks, words.deed, words.effect, words.behind, words.sentence, words.answers, words.span, words.clock, words.equipment,
    ):  # fmt: skip
        environment.filters[filter_.__name__] = filter_
    environment.globals["asset"] = lambda name: ASSETS[name].address
    environment.globals["scripts"] = SCRIPTS
    return environment


TEMPLATES = _environment()


def html(name: str, **context: Any) -> str:
    """A template as text."""
    return TEMPLATES.get_template(name).render(context)


def page(name: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A template as an answer; what it shows is nobody else's, and is not kept."""
    return HTMLResponse(html(name, **context), status_code=status, headers={"Cache-Control": "no-store"})
