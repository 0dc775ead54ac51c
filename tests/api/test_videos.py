from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError
from starlette.types import Receive, Scope, Send

from reelmill.analysis.scenes.transitions import Transitions, packed
from reelmill.api.access.roles import Role
from reelmill.api.app import create_app
from reelmill.api.services import Services
from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import assets, findings, product_sources, tagging
from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.models import Analysis, Asset, AssetKind, Scene, Video, VideoTag
from reelmill.catalogue.videos import scanning
from reelmill.catalogue.videos.scenes import record as record_scenes
from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.settings import get_settings
from reelmill.storage.media_root import MediaRoot
from tests.api.callers import login
from tests.api.live import live
from tests.clips import generated

pytestmark = pytest.mark.usefixtures("catalogue")

VIDEOS = "/api/media/videos"
CHAPLIN = uuid.UUID("0f8fad5b-d9cb-469f-a165-70867728950e")


@pytest.fixture
def app(services: Services) -> FastAPI:
    """The API; of its services only the settings and the callers count here."""
    return create_app(services)


@pytest.fixture
def api(app: FastAPI) -> TestClient:
    """The API, called by a viewer."""
    return TestClient(app, headers=login(Role.VIEWER))


def _add(*paths: str, **facts: Any) -> None:
    records = []
    for path in paths:
        name = PurePosixPath(path)
        values: dict[str, Any] = {"title": name.stem, "directory_type": name.parts[-2], "filename": name.name}
        values |= {"size": 1, "mtime_ns": 1}
        records.append(Video(path=path, **(values | facts)))
    with session() as opened:
        scanning.upsert_videos(opened, records)


def _paths(api: TestClient, **query: Any) -> list[str]:
    response = api.get(VIDEOS, params=query)
    assert response.status_code == 200, response.text
    return [video["path"] for video in response.json()["data"]]


def test_a_list_is_paged_by_path_in_camel_case(api: TestClient) -> None:
    _add(*(f"inbox/{number}.mp4" for number in range(5)), frame_rate=Fraction(30000, 1001))
    response = api.get(VIDEOS, params={"page": 2, "limit": 2}).json()
    assert [video["path"] for video in response["data"]] == ["inbox/2.mp4", "inbox/3.mp4"]
    assert response["pagination"] == {"page": 2, "limit": 2, "total": 5, "totalPages": 3, "next": "inbox/3.mp4"}
    first = response["data"][0]
    assert (first["directoryType"], first["isValid"], first["hasThumbnail"]) == ("inbox", True, False)
    assert first["frameRate"] == pytest.approx(29.97, abs=0.001)


def test_an_empty_library_is_an_empty_page(api: TestClient) -> None:
    pagination = {"page": 1, "limit": 20, "total": 0, "totalPages": 0, "next": None}
    assert api.get(VIDEOS).json() == {"data": [], "pagination": pagination}


def test_the_cursor_meets_every_video_once_while_others_come_and_go(api: TestClient) -> None:
    _add(*(f"inbox/{number:02}.mp4" for number in range(10)))
    page = api.get(VIDEOS, params={"limit": 4}).json()
    _add("inbox/00-new.mp4")  # before the cursor: it would shift pages that are counted
    seen = [video["path"] for video in page["data"]]
    while (after := page["pagination"]["next"]) is not None:
        page = api.get(VIDEOS, params={"limit": 4, "after": after}).json()
        seen += [video["path"] for video in page["data"]]
    assert seen == [f"inbox/{number:02}.mp4" for number in range(10)]


def test_filters_hold_together(api: TestClient) -> None:
    _add("inbox/red car.mp4", duration=700.0)
    _add("library/films/Red Bus.mkv", duration=100.0)
    _add("library/films/100%_blue.mkv", is_valid=False, duration=700.0)
    assert _paths(api, search="RED") == ["inbox/red car.mp4", "library/films/Red Bus.mkv"]
    assert _paths(api, search="red bus") == ["library/films/Red Bus.mkv"]
    assert _paths(api, search="%") == ["library/films/100%_blue.mkv"]
    assert _paths(api, search="red", directoryType="inbox") == ["inbox/red car.mp4"]
    assert _paths(api, where="duration > 10m") == ["inbox/red car.mp4", "library/films/100%_blue.mkv"]
    assert _paths(api, where="duration > 10m", valid=True) == ["inbox/red car.mp4"]
    assert _paths(api, valid=False) == ["library/films/100%_blue.mkv"]
    assert _paths(api, missing=True) == []
    assert len(_paths(api, missing=False)) == 3


