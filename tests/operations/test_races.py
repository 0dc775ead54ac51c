"""Jobs beside renames, imports and one another: nothing is lost, and nothing is made twice."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.exports import transfer
from reelmill.catalogue.models import Video
from reelmill.errors import ChangedMeanwhile, FfmpegFailed, FileMissing
from reelmill.operations.context import Workbench
from reelmill.operations.derived.perceptual_hash_cache import perceptual_hashes
from reelmill.operations.jobs.compile_gif import compile_gif
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.jobs.scan import scan
from reelmill.operations.jobs.scene_extract import scene_extract
from reelmill.operations.jobs.tag_generation import tag_generation
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from reelmill.operations.jobs.validate import validate
from reelmill.operations.web_copies.result import ReencodeResult
from reelmill.parallel import begin
from tests.clips import Notes, clip
from tests.operations.library import add, files, taken

#: Of the progress of a re-encode: what comes after it is the proof, and then the file is placed and recorded.
_ENCODED = 0.95
_PUBLISHING = "publishing"


class _Meanwhile(Notes):
    """Somebody acts once, at the first line that holds ``when``, or as all is encoded."""

    def __init__(self, act: Callable[[], object], when: str) -> None:
        super().__init__()
        self._act, self._when = act, when
        self.done = False

    def line(self, text: str) -> None:
        super().line(text)
        self._look(text)

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        super().progress(fraction, text, speed)
        if fraction == _ENCODED:
            self._look(_PUBLISHING)

    def _look(self, text: str) -> None:
        if not self.done and self._when in text:
            self.done = True
            self._act()


def _encode(bench: Workbench, video: Video) -> ReencodeResult:
    return reencode(bench, str(video.id), preset="ultrafast")


def _records() -> dict[str, Video]:
    with session() as opened:
        return {video.path: video for video in opened.exec(select(Video))}


def _copies(bench: Workbench) -> list[str]:
    return [
        bench.root.relative(path) for path in files(bench.root) if path.is_relative_to(bench.root.path / "playback")
    ]


def _check_one_copy(bench: Workbench, source: str) -> None:
    """One web copy is there, recorded, of this source; no work is left."""
    records = _records()
    (path,) = _copies(bench)
    assert sorted(records) == sorted({source, path})
    assert records[path].source_video_id == records[source].id
    assert [one.source for one in taken(path)] == [source]
    assert records[path].missing_since is None
    assert list(bench.root.work.iterdir()) == []


@pytest.mark.parametrize("when", ["input:", "in one go", "command:", _PUBLISHING])
def test_a_source_that_is_renamed_while_its_copy_is_made(bench: Workbench, when: str) -> None:
    """A scan follows it; what was being made is published, or made by the next try, once."""
    source = clip(bench.root.folder("inbox") / "a.mp4", seconds=1, size="64x48")
    video = add(bench, source)

    def rename() -> None:
        source.rename(source.with_name("b.mp4"))
        scan(bench.root, "inbox", directory_types=["inbox"], settle_seconds=0, report=Notes())

    notes = _Meanwhile(rename, when)
    try:
        made = _encode(replace(bench, report=notes), video)
    except (FileMissing, FfmpegFailed):  # as ffmpeg was about to open it; both are tried again
        assert _copies(bench) == []
        made = _encode(bench, video)
    assert notes.done
    assert _encode(bench, video).path == made.path
    _check_one_copy(bench, "inbox/b.mp4")


def _forget_all() -> None:
    with session() as opened:
        opened.connection().execute(text("TRUNCATE catalogue.video CASCADE"))


def _recorded_anew(bench: Workbench, source: Path) -> tuple[Video, Video, Callable[[], None]]:
    """A video as an export has it, as a scan has recorded it since, and what imports that export."""
    earlier = add(bench, source)
    with session() as opened:
        lines: list[dict[str, Any]] = json.loads(json.dumps(list(transfer.rows(opened))))
    _forget_all()
    video = add(bench, source)
    assert video.id != earlier.id

    def load() -> None:
        with session() as opened:
            assert transfer.load(opened, lines).renamed == 1

    return earlier, video, load


@pytest.mark.parametrize("when", ["input:", "in one go", "command:", _PUBLISHING])
def test_an_import_that_gives_a_video_its_earlier_id_back_while_its_copy_is_made(bench: Workbench, when: str) -> None:
    source = clip(bench.root.folder("inbox") / "a.mp4", seconds=1, size="64x48")
    earlier, video, load = _recorded_anew(bench, source)
    notes = _Meanwhile(load, when)
    made = _encode(replace(bench, report=notes), video)
    assert notes.done
    again = _encode(bench, earlier)
    assert (again.path, again.reused) == (made.path, True)
    _check_one_copy(bench, "inbox/a.mp4")


def _hash(bench: Workbench, video_id: str) -> None:
    with session() as opened:
        video = opened.get_one(Video, uuid.UUID(video_id))
    assert perceptual_hashes(bench, [video])[1] == {}


#: What looks at a video, and the tables that it writes.
_FINDERS: list[tuple[Callable[[Workbench, str], object], set[str]]] = [
    (thumbnail, {"asset"}),
    (partial(compile_gif, duration=1, width=64), {"asset"}),
    (scene_extract, {"asset", "scene", "analysis"}),
    (tag_generation, {"tag", "analysis"}),
    (_hash, {"fingerprint"}),
    (partial(validate, depth="full"), set()),
]


@pytest.mark.parametrize(("job", "tables"), _FINDERS)
def test_an_import_that_gives_a_video_its_earlier_id_back_while_it_is_looked_at(
    bench: Workbench, job: Callable[[Workbench, str], object], tables: set[str]
) -> None:
    """What is found, and the images that are made, are of the video by the id that it has then."""
    source = clip(bench.root.folder("inbox") / "a.mp4", seconds=4, size="64x48")
    earlier, video, load = _recorded_anew(bench, source)
    notes = _Meanwhile(load, "")
    job(replace(bench, report=notes), str(video.id))
    assert notes.done
    with session() as opened:
        for table in tables:
            owners = opened.connection().execute(text(f"SELECT DISTINCT video_id FROM catalogue.{table}")).scalars()
            assert list(owners) == [earlier.id], table
        shown = opened.get_one(Video, earlier.id).thumbnail_path
        assert (shown is not None) == (job is thumbnail)
        assert opened.exec(select(Video.id)).all() == [earlier.id]


@pytest.mark.parametrize("job", [job for job, tables in _FINDERS if tables & {"asset", "tag"}])
def test_a_video_that_leaves_the_catalogue_while_it_is_looked_at(
    bench: Workbench, job: Callable[[Workbench, str], object]
) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=2, size="64x48"))
    notes = _Meanwhile(_forget_all, "")
    with pytest.raises(ChangedMeanwhile) as refusal:
        job(replace(bench, report=notes), str(video.id))
    assert refusal.value.path == video.path
    assert notes.done


def test_two_copies_at_once_of_one_file_by_two_names(bench: Workbench) -> None:
    source = clip(bench.root.folder("inbox") / "a.mp4", seconds=1, size="64x48")
    os.link(source, source.with_name("b.mp4"))
    videos = [add(bench, source), add(bench, source.with_name("b.mp4"))]
    assert videos[0].content_id == videos[1].content_id
    with ThreadPoolExecutor(2) as threads:
        made = [begin(threads, _encode, replace(bench, report=Notes()), video) for video in videos]
        results = [one.result() for one in made]
    assert sorted(result.reused for result in results) == [False, True]
    assert len({result.path for result in results}) == 1
    assert len(_copies(bench)) == 1
    assert list(bench.root.work.iterdir()) == []
    assert {result.reused for result in (_encode(bench, video) for video in videos)} == {True}
