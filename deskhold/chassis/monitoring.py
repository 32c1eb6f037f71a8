"""The listener for those who watch a process: metrics, liveness, readiness, over plain HTTP.

`/livez` answers 200 while the process runs, and asks nothing else: to restart a process because its
database is away helps nobody. `/readyz` answers 503 with a line for each failing check.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

_TEXT = (("Content-Type", "text/plain; charset=utf-8"),)


class MonitoringServer:
    """Answers in threads of its own, so that a busy event loop delays no answer.

    Args:
        address: `host:port`; an IPv6 host stands in brackets.
        registry: Holds the metrics.
        problems: Returns why each check of readiness that fails does.

    Raises:
        OSError: The address cannot be listened at.
    """

    def __init__(
        self,
        address: str,
        *,
        registry: CollectorRegistry,
        problems: Callable[[], Mapping[str, str]],
    ) -> None:
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        self._server = make_server(
            host, int(port), _app(registry, problems), _server_class(host), _Handler
        )
        thread = threading.Thread(
            target=self._server.serve_forever, name="deskhold-monitoring", daemon=True
        )
        thread.start()

    @property
    def port(self) -> int:
        """The port that is listened at."""
        return self._server.server_port

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a scrape every few seconds is no news."""


def _server_class(host: str) -> type[ThreadingWSGIServer]:
    class Server(ThreadingWSGIServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    return Server


def _app(registry: CollectorRegistry, problems: Callable[[], Mapping[str, str]]) -> Any:
    metrics: Any = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if path == "/livez":
            start_response("200 OK", list(_TEXT))
            return [b"ok\n"]
        if path == "/readyz":
            failing = problems()
            start_response("503 Service Unavailable" if failing else "200 OK", list(_TEXT))
            lines = [f"{name}: {reason}\n" for name, reason in failing.items()] or ["ok\n"]
            return ["".join(lines).encode()]
        return metrics(environ, start_response)

    return app
