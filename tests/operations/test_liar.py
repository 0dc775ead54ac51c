"""No job takes a spoilt file into the library, whatever ffmpeg's exit code says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatch
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import OutputRejected
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.clip_generate import clip_generate
from reelmill.operations.jobs.compile_gif import compile_gif
from reelmill.operations.jobs.compile_mega import compile_mega
from reelmill.operations.jobs.compile_quad import compile_quad
from reelmill.operations.jobs.digest import digest
from reelmill.operations.jobs.highlight_generate import highlight_generate
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.jobs.scene_extract import scene_extract
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from reelmill.settings import get_settings
from tests.clips import clip, generated
from tests.operations.liar import LIES, OTHERWISE, liar
from tests.operations.library import add, add_all, files

Job = Callable[[Workbench, list[str]], Any]

#: Of the sources; those of a grid are shorter, since what it makes is large.
_SECONDS, _SHORT = 2.0, 0.4
#: Each job, what it writes at last, how that is named to ffmpeg.
_JOBS: dict[str, tuple[Job, str, str]] = {
    "reencode": (lambda bench, ids: reencode(bench, ids[0], preset="ultrafast"), "output.mp4", "mp4"),
    "compile_quad": (lambda bench, ids: compile_quad(bench, ids[1:]), "output.mp4", "mp4"),
    "a sequence": (lambda bench, ids: compile_mega(bench, ids[:2], layout="sequence"), "output.mp4", "mp4"),
    "clip_generate": (lambda bench, ids: clip_generate(bench, ids[0], count=1, length=1), "output.mp4", "mp4"),
    "highlight_generate": (lambda bench, ids: highlight_generate(bench, ids[0], length=1), "output.mp4", "mp4"),
    "digest": (lambda bench, ids: digest(bench, ids[0], target_length=1), "output.mp4", "mp4"),
    "scene_extract": (lambda bench, ids: scene_extract(bench, ids[0], files=True), "output.mp4", "mp4"),
    "compile_gif": (lambda bench, ids: compile_gif(bench, ids[0], duration=1, width=80), "*.gif", "gif"),
    "thumbnail": (lambda bench, ids: thumbnail(bench, ids[0], timestamp=1.0, width=64), "*.jpg", "image2"),
}


@pytest.fixture
def ids(bench: Workbench) -> list[str]:
    lengths = [_SECONDS, *4 * [_SHORT]]
    made = [clip(bench.root.folder("inbox") / f"{n}.mp4", seconds=s, gop=10) for n, s in enumerate(lengths)]
    return [str(video.id) for video in add_all(bench, made)]


def _library(bench: Workbench) -> tuple[set[str], int]:
    """Every file that is no still picture of scenes, and the number of records."""
    found = {str(path) for path in files(bench.root) if "-scene" not in path.name}
    with session() as opened:
        return found, len(opened.exec(select(Video)).all())


def _lying(monkeypatch: pytest.MonkeyPatch, bench: Workbench, script: Path) -> Workbench:
    monkeypatch.setenv("REELMILL_FFMPEG", str(script))
    get_settings.cache_clear()
    lied_to = Workbench(root=bench.root, report=bench.report)
    assert lied_to.transcoder.ffmpeg == script
    return lied_to


def _lied_about(script: Path, names: str) -> bool:
    first, *_ = Path(f"{script}.lies").read_text().splitlines()
    return fnmatch(first, names)


@pytest.mark.parametrize("name", _JOBS)
def test_every_lie_is_found_out(
    bench: Workbench, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    job, written, form = _JOBS[name]
    before = _library(bench)
    for number, lie in enumerate(LIES):
        if form == "image2" and lie == "the first half of the film":
            continue
        script = liar(
            tmp_path / f"ffmpeg-{number}", lie, written, half=0.2 if name == "compile_quad" else 0.5, form=form
        )
        with pytest.raises(OutputRejected):
            job(_lying(monkeypatch, bench, script), ids)
        assert _lied_about(script, written), lie  # it was asked, and lied
        assert _library(bench) == before, lie
        assert not list(bench.root.work.iterdir()), lie
    monkeypatch.delenv("REELMILL_FFMPEG")
    get_settings.cache_clear()
    job(bench, ids)  # and with an honest one the same job is done
    assert _library(bench) != before or name == "scene_extract"


#: What each lie is found out as: one of these.
_FOUND = {
    "black": {FindingKind.BLACK},
    "its negative": {FindingKind.NEGATIVE},
    "upside down": {FindingKind.UPSIDE_DOWN},
    "mirrored": {FindingKind.MIRRORED},
    "colourless": {FindingKind.COLOURLESS},
    "another range": {FindingKind.TOO_MUCH_CONTRAST},
    "muted": {FindingKind.SILENT, FindingKind.MUTED},
    "too quiet": {FindingKind.QUIETER},
    "a dead channel": {FindingKind.DEAD_CHANNEL},
    "swapped channels": {FindingKind.SWAPPED_CHANNELS},
}
_FILMS = [name for name, (_, written, _) in _JOBS.items() if written == "output.mp4"]
_SHOWN = [
    *(("reencode", lie) for lie in OTHERWISE),
    *((name, "black") for name in _FILMS if name != "reencode"),
    ("compile_gif", "black"),
    ("compile_gif", "mirrored"),
    *(("thumbnail", lie) for lie in ("black", "its negative", "upside down", "colourless")),
    ("a sequence", "mirrored"), ("digest", "muted"), ("highlight_generate", "muted"),
]  # fmt: skip


@pytest.fixture
def stereo(bench: Workbench) -> list[str]:
    """Like ``ids``, with two channels that take turns, and contrast."""
    made = []
    for number, seconds in enumerate([3, *4 * [_SHORT]]):
        path = bench.root.folder("inbox") / f"{number}.mp4"
        left, right = (f"0.3*sin({tone}*t)*lt(mod(t+{late}\\,1)\\,0.6)" for tone, late in ((2000, 0), (3000, 0.5)))
        generated(
            path,
            *("-f", "lavfi", "-i", f"testsrc2=size=160x120:rate=25:duration={seconds}"),
            *("-f", "lavfi", "-i", f"aevalsrc={left}|{right}:s=48000:d={seconds}"),
            *("-vf", "scale=out_range=tv", "-pix_fmt", "yuv420p", "-preset", "ultrafast", "-g", "10"),
        )
        made.append(path)
    return [str(video.id) for video in add_all(bench, made)]


@pytest.mark.parametrize(("name", "lie"), _SHOWN)
def test_a_film_that_shows_or_sounds_otherwise_is_found_out(
    bench: Workbench, stereo: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, lie: str
) -> None:
    job, written, form = _JOBS[name]
    before = _library(bench)
    script = liar(tmp_path / "ffmpeg", lie, written, form=form)
    with pytest.raises(OutputRejected) as refusal:
        job(_lying(monkeypatch, bench, script), stereo)
    assert _FOUND[lie] & {finding.kind for finding in refusal.value.findings}
    assert _lied_about(script, written)
    assert _library(bench) == before
    assert not list(bench.root.work.iterdir())


_FEW = {"black": FindingKind.BLACK, "foreign": FindingKind.OTHER_FRAME, "repeated": FindingKind.MISPLACED}


@pytest.mark.parametrize(("lie", "kind"), _FEW.items())
@pytest.mark.parametrize("chunks", [1, 2])
def test_a_few_wrong_frames_are_found_wherever_they_are(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunks: int, lie: str, kind: FindingKind
) -> None:
    source = clip(bench.root.folder("inbox") / "long.mp4", seconds=12, gop=50, sound=0)
    written = "output.mp4" if chunks == 1 else "*.part"
    script = liar(tmp_path / "ffmpeg", f"{lie} frames", written)
    lied_to = _lying(monkeypatch, bench, script)
    with pytest.raises(OutputRejected) as refusal:
        reencode(lied_to, str(add(bench, source).id), preset="ultrafast", chunk_seconds=12 / chunks)
    assert {finding.kind for finding in refusal.value.findings} == {kind}


@pytest.mark.parametrize(("written", "chunk_seconds"), [("output.mp4", 30), ("*.mkv", 6)])
@pytest.mark.parametrize("lie", ["black", "repeated"])
def test_a_few_wrong_frames_of_a_film_are_found_wherever_they_are(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, chunk_seconds: int, lie: str
) -> None:
    source = clip(bench.root.folder("inbox") / "long.mp4", seconds=12, gop=50, sound=0)
    script = liar(tmp_path / "ffmpeg", f"{lie} frames", written)
    lied_to = replace(_lying(monkeypatch, bench, script), chunk_seconds=Fraction(chunk_seconds))
    with pytest.raises(OutputRejected) as refusal:
        digest(lied_to, str(add(bench, source).id), target_length=10)
    assert {finding.kind for finding in refusal.value.findings} == {_FEW[lie]}
    assert _lied_about(script, written)


#: What is not encoded as a whole: videos that are joined as they are, and a grid whose cells are made small first.
_IN_STEPS: dict[str, tuple[Job, str]] = {
    "a sequence joined as it is": (lambda bench, ids: compile_mega(bench, ids[:2], layout="sequence"), "output.mp4"),
    "a cell of a grid of nine": (lambda bench, ids: compile_mega(bench, ids, layout="3x3"), "*.part"),
}


@pytest.mark.parametrize("lie", ["black", "repeated"])
@pytest.mark.parametrize("name", _IN_STEPS)
def test_a_few_wrong_frames_are_found_where_not_all_is_encoded_at_once(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, lie: str
) -> None:
    job, written = _IN_STEPS[name]
    count = 2 if written == "output.mp4" else 9
    inbox = bench.root.folder("inbox")
    clips = [clip(inbox / f"{n}.mp4", seconds=6, gop=50, sound=0) for n in range(count)]
    videos = [str(video.id) for video in add_all(bench, clips)]
    script = liar(tmp_path / "ffmpeg", f"{lie} frames", written, form="mp4" if count == 2 else "matroska")
    with pytest.raises(OutputRejected) as refusal:
        job(_lying(monkeypatch, bench, script), videos)
    assert {finding.kind for finding in refusal.value.findings} == {_FEW[lie]}
    assert _lied_about(script, written)


#: What is made of pieces, each a file of its own.
_PUT_TOGETHER: dict[str, Job] = {
    "a sequence": lambda bench, ids: compile_mega(bench, ids, layout="sequence"),
    "a digest": lambda bench, ids: digest(bench, ids[0], target_length=1.5),
}
_SPOILT = [lie for lie in LIES if lie != "the first half of the film"]
#: Of sound, another container that holds the same samples is no lie: what comes of it is the same film.
_STEPS = [
    *((job, lie, "*.mkv") for job in ("a sequence", "a digest") for lie in _SPOILT),
    *((job, lie, "*.part") for job in ("a sequence", "a digest") for lie in _SPOILT if lie != "the wrong codec"),
]


@pytest.mark.parametrize(("job", "lie", "parts"), _STEPS)
def test_a_spoilt_step_on_the_way_is_found_out(
    bench: Workbench, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: str, lie: str, parts: str
) -> None:
    """Its parts are spoilt rather than the whole; none of them is used again."""
    clip(bench.root.folder("inbox") / "other.mp4", seconds=2, size="96x64", rate=10)
    taken = [ids[0], str(add(bench, bench.root.folder("inbox") / "other.mp4").id)]
    before = _library(bench)
    lied_to = _lying(monkeypatch, bench, liar(tmp_path / "ffmpeg", lie, parts))
    with pytest.raises(OutputRejected):
        _PUT_TOGETHER[job](replace(lied_to, chunk_seconds=Fraction(1, 2)), taken)
    assert Path(f"{tmp_path}/ffmpeg.lies").exists()
    assert _library(bench) == before
    assert not list(bench.root.work.iterdir())
    monkeypatch.delenv("REELMILL_FFMPEG")
    get_settings.cache_clear()
    assert _PUT_TOGETHER[job](bench, taken).chunks_reused == 0


@pytest.mark.parametrize("lie", _SPOILT)
def test_of_spoilt_chunks_none_is_used(
    bench: Workbench, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    lied_to = _lying(monkeypatch, bench, liar(tmp_path / "ffmpeg", lie, "*.part"))
    result = reencode(lied_to, ids[0], preset="ultrafast", chunk_seconds=0.5)
    assert Path(f"{tmp_path}/ffmpeg.lies").exists()
    assert (result.chunks, result.chunks_reused, result.frames_encoded) == (1, 0, 50), "in one go it goes well"
    assert not list(bench.root.chunks.iterdir())


def test_a_lie_told_about_a_shorter_film_is_found_out(
    bench: Workbench, ids: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A good file of the first second, and nothing ffmpeg says speaks against it."""
    script = liar(tmp_path / "ffmpeg", "the first half of the film", "output.mp4")
    with pytest.raises(OutputRejected) as refusal:
        reencode(_lying(monkeypatch, bench, script), ids[0], preset="ultrafast")
    assert Finding(FindingKind.FRAME_COUNT, 25, 50, against_source=True) in refusal.value.findings
