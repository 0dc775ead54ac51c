"""Counts the bytes of bodies that an application receives and sends, those it streams among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HttpBytes(Collector):
    """What was counted since the process came up. Only its event loop adds to it, so that nothing has to be locked."""

    def __init__(self) -> None:
        self.received = self.sent = 0

    def describe(self) -> Iterable[Metric]:
        """See ``SiteCollector.describe``."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yields the one metric."""
        counter = CounterMetricFamily(
            "media_http_bytes_total", "Bytes of bodies that the API received and sent", labels=("direction",)
        )
        counter.add_metric(("in",), self.received)
        counter.add_metric(("out",), self.sent)
        yield counter


class CountBytes:
    """ASGI middleware that counts; a body is counted as it passes, so one that breaks off counts for what passed.

    Args:
        app: the application.
        counted: what is added to.
    """

    def __init__(self, app: ASGIApp, counted: HttpBytes):
        self._app, self._counted = app, counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def received() -> Message:
            message = await receive()
            self._counted.received += len(message.get("body", b""))
            return message

        async def sent(message: Message) -> None:
            await send(message)
            self._counted.sent += len(message.get("body", b""))

        await self._app(scope, received, sent)
