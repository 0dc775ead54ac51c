from __future__ import annotations

import re
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Asset, AssetKind
from reelmill.errors import WrongParameter
from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.reading.probe import probe
from reelmill.operations.context import Workbench
from reelmill.operations.derived import previews
from reelmill.operations.jobs.compile_gif import GifResult, compile_gif, visible_range
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from tests.clips import Notes, clip, ffmpeg, three_colours
from tests.operations.library import add
from tests.refusals import refused, rejected

_RED, _GREEN, _BLUE = 0, 1, 2


@pytest.fixture
def notes(bench: Workbench) -> Workbench:
    return Workbench(root=bench.root, report=Notes())


@pytest.fixture
def colours(bench: Workbench) -> Path:
    """Red, green, blue: a second of each."""
    return three_colours(bench.root.folder("inbox") / "colours.mp4")


def _gif(bench: Workbench, path: Path, **asked: Any) -> GifResult:
    return compile_gif(bench, str(add(bench, path).id), **asked)


def _pictures(bench: Workbench, result: GifResult) -> list[NDArray[np.uint8]]:
    """Decoded by itself; what the result says of it holds."""
    path = bench.root.path / result.path
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert (frames[0].width, frames[0].height, len(frames)) == (result.width, result.height, result.frames)
    last = frames[-1]
    assert last.pts is not None
    assert last.time_base is not None
    assert float((last.pts + last.duration) * last.time_base) == pytest.approx(result.duration)
    assert path.stat().st_size == result.size
    assert b"NETSCAPE2.0\x03\x01\x00\x00\x00" in path.read_bytes()  # loops for ever
    assert list(bench.root.work.iterdir()) == []
    with session() as opened:
        assert AssetKind.GIF in opened.exec(select(Asset.kind).where(Asset.path == result.path)).all()
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames]


def _colour(picture: NDArray[np.uint8]) -> int:
    return int(picture.reshape(-1, 3).mean(axis=0).argmax())


@pytest.mark.parametrize(
    ("asked", "frames", "shown"),
    [
        ({}, 36, {0: _RED, 11: _RED, 12: _GREEN, 23: _GREEN, 24: _BLUE, 35: _BLUE}),
        ({"start": 1, "duration": 1, "fps": 10}, 10, {0: _GREEN, 9: _GREEN}),
        ({"start": 0.95, "duration": 0.3, "fps": 20}, 6, {0: _RED, 2: _GREEN, 5: _GREEN}),
        ({"start": 2.9, "duration": 60, "fps": 50}, 5, {0: _BLUE, 4: _BLUE}),
        ({"start": 2, "duration": 0.001}, 1, {0: _BLUE}),
        ({"duration": 3, "fps": 1}, 3, {0: _RED, 1: _GREEN, 2: _BLUE}),
    ],
)
def test_what_is_shown_when(
    bench: Workbench, colours: Path, asked: dict[str, Any], frames: int, shown: dict[int, int]
) -> None:
    result = _gif(bench, colours, **asked)
    assert (result.frames, result.width, result.height, result.reused) == (frames, 160, 120, False)
    wanted = Fraction(frames, asked.get("fps", 12))
    assert abs(result.duration - wanted) <= Fraction(1, asked.get("fps", 12))
    pictures = _pictures(bench, result)
    assert {index: _colour(pictures[index]) for index in shown} == shown


def test_the_same_again_is_found(notes: Workbench, colours: Path) -> None:
    first = _gif(notes, colours, width=64)
    before = (notes.root.path / first.path).stat().st_mtime_ns
    again = _gif(notes, colours, width=64)
    assert again == first.model_copy(update={"reused": True})
    assert (notes.root.path / first.path).stat().st_mtime_ns == before
    other = _gif(notes, colours, width=66)
    assert (other.reused, other.width, other.height) == (False, 66, 50)
    assert len(list((notes.root.path / "gifs").rglob("*.gif"))) == 2


def test_a_folder_that_is_missing_is_made(bench: Workbench, colours: Path) -> None:
    (bench.root.path / "gifs").rmdir()
    made = _gif(bench, colours, duration=0.5)
    assert (bench.root.path / made.path).is_file()


