"""The application itself: its errors have one shape, its page is there, and it comes up and goes with its site."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import pytest
from fastapi import FastAPI, Query
from fastapi.testclient import TestClient

from reelmill.api.access.roles import Role
from reelmill.api.app import create_app
from reelmill.api.errors import about_field
from reelmill.api.gate import LARGEST
from reelmill.api.naming import ApiRequest
from reelmill.api.reference import page
from reelmill.api.services import Services
from reelmill.errors import UnknownName, WrongParameter, WrongStatus
from tests.api.callers import login


class Order(ApiRequest):
    video_id: str
    many: tuple[int, ...] = ()


@pytest.fixture
def app(services: Services) -> FastAPI:
    app = create_app(services)

    @app.post("/orders")
    def order(order: Order, first_page: Annotated[int, Query(alias="firstPage", ge=1)] = 1) -> Order:
        with about_field("videoId"):
            if order.video_id == "?":
                raise UnknownName("There is no ?.", "?")
        if order.video_id == "busy":
            raise WrongStatus("It is busy.", "running")
        if order.video_id == "slow":
            raise WrongParameter("It is too slow.", "max_speed", 1)
        if order.video_id == "fault":
            raise ZeroDivisionError
        return order

    return app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False, headers=login(Role.SUPER_ADMIN)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "videoId"),
        ({"videoId": 1}, "videoId"),
        ({"videoId": "a", "typo": 1}, "typo"),
        ({"videoId": "a", "many": [1, "x"]}, "many[1]"),
        ({"videoId": "?"}, "videoId"),
    ],
)
def test_wrong_input_is_422_with_the_field_as_the_request_calls_it(
    client: TestClient, body: dict[str, object], field: str
) -> None:
    response = client.post("/orders", json=body)
    assert response.status_code == 422
    assert response.json()["error"]["field"] == field
    assert response.json()["error"]["code"] == "InvalidRequest"


def test_a_parameter_with_a_value_that_cannot_be_is_named_as_the_request_calls_it(client: TestClient) -> None:
    response = client.post("/orders", json={"videoId": "slow"})
    assert (response.status_code, response.json()) == (
        422,
        {"error": {"code": "WrongParameter", "message": "It is too slow.", "field": "maxSpeed"}},
    )


def test_a_wrong_query_is_422_with_its_field(client: TestClient) -> None:
    response = client.post("/orders?firstPage=0", json={"videoId": "a"})
    assert (response.status_code, response.json()["error"]["field"]) == (422, "firstPage")


def test_what_is_no_json_is_422_without_a_field(client: TestClient) -> None:
    response = client.post("/orders", content="{", headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert set(response.json()["error"]) == {"code", "message"}


def test_both_names_of_a_field_are_taken_and_the_camel_one_comes_out(client: TestClient) -> None:
    for name in ("videoId", "video_id"):
        assert client.post("/orders", json={name: "a"}).json() == {"videoId": "a", "many": []}


def test_a_state_that_forbids_it_is_409(client: TestClient) -> None:
    response = client.post("/orders", json={"videoId": "busy"})
    assert (response.status_code, response.json()) == (
        409,
        {"error": {"code": "WrongStatus", "message": "It is busy."}},
    )


def test_unknown_paths_and_methods_have_the_same_shape(client: TestClient) -> None:
    nowhere, wrong_way = client.get("/nowhere"), client.delete("/orders")
    assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, "NotFound")
    assert (wrong_way.status_code, wrong_way.json()["error"]["code"]) == (405, "MethodNotAllowed")
    assert wrong_way.headers["Allow"] == "POST"


def test_a_fault_of_ours_is_500_without_its_insides(client: TestClient) -> None:
    response = client.post("/orders", json={"videoId": "fault"})
    assert (response.status_code, response.json()["error"]["code"]) == (500, "InternalError")
    assert "ZeroDivision" not in response.text


@pytest.mark.parametrize("path", ["/orders", "/nowhere", "/metrics", "/redoc"])
def test_who_has_no_token_is_401_whatever_they_ask_and_send(client: TestClient, path: str) -> None:
    response = client.post(path, content="{", headers={"Content-Type": "application/json", "Authorization": ""})
    assert (response.status_code, response.json()["error"]["code"]) == (401, "NotLoggedIn")
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("measured", [True, False])
def test_a_body_that_is_too_large_is_413(client: TestClient, measured: bool) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(9):
            yield b" " * (LARGEST // 8)

    sent = b"".join(chunks()) if measured else chunks()  # httpx names the length of bytes alone
    response = client.post("/orders", content=sent, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "TooLarge")


def test_its_page_at_docs_needs_nothing_from_elsewhere_and_no_token(client: TestClient) -> None:
    shown = client.get("/docs", headers={"Authorization": ""})
    assert shown.status_code == 200
    assert "<script" not in shown.text
    assert "://" not in shown.text.replace("http://127.0.0.1", "")
    described = client.get("/openapi.json", headers={"Authorization": ""}).json()
    assert described["info"]["title"] == "Reelmill"
    assert [path for path in described["paths"] if f"<code>{path}</code>" not in shown.text] == []
    fields = described["components"]["schemas"]["NewJob"]["properties"]
    assert [name for name in fields if f"<code>{name}</code>" not in shown.text] == []


def test_what_is_described_is_shown_as_text_and_not_as_html() -> None:
    info = {"title": "<script>alert(1)</script>", "description": "a < b"}
    shown = page({"info": info, "paths": {"/<b>": {"get": {"summary": "<i>"}}}})
    assert "<script" not in shown
    assert "/&lt;b&gt;" in shown
    assert "a &lt; b" in shown