@pytest.mark.parametrize(
    "query", [{"limit": 201}, {"limit": 0}, {"page": 0}, {"strange": 1}, {"valid": "perhaps"}, {"page": 10**30}]
)
def test_a_wrong_query_is_refused(api: TestClient, query: dict[str, Any]) -> None:
    assert api.get(VIDEOS, params=query).status_code == 422


def test_a_filter_that_cannot_be_read_is_refused_by_its_field(api: TestClient) -> None:
    response = api.get(VIDEOS, params={"where": "duration >"})
    assert response.status_code == 422
    assert response.json()["error"].items() >= {"code": "InvalidRequest", "field": "where"}.items()


@pytest.mark.parametrize("name", [str(CHAPLIN), "0f8fad5b", "library/films/Chaplin.mp4", "chaplin.mp4", "The%20Kid"])
def test_a_video_is_shown_by_any_of_its_names(api: TestClient, name: str) -> None:
    _add("library/films/Chaplin.mp4", id=CHAPLIN, title="The Kid")
    assert api.get(f"{VIDEOS}/{name}").json()["id"] == str(CHAPLIN)


def test_a_video_comes_with_what_it_was_made_of_and_what_was_made_of_it(api: TestClient) -> None:
    copy_id, film_id, other_id = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    _add("inbox/a.mp4", id=CHAPLIN)
    _add("playback/a.mp4", id=copy_id, source_video_id=CHAPLIN, made_by=uuid.uuid4(), size=7, source_size=5, vmaf=95.5)
    _add("compilations/two.mp4", id=film_id)
    _add("inbox/b.mp4", id=other_id)
    whole = SourceSegment(source_id=CHAPLIN, source_path="inbox/a.mp4")
    other = SourceSegment(source_id=other_id, source_path="inbox/b.mp4")
    taken = whole.model_copy(update={"source_start": 1.0, "source_end": 3.0, "cell": 0})
    with session() as opened:
        product_sources.record(opened, copy_id, [whole])
        product_sources.record(opened, film_id, [taken, other])
        opened.delete(opened.get_one(Video, other_id))
        tagging.set_found(opened, CHAPLIN, [VideoTag(video_id=CHAPLIN, name="dark", confidence=0.5)])
        tagging.set_by_person(opened, CHAPLIN, "film")
        tagging.set_by_person(opened, CHAPLIN, "sport", fits=False)
    original = api.get(f"{VIDEOS}/inbox/a.mp4").json()
    assert [product["path"] for product in original["products"]] == ["compilations/two.mp4", "playback/a.mp4"]
    assert (original["source"], original["sources"], original["saving"]) == (None, [], None)
    film = api.get(f"{VIDEOS}/compilations/two.mp4").json()
    assert film["source"] is None
    assert [(one["videoId"], one["path"], one["sourceEnd"], one["cell"]) for one in film["sources"]] == [
        (str(CHAPLIN), "inbox/a.mp4", 3.0, 0),
        (None, "inbox/b.mp4", None, None),
    ]
    copy = api.get(f"{VIDEOS}/playback/a.mp4").json()
    assert (copy["source"]["id"], copy["sourceVideoId"]) == (str(CHAPLIN), str(CHAPLIN))
    saving = {"sourceSize": 5, "saved": -2, "cpuSeconds": None, "joules": None, "vmaf": 95.5}
    assert copy["saving"] == saving
    tags = api.get(f"{VIDEOS}/{CHAPLIN}/tags").json()["data"]
    assert tags == original["tags"]
    assert [(tag["name"], tag["byPerson"]) for tag in tags] == [("film", True), ("dark", False)]


@pytest.mark.parametrize("rest", ["", "/scenes", "/tags", "/thumbnail", "/stream", "/asset?path=a.gif"])
def test_an_unknown_name_is_404_with_the_nearest(api: TestClient, rest: str) -> None:
    _add("library/films/Chaplin in the park.mp4")
    response = api.get(f"{VIDEOS}/Chaplin in park.mp4{rest}")
    assert response.status_code == 404
    error = response.json()["error"]
    assert (error["code"], error["candidates"]) == ("UnknownVideo", ["library/films/Chaplin in the park.mp4"])


def test_a_name_of_several_is_409_with_the_candidates(api: TestClient) -> None:
    _add("inbox/a.mp4", "public/a.mp4")
    response = api.get(f"{VIDEOS}/a.mp4/stream")
    assert response.status_code == 409
    assert response.json()["error"]["candidates"] == ["inbox/a.mp4", "public/a.mp4"]


