"""A pager at the other end of the webhook: keeps everything it is sent, and answers as told."""

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST as it came in, and the answer it got."""

    headers: tuple[tuple[str, str], ...]
    body: bytes
    answer: int

    @property
    def event(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said

    @property
    def taken(self) -> bool:
        return self.answer < 300


class Receiver:
    """Listens on a port of its own for as long as the `with` lasts; `answer` is the status it gives from now on."""

    def __init__(self) -> None:
        self.answer = 204
        self.deliveries: list[Delivery] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                delivery = Delivery(tuple(self.headers.items()), body, receiver.answer)
                receiver.deliveries.append(delivery)
                self.send_response(delivery.answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def events(self) -> list[dict[str, Any]]:
        """What was taken, in order of arrival."""
        return [one.event for one in self.deliveries if one.taken]
