"""A server on the loopback that answers with what it is given, and remembers what it was sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer


class _Answers(BaseHTTPRequestHandler):
    """Answers with the codes it was given, in turn."""

    codes: list[int]
    bodies: list[bytes]

    def do_GET(self) -> None:
        """It knows no CSRF tokens."""
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.codes.pop(0))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def answering(codes: list[int], bodies: list[bytes] | None = None) -> Iterator[str]:
    """A server that answers POSTs with these codes, in turn.

    Args:
        codes: each is taken out as it is used.
        bodies: takes what was sent.

    Yields:
        The URL of an API there.
    """
    handler = type("Handler", (_Answers,), {"codes": codes, "bodies": [] if bodies is None else bodies})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()
        thread.join()