def test_scenes_lie_between_what_a_job_found(api: TestClient) -> None:
    _add("inbox/a.mp4", id=CHAPLIN, duration=10.0)
    assert api.get(f"{VIDEOS}/a.mp4/scenes").json()["error"]["code"] == "NotMade"
    result = packed(Transitions(cuts=(Fraction(4),), fades=((Fraction(6), Fraction(8)),)))
    found = Analysis(video_id=CHAPLIN, kind=findings.TRANSITIONS, version="3", size=1, mtime_ns=1, result=result)
    with session() as opened:
        findings.store_analysis(opened, found)
    scenes = api.get(f"{VIDEOS}/a.mp4/scenes").json()["data"]
    assert [(scene["start"], scene["end"]) for scene in scenes] == [(0, 4), (4, 7), (7, 10)]
    row = Scene(video_id=CHAPLIN, number=1, starts_at=0, ends_at=9.5, image="thumbnails/1.jpg", score=0.25)
    with session() as opened:
        record_scenes(opened, CHAPLIN, [row])
    assert api.get(f"{VIDEOS}/a.mp4/scenes").json()["data"] == [
        {"start": 0, "end": 9.5, "image": "thumbnails/1.jpg", "score": 0.25}
    ]
    with session() as opened:
        record_scenes(opened, CHAPLIN, [])
    _add("inbox/a.mp4", id=CHAPLIN, duration=10.0, size=2)  # another file now: those scenes were of the one before
    assert api.get(f"{VIDEOS}/a.mp4/scenes").status_code == 404


def test_a_thumbnail_is_sent_once_and_then_known(api: TestClient, media_root: MediaRoot) -> None:
    _add("inbox/a.mp4")
    response = api.get(f"{VIDEOS}/a.mp4/thumbnail")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "NotMade")
    _add("inbox/b.mp4", thumbnail_path="thumbnails/b.jpg")
    assert api.get(f"{VIDEOS}/b.mp4/thumbnail").json()["error"]["code"] == "NotMade", "its file is gone"
    (media_root.path / "thumbnails/b.jpg").write_bytes(b"\xff\xd8 image")
    image = api.get(f"{VIDEOS}/b.mp4/thumbnail")
    assert (image.content, image.headers["content-type"]) == (b"\xff\xd8 image", "image/jpeg")
    again = api.get(f"{VIDEOS}/b.mp4/thumbnail", headers={"If-None-Match": image.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_an_asset_is_sent_by_its_path_and_nothing_else_of_the_library(api: TestClient, media_root: MediaRoot) -> None:
    _add("inbox/a.mp4", id=CHAPLIN)
    _add("inbox/b.mp4")
    row = Asset(video_id=CHAPLIN, path="gifs/a é.gif", kind=AssetKind.GIF)
    with session() as opened:
        assets.record(opened, [row])
    asked = {"path": row.path}
    assert api.get(f"{VIDEOS}/a.mp4/asset", params=asked).json()["error"]["code"] == "NotMade", "its file is gone"
    (media_root.path / "gifs").mkdir(exist_ok=True)
    (media_root.path / row.path).write_bytes(b"GIF89a moving")
    whole = api.get(f"{VIDEOS}/a.mp4/asset", params=asked)
    assert (whole.content, whole.headers["content-type"]) == (b"GIF89a moving", "image/gif")
    part = api.get(f"{VIDEOS}/a.mp4/asset", params=asked, headers={"Range": "bytes=0-2"})
    assert (part.status_code, part.content) == (206, b"GIF")
    for name, path in (("b.mp4", row.path), ("a.mp4", "inbox/a.mp4"), ("a.mp4", "../secret"), ("a.mp4", "/etc/hosts")):
        response = api.get(f"{VIDEOS}/{name}/asset", params={"path": path})
        assert (response.status_code, response.json()["error"]["code"]) == (404, "NotMade"), (name, path)


def test_a_stream_has_ranges_and_its_head(api: TestClient, media_root: MediaRoot) -> None:
    _add("inbox/a.mp4")
    (media_root.path / "inbox/a.mp4").write_bytes(b"0123456789")
    assert api.get(f"{VIDEOS}/a.mp4/stream").content == b"0123456789"
    response = api.get(f"{VIDEOS}/a.mp4/stream", headers={"Range": "bytes=-3"})
    assert (response.status_code, response.content) == (206, b"789")
    head = api.head(f"{VIDEOS}/a.mp4/stream")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "10", b"")


def test_a_file_that_is_gone_is_404(api: TestClient, media_root: MediaRoot) -> None:
    _add("inbox/a.mp4")
    response = api.get(f"{VIDEOS}/a.mp4/stream")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "FileMissing")