def test_a_found_one_that_is_broken_is_said_so(bench: Workbench, colours: Path) -> None:
    first = _gif(bench, colours, duration=1)
    (bench.root.path / first.path).write_bytes(b"GIF89a")
    with rejected(FindingKind.NOT_A_VIDEO):
        _gif(bench, colours, duration=1)


@pytest.mark.parametrize("start", [-1.0, 3.0, 1e9])
def test_a_start_outside_the_video_is_refused(bench: Workbench, colours: Path, start: float) -> None:
    with refused(WrongParameter, parameter="start", value=start):
        _gif(bench, colours, start=start)
    assert not list((bench.root.path / "gifs").rglob("*.gif"))


def test_a_range_before_the_first_frame_is_refused(bench: Workbench, tmp_path: Path) -> None:
    """The audio begins at once, the video 3 s later, for 2 s."""
    source, whole = bench.root.folder("inbox") / "late.mp4", clip(tmp_path / "whole.mp4", seconds=2)
    ffmpeg("-itsoffset", "3", "-i", whole, "-i", whole, "-map", "0:v", "-map", "1:a", "-c", "copy", source)
    with refused(WrongParameter, parameter="start", value=0.5):
        _gif(bench, source, start=0.5, duration=1)
    assert not list((bench.root.path / "gifs").rglob("*.gif"))


def test_stretch() -> None:
    assert visible_range("x", Fraction(10), 8, 5) == (Fraction(8), Fraction(2))
    assert visible_range("x", Fraction(10), 0.1, 0.2) == (Fraction(1, 10), Fraction(1, 5))
    assert visible_range("x", None, 100, 5) == (Fraction(100), Fraction(5))
    with refused(WrongParameter, parameter="start", value=-1):
        visible_range("x", None, -1, 5)


@pytest.mark.parametrize("times", [1, 3])
def test_a_turned_picture_stands_upright(bench: Workbench, tmp_path: Path, times: int) -> None:
    size = f"{80 * times}x{120 * times}"
    half = f"color=white:s={size}:d=1[w];color=black:s={size}:d=1[b];[w][b]hstack"
    ffmpeg("-f", "lavfi", "-i", half, "-c:v", "libx264", "-pix_fmt", "yuv420p", tmp_path / "flat.mp4")
    turned = bench.root.folder("inbox") / "turned.mp4"
    ffmpeg("-display_rotation:v:0", "-90", "-i", tmp_path / "flat.mp4", "-c", "copy", turned)  # 90 degrees clockwise
    result = _gif(bench, turned, width=60 * times)
    assert (result.width, result.height) == (60 * times, 80 * times)
    picture = _pictures(bench, result)[0]
    assert picture[: 27 * times].mean() > 200  # what was left is on top
    assert picture[-27 * times :].mean() < 50


def test_pixels_that_are_not_square(bench: Workbench) -> None:
    path = clip(bench.root.folder("inbox") / "wide.mp4", size="160x120", options=["-vf", "setsar=2"])
    result = _gif(bench, path, width=1920)
    assert (result.width, result.height) == (320, 120)
    _pictures(bench, result)


def test_hdr_looks_as_its_thumbnail_does(bench: Workbench) -> None:
    path = bench.root.folder("inbox") / "hdr.mp4"
    tags = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180:r=10:d=1", "-vf", f"format=yuv420p10le,{tags}",
           "-c:v", "libx265", "-x265-params", "log-level=error:transfer=smpte2084", path)  # fmt: skip
    video = add(bench, path)
    assert probe(path).video.hdr == "pq"
    result = compile_gif(bench, str(video.id), width=161)
    assert (result.width, result.height) == (161, 91)
    still = thumbnail(bench, str(video.id), timestamp=0.5, width=161)
    with av.open(str(bench.root.path / still.path)) as container:
        wanted = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    found = _pictures(bench, result)[6].astype(int)
    assert np.abs(found.mean(axis=(0, 1)) - wanted.mean(axis=(0, 1))).max() < 12


