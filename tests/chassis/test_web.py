"""The HTTP server of a process, as something on the wire sees it."""

import asyncio
import socket

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from services.chassis.web import server


async def test_nobody_says_for_a_request_where_it_came_from() -> None:
    """Given X-Forwarded-For and -Proto, when a request comes, then its address and scheme are the connection's own."""

    async def told(request: Request) -> PlainTextResponse:
        assert request.client is not None
        return PlainTextResponse(f"{request.client.host} {request.url.scheme}")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = server(Starlette(routes=[Route("/", told)]))
        serving = asyncio.create_task(running.serve(sockets=[listening]))
        headers = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https"}
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{listening.getsockname()[1]}/", headers=headers)
        running.should_exit = True
        await serving

    assert answer.text == "127.0.0.1 http"
    assert "server" not in answer.headers
