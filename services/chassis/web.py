"""The HTTP server of a process: a port taken or refused before anything else starts."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from services.chassis.settings import ServiceSettings, SettingsError


class Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the process ends in its own order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(settings: ServiceSettings) -> socket.socket:
    """Take the port, or raise the sentence that says why it cannot be had."""
    family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
    # Named, or asyncio does not know it for TCP and leaves Nagle on: every answer in two parts would wait 40 ms.
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((settings.http_host, settings.http_port))
        taken.listen(128)
    except OSError as error:
        taken.close()
        address = f"{settings.http_host}:{settings.http_port}"
        problem = (
            f"HTTP cannot be served on {address} ({error.strerror}): free that port, "
            "or set BATON_HTTP_PORT or BATON_HTTP_HOST to another; port 0 takes a free one."
        )
        raise SettingsError([problem]) from None
    taken.setblocking(False)
    return taken


def server(app: Starlette) -> Server:
    return Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            # Else whoever is on this machine may say which address it has; a service asks its own settings whom to believe.
            proxy_headers=False,
            server_header=False,
        )
    )