def test_a_slide_that_began_long_before(bench: Workbench, tmp_path: Path) -> None:
    """A picture every two seconds: red at 0 and 2 s, green at 4 and 6, blue at 8 and 10."""
    slides = bench.root.folder("inbox") / "slides.mp4"
    sources = ";".join(f"color={name}:r=1/2:d=4:s=64x48[{name}]" for name in ("red", "lime", "blue"))
    sources += ";[red][lime][blue]concat=n=3"
    ffmpeg("-filter_complex", sources, "-c:v", "libx264", "-pix_fmt", "yuv420p", slides)
    pictures = _pictures(bench, _gif(bench, slides, start=7, duration=2, fps=5))
    assert [_colour(picture) for picture in pictures] == [_GREEN] * 5 + [_BLUE] * 5


def test_pictures_that_begin_after_the_sound(bench: Workbench, colours: Path) -> None:
    late = bench.root.folder("inbox") / "late.mkv"
    ffmpeg("-f", "lavfi", "-i", "sine=d=3", "-itsoffset", "0.5", "-i", colours, "-map", "1:v", "-map", "0:a",
           "-c:v", "copy", late)  # fmt: skip
    pictures = _pictures(bench, _gif(bench, late, duration=2, fps=10))
    assert [_colour(picture) for picture in pictures] == [_RED] * 15 + [_GREEN] * 5


@pytest.fixture
def noise(bench: Workbench) -> Path:
    """A second and a half that no GIF can make small."""
    path = bench.root.folder("inbox") / "noise.mp4"
    picture = "nullsrc=s=320x180:d=1.5:r=12,geq=random(1)*255:random(2)*255:random(3)*255"
    ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", path)
    return path


def test_a_limit_is_met_in_few_steps(notes: Workbench, noise: Path) -> None:
    free = _gif(notes, noise)
    assert (free.width, free.frames) == (320, 18)
    assert free.fps == pytest.approx(12, abs=0.2)
    assert free.size < 8_000_000
    limit = free.size / 4 / 1e6
    result = _gif(notes, noise, max_mb=limit)
    assert limit * 1e6 * 0.3 < result.size <= limit * 1e6
    _pictures(notes, result)
    assert isinstance(notes.report, Notes)
    told = [line for line in notes.report.lines if "stepping down" in line]
    assert 1 <= len(told) <= 2
    assert "320x180 at 12 frames a second" in told[0]


def test_what_does_not_fit_is_said_with_numbers(bench: Workbench, noise: Path) -> None:
    words = r"inbox/noise\.mp4: 1\.5 s of it take \d+\.\d\d MB even as 64x36 at 4 frames a second, and 0\.001 MB are"
    with refused(WrongParameter, parameter="max_mb", value=0.001) as refusal:
        _gif(bench, noise, max_mb=0.001)
    assert re.match(words, str(refusal.error))
    assert not list((bench.root.path / "gifs").rglob("*.gif"))
    assert list(bench.root.work.iterdir()) == []


def test_a_preview_of_it_can_be_shown(bench: Workbench, colours: Path) -> None:
    result = _gif(bench, colours)
    assert previews.of_video(bench.root.path / result.path, result.duration / 2).startswith(b"\xff\xd8")


def test_a_picture_that_never_moves(bench: Workbench) -> None:
    """Where nothing changes, a palette of what changes is not empty."""
    path = bench.root.folder("inbox") / "still.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=0x4080c0:s=64x48:d=1", "-c:v", "libx264", "-pix_fmt", "yuv420p", path)
    means = [picture.reshape(-1, 3).mean(axis=0) for picture in _pictures(bench, _gif(bench, path))]
    assert np.abs(np.asarray(means) - [0x40, 0x80, 0xC0]).max() < 6


@pytest.mark.real_media
@pytest.mark.parametrize(
    ("name", "frames", "size"),
    [("-video-with-dash-.mp4", 12, (1, 1)), ("cursed-vfr.mp4", 12, (134, 61)), ("fixture.mov", 1, (134, 78))],
)
def test_rude_files(bench: Workbench, real_media: Path, name: str, frames: int, size: tuple[int, int]) -> None:
    shutil.copy(real_media / name, bench.root.folder("inbox"))
    result = _gif(bench, bench.root.folder("inbox") / name, duration=1, width=134)
    assert (result.frames, (result.width, result.height)) == (frames, size)
    _pictures(bench, result)
