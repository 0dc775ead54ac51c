"""The bytes that an application receives and sends, those it streams among them."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from reelmill.metrics.http_bytes import CountBytes, HttpBytes


def _app(counted: HttpBytes) -> FastAPI:
    app = FastAPI()
    app.add_middleware(CountBytes, counted=counted)

    @app.post("/length")
    async def length(request: Request) -> int:
        return len(await request.body())

    @app.get("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(_chunks())

    @app.get("/broken")
    def broken() -> StreamingResponse:
        return StreamingResponse(_broken())

    return app


def _chunks() -> Iterator[bytes]:
    for _ in range(10):
        yield b"x" * 1_000


def _broken() -> Iterator[bytes]:
    yield b"x" * 500
    raise ConnectionError("the client is gone")


def _samples(counted: HttpBytes) -> dict[str, float]:
    return {sample.labels["direction"]: sample.value for metric in counted.collect() for sample in metric.samples}


def test_bodies_are_counted_both_ways() -> None:
    counted = HttpBytes()
    with TestClient(_app(counted)) as client:
        assert client.post("/length", content=b"y" * 300).json() == 300
    assert _samples(counted) == {"in": 300, "out": 3}


def test_a_stream_counts_as_it_passes() -> None:
    counted = HttpBytes()
    with TestClient(_app(counted), raise_server_exceptions=False) as client:
        assert len(client.get("/stream").content) == 10_000
        assert _samples(counted)["out"] == 10_000
        client.get("/broken")
    assert _samples(counted)["out"] == 10_500


def test_it_is_one_counter() -> None:
    (metric,) = HttpBytes().collect()
    assert (metric.name, metric.type) == ("media_http_bytes", "counter")
