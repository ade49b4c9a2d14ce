"""The OpenAPI document holds: Schemathesis asks what it allows and what it does not, in process, on a real Postgres."""

import asyncio
import contextlib
import os
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.worklist.access.stand import HTTP
from tests.worklist.builders import CASE
from tests.worklist.stand import Worklist

pytestmark = pytest.mark.postgres

EXAMPLES = int(os.environ.get("BATON_TEST_SCHEMATHESIS_EXAMPLES", "6"))
"""Of each operation and mode; the long form is some hundreds."""
LONGEST = 10_000
"""Characters of a query that a client sends."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    positive_data_acceptance,
    negative_data_rejection,
]


async def document(browser: httpx.AsyncClient) -> dict[str, Any]:
    """The document as served, without the stream, which does not end."""
    said: dict[str, Any] = (await browser.get("/api/v1/openapi.json")).json()
    del said["paths"]["/api/v1/events"]
    return said


@pytest.mark.parametrize("mode", list(GenerationMode))
async def test_the_api_does_what_its_document_says(house: Worklist, mode: GenerationMode) -> None:
    """Given what the document allows (or does not), when it is asked, then the answer is one that the document has."""
    browser = await house.browser("lead")
    schema = schemathesis.openapi.from_dict(await document(browser))
    loop = asyncio.get_running_loop()

    def ask(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and "case" in case.path_parameters:
            case.path_parameters["case"] = CASE
        said = case.as_transport_kwargs(base_url=HTTP)
        said["headers"] = {**browser.headers, **said.get("headers", {})}
        wanted: dict[str, Any] = {
            name: said[name] for name in ("method", "url", "headers", "params", "json") if name in said
        }
        if "data" in said:
            wanted["content"] = said["data"]
        if len(str(said.get("params"))) > LONGEST:
            return
        answer = asyncio.run_coroutine_threadsafe(browser.request(**wanted), loop).result(30)
        case.validate_response(answer, checks=CHECKS)

    def explore() -> None:
        for found in schema.get_all_operations():
            operation: Any = found.ok()  # type: ignore[union-attr]
            strategy = operation.as_strategy(generation_mode=mode)
            tried = given(case=strategy)(ask)
            run = settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(tried)
            # What takes no parameters cannot be asked wrongly.
            with contextlib.suppress(Unsatisfiable):
                run()

    await asyncio.to_thread(explore)
