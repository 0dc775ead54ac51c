from __future__ import annotations

import http.client
import os
import random
import threading
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reelmill.api.file_response import CHUNK, OpenFileResponse
from tests.api.live import live
from tests.patience import until

SIZE = 3 * CHUNK + 77
DATA = random.Random(1).randbytes(SIZE)


class Served:
    """Files of a folder behind a real server, and what it has open."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.responses: list[OpenFileResponse] = []
        self.app = Starlette(routes=[Route("/{name}", self._route, methods=["GET", "HEAD"])])
        self.url = ""

    def _route(self, request: Request) -> Response:
        path = self.folder / request.path_params["name"]
        self.responses.append(OpenFileResponse(path.open("rb", 0), path.name))
        return self.responses[-1]

    def ask(
        self, name: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, Mapping[str, str], bytes]:
        """A response, as it came over the wire."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc)
        connection.request(method, f"/{name}", headers=dict(headers or {}))
        response = connection.getresponse()
        try:
            return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def open_files(self) -> list[str]:
        """Files of the folder that this process has open."""
        opened = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
        return [path for path in opened if path.startswith(str(self.folder.resolve()))]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server with one file in its folder."""
    (tmp_path / "clip.mp4").write_bytes(DATA)
    files = Served(tmp_path)
    with live(files.app) as files.url:
        yield files
    assert files.open_files() == []


def test_the_whole_file_comes_with_its_type_and_validators(served: Served) -> None:
    status, headers, body = served.ask("clip.mp4")
    assert (status, body) == (200, DATA)
    assert headers["content-length"] == str(SIZE)
    assert headers["content-type"] == "video/mp4"
    assert headers["accept-ranges"] == "bytes"
    assert headers["content-disposition"] == "inline; filename*=utf-8''clip.mp4"
    assert headers.keys() >= {"etag", "last-modified"}


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        (f"bytes={CHUNK - 3}-{CHUNK + 2}", CHUNK - 3, CHUNK + 3),
        (f"bytes={CHUNK}-{3 * CHUNK - 1}", CHUNK, 3 * CHUNK),
        (f"bytes=1000-{SIZE + 99}", 1000, SIZE),
        ("bytes=-500", SIZE - 500, SIZE),
    ],
)
def test_a_range_has_just_its_bytes(served: Served, asked: str, first: int, end: int) -> None:
    status, headers, body = served.ask("clip.mp4", {"Range": asked})
    assert status == 206
    assert headers["content-range"] == f"bytes {first}-{end - 1}/{SIZE}"
    assert headers["content-length"] == str(end - first)
    assert body == DATA[first:end]


def test_many_ranges_one_after_the_other_make_up_the_file(served: Served) -> None:
    cuts = sorted({0, SIZE, *random.Random(2).sample(range(SIZE), 30)})
    got = [served.ask("clip.mp4", {"Range": f"bytes={first}-{end - 1}"})[2] for first, end in pairwise(cuts)]
    assert b"".join(got) == DATA


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=9-2", "frames=0-1", "bytes=x-"])
def test_what_is_no_single_range_gets_the_whole_file(served: Served, asked: str) -> None:
    status, headers, body = served.ask("clip.mp4", {"Range": asked})
    assert (status, body) == (200, DATA)
    assert "content-range" not in headers


def test_a_range_past_the_end_is_refused_with_the_size(served: Served) -> None:
    status, headers, body = served.ask("clip.mp4", {"Range": f"bytes={SIZE}-"})
    assert (status, headers["content-range"]) == (416, f"bytes */{SIZE}")
    assert headers["content-type"] == "application/json"
    assert b"RangeNotSatisfiable" in body


def test_head_has_the_headers_of_the_whole_and_no_body(served: Served) -> None:
    status, headers, body = served.ask("clip.mp4", {"Range": "bytes=5-9"}, "HEAD")
    assert (status, headers["content-length"], body) == (200, str(SIZE), b"")


def test_if_range_goes_on_with_what_is_the_same_only(served: Served) -> None:
    _, headers, _ = served.ask("clip.mp4", method="HEAD")
    for validator in (headers["etag"], headers["last-modified"]):
        status, _, body = served.ask("clip.mp4", {"Range": "bytes=5-9", "If-Range": validator})
        assert (status, body) == (206, DATA[5:10])
    for validator in ('"another"', f"W/{headers['etag']}", "Thu, 01 Jan 1970 00:00:00 GMT", "nonsense"):
        status, _, body = served.ask("clip.mp4", {"Range": "bytes=5-9", "If-Range": validator})
        assert (status, body) == (200, DATA)


def test_who_has_it_already_gets_304_without_a_body(served: Served) -> None:
    _, headers, _ = served.ask("clip.mp4", method="HEAD")
    same = [
        {"If-None-Match": headers["etag"]},
        {"If-None-Match": f'"other", W/{headers["etag"]}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": headers["last-modified"]},
    ]
    for condition in same:
        status, after, body = served.ask("clip.mp4", condition)
        assert (status, body) == (304, b"")
        assert after["etag"] == headers["etag"]
    changed = [
        {"If-None-Match": '"other"', "If-Modified-Since": headers["last-modified"]},  # the first alone counts
        {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"If-Modified-Since": "nonsense"},
        {"If-Modified-Since": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"},
    ]
    assert [served.ask("clip.mp4", condition)[0] for condition in changed] == [200] * len(changed)


def test_a_changed_file_has_another_etag(served: Served) -> None:
    _, before, _ = served.ask("clip.mp4", method="HEAD")
    (served.folder / "clip.mp4").write_bytes(DATA[:-1])
    _, after, _ = served.ask("clip.mp4", method="HEAD")
    assert before["etag"] != after["etag"]


def test_an_empty_file_is_sent(served: Served) -> None:
    (served.folder / "empty.mp4").touch()
    assert served.ask("empty.mp4")[::2] == (200, b"")
    assert served.ask("empty.mp4", {"Range": "bytes=0-"})[0] == 416


@pytest.mark.parametrize(
    ("name", "kind"), [("a.MKV", "video/matroska"), ("b.webm", "video/webm"), ("c", "application/octet-stream")]
)
def test_the_type_is_of_the_name(served: Served, name: str, kind: str) -> None:
    (served.folder / name).touch()
    assert served.ask(name, method="HEAD")[1]["content-type"] == kind


@pytest.fixture
def large(served: Served) -> Path:
    """A file that no buffer on the way holds: 200 MB, without taking them."""
    path = served.folder / "large.mp4"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    return path


def test_a_file_that_becomes_shorter_ends_the_response_early(served: Served, large: Path) -> None:
    connection = http.client.HTTPConnection(urlsplit(served.url).netloc)
    connection.request("GET", f"/{large.name}")
    response = connection.getresponse()
    response.read(1)
    os.truncate(large, 1_000_000)
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    connection.close()
    assert served.ask("clip.mp4")[2] == DATA, "the server goes on"


def test_a_file_is_closed_when_its_client_is_gone(served: Served, large: Path) -> None:
    connection = http.client.HTTPConnection(urlsplit(served.url).netloc)
    connection.request("GET", f"/{large.name}")
    response = connection.getresponse()
    response.read(1)
    assert served.open_files() == [str(large.resolve())]
    response.close()
    connection.close()
    until(lambda: served.open_files() == [], served.open_files)


def test_many_clients_read_at_once(served: Served) -> None:
    got: list[bytes] = []
    threads = [
        threading.Thread(target=lambda first=first: got.append(served.ask("clip.mp4", {"Range": f"bytes={first}-"})[2]))
        for first in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got, key=len, reverse=True) == [DATA[first:] for first in range(30)]