def test_a_library_that_is_not_mounted_is_503(api: TestClient) -> None:
    _add("inbox/a.mp4")
    response = api.get(f"{VIDEOS}/a.mp4/stream")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "NotMounted")


def test_a_database_that_is_away_is_503_without_its_password(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELMILL_DATABASE_URL", "postgresql://nobody:secret@127.0.0.1:1/nothing")
    get_settings.cache_clear()
    response = api.get(VIDEOS)
    assert response.status_code == 503
    assert "secret" not in response.text


def test_a_database_that_goes_away_under_a_request_is_503(app: FastAPI, api: TestClient) -> None:
    @app.get("/gone")
    def gone() -> None:
        raise OperationalError("SELECT", {}, Exception("server closed the connection unexpectedly"))

    response = api.get("/gone")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "PlatformError")


def _link(root: MediaRoot, secret: Path) -> None:
    (root.path / "inbox/a.mp4").symlink_to(secret)


def _linked_folder(root: MediaRoot, secret: Path) -> None:
    (root.path / "inbox").rmdir()
    (root.path / "inbox").symlink_to(secret.parent)


@pytest.mark.parametrize("put", [_link, _linked_folder])
def test_a_link_that_leads_out_of_the_library_is_not_followed(
    api: TestClient, media_root: MediaRoot, put: Callable[[MediaRoot, Path], None]
) -> None:
    secret = media_root.path.parent / "elsewhere/a.mp4"
    secret.parent.mkdir()
    secret.write_bytes(b"secret")
    put(media_root, secret)
    _add("inbox/a.mp4")
    response = api.get(f"{VIDEOS}/a.mp4/stream")
    assert (response.status_code, response.json()["error"]["code"]) == (422, "OutsideMediaRoot")


def test_a_name_does_not_disclose_files_beside_the_library(api: TestClient, media_root: MediaRoot) -> None:
    beside = media_root.path.parent / "beside.mp4"
    there = [api.get(f"{VIDEOS}/inbox%2F..%2F..%2F{name}").json() for name in ("beside.mp4", "nothing.mp4")]
    beside.touch()
    now = [api.get(f"{VIDEOS}/inbox%2F..%2F..%2F{name}").json() for name in ("beside.mp4", "nothing.mp4")]
    assert now == there


def test_a_role_that_may_not_read_videos_is_refused(app: FastAPI) -> None:
    _add("inbox/a.mp4")
    api = TestClient(app, headers=login(Role.AUTOMATION))
    for rest in ("", "/a.mp4", "/a.mp4/tags", "/a.mp4/scenes", "/a.mp4/thumbnail", "/a.mp4/stream"):
        assert api.get(VIDEOS + rest).status_code == 403, rest
    assert api.head(f"{VIDEOS}/a.mp4/stream").status_code == 403


def _noisy_colours(path: Path, *options: str) -> None:
    """Three seconds of red, green, blue, under so much noise that no player holds the file in its first buffer."""
    inputs = [
        argument
        for name in ("red", "lime", "blue")
        for argument in ("-f", "lavfi", "-i", f"color={name}:s=320x240:r=10:d=1")
    ]
    noisy = ("-filter_complex", "concat=n=3,noise=alls=40:allf=t", "-pix_fmt", "yuv420p")
    generated(path, *inputs, *noisy, "-c:v", "libx264", "-preset", "ultrafast", "-qp", "5", "-g", "10", *options)


@pytest.mark.parametrize("options", [(), ("-movflags", "+faststart")])
def test_a_player_seeks_over_http(app: FastAPI, media_root: MediaRoot, options: tuple[str, ...]) -> None:
    """ffmpeg reads the index where it is, jumps to a moment, and decodes the frame that is shown there."""
    _noisy_colours(media_root.path / "inbox/colours.mp4", *options)
    _add("inbox/colours.mp4")
    asked: list[dict[str, str]] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append({key.decode(): value.decode() for key, value in scope["headers"]})
        await app(scope, receive, send)

    with live(watched) as url:
        shown = subprocess.run(
            [find_ffmpeg(), "-v", "error", "-headers", "Authorization: Bearer VIEWER\r\n", "-ss", "2.5",
             "-i", f"{url}{VIDEOS}/colours.mp4/stream", "-frames:v", "1", "-vf", "scale=1:1",
             "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    red, green, blue = shown.stdout
    assert blue > 2 * max(red, green)
    assert {one["authorization"] for one in asked} == {"Bearer VIEWER"}
    assert any(one.get("range", "") not in ("", "bytes=0-") for one in asked), asked
