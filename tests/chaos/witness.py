"""A server outside all boxes which steps tell what they do: no file of theirs, no log, no journal has a part in it."""

from __future__ import annotations

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class Witness:
    """Counts what it is told on loopback: `GET /RUN/STEP/ATTEMPT`."""

    def __init__(self) -> None:
        told: Counter[tuple[str, str, int]] = Counter()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                run, step, attempt = unquote(self.path).strip("/").split("/")
                told[run, step, int(attempt)] += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads along."""

        self.told = told
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
