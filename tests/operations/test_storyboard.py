"""Storyboards on disk: the right frame in the right tile, upright, and a WebVTT that covers the whole timeline."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.assets import assets_of
from reelmill.catalogue.filters.video_filter import clause, parse_filter
from reelmill.catalogue.models import AssetKind, Video
from reelmill.errors import InputError, NotAVideo
from reelmill.ffmpeg.reading.probe import probe
from reelmill.operations.context import Workbench
from reelmill.operations.derived.storyboard import StoryboardResult, make_storyboard
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from tests.clips import clip, cut_off, ffmpeg, promising
from tests.operations.library import add

_COLOURS = {"red": (1, 0, 0), "lime": (0, 1, 0), "blue": (0, 0, 1), "white": (1, 1, 1), "black": (0, 0, 0)}


class _ShownCue(NamedTuple):
    """A cue as a player sees it."""

    start: float
    end: float
    pixels: NDArray[np.uint8]


def _board(bench: Workbench, path: Path) -> StoryboardResult:
    video = add(bench, path)
    return make_storyboard(bench, video, path, probe(path), bench.content(video, path))


def _chosen(text: str) -> set[str]:
    with session() as opened:
        return set(opened.exec(select(Video.path).where(clause(parse_filter(text)))))


def _cues(bench: Workbench, board: StoryboardResult) -> list[_ShownCue]:
    """What is in the WebVTT, every rectangle inside its sheet."""
    path = bench.root.path / board.path
    sheets = {Path(name).name: cv2.imread(str(bench.root.path / name)) for name in board.sheets}
    found = re.findall(r"^(\S+) --> (\S+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$", path.read_text(), re.MULTILINE)
    cues = []
    for start, end, name, *box in found:
        sheet = sheets[name]
        x, y, w, h = map(int, box)
        assert sheet is not None
        assert (w, h) == (board.tile_width, board.tile_height)
        assert x + w <= sheet.shape[1]
        assert y + h <= sheet.shape[0]
        cues.append(_ShownCue(_seconds(start), _seconds(end), np.asarray(sheet[y : y + h, x : x + w], np.uint8)))
    assert len(cues) == board.tiles == len(board.off)
    return cues


def _seconds(text: str) -> float:
    hours, minutes, seconds = text.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def _check(bench: Workbench, path: Path, board: StoryboardResult) -> list[_ShownCue]:
    """What holds for every storyboard."""
    cues = _cues(bench, board)
    duration = float(probe(path).duration or 0)
    assert cues[0].start == 0
    assert cues[-1].end == pytest.approx(duration, abs=0.0011) or not duration
    assert all(before.end == after.start < after.end for before, after in itertools.pairwise(cues))
    assert board.most_off == max(board.off) <= board.interval
    return cues


def _colour(pixels: NDArray[np.uint8]) -> str:
    rgb = tuple(round(float(value) / 255) for value in pixels.reshape(-1, 3).mean(axis=0)[::-1])
    return next(name for name, value in _COLOURS.items() if value == rgb)


def _colours(path: Path, *, each: int = 4, rate: int = 25, options: tuple[str, ...] = ()) -> Path:
    """Five colours of ``each`` seconds."""
    inputs = [word for name in _COLOURS for word in ("-f", "lavfi", "-i", f"color={name}:s=192x108:r={rate}:d={each}")]
    ffmpeg(*inputs, "-filter_complex", "concat=n=5", "-pix_fmt", "yuv420p", *options, path)
    return path


_X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-sc_threshold", "0", "-bf", "2")


@pytest.mark.parametrize(
    ("name", "options", "most"),
    [
        ("dense.mp4", (*_X264, "-g", "10"), 0.25),
        ("sparse.mp4", (*_X264, "-g", "125"), 1.0),  # keyframes at 0, 5, 10, 15: decoded exactly between them
        ("one keyframe.mp4", (*_X264, "-g", "9999"), 1.0),
        ("one keyframe.mkv", (*_X264, "-g", "9999"), 1.0),
        ("transport.ts", (*_X264, "-g", "125"), 1.0),
        ("fragments.mp4", (*_X264, "-g", "50", "-movflags", "frag_keyframe+empty_moov"), 1.0),
        ("mpeg2.mpg", ("-c:v", "mpeg2video", "-g", "40", "-bf", "2"), 1.0),
        ("old.avi", ("-c:v", "mpeg4", "-g", "60"), 1.0),
        ("old.flv", ("-c:v", "flv", "-g", "60"), 1.0),
        ("vp8.webm", ("-c:v", "libvpx", "-g", "60", "-deadline", "realtime", "-cpu-used", "8"), 1.0),
    ],
)
def test_the_right_frame_stands_in_every_tile(
    bench: Workbench, name: str, options: tuple[str, ...], most: float
) -> None:
    path = _colours(bench.root.folder("inbox") / name, options=options)
    board = _board(bench, path)
    cues = _check(bench, path, board)
    assert (board.interval, board.missing, board.tile_width, board.tile_height) == (2, 0, 160, 90)
    shown = [_colour(cue.pixels) for cue in cues if cue.end - cue.start > 0.5]  # some containers add a frame
    assert shown == [name for name in _COLOURS for _ in range(2)]
    assert board.most_off <= most


def test_variable_frame_rates_and_long_stills(bench: Workbench) -> None:
    """Two frames a colour, at its first and third second: what is on show counts, however long ago it began."""
    path = bench.root.folder("inbox") / "slides.mp4"
    steady = _colours(bench.root.path / "steady.mkv", rate=1, options=(*_X264, "-g", "9999"))
    ffmpeg("-i", steady, "-vf", r"select=not(mod(n\,4))+eq(mod(n\,4)\,2)*gt(n\,9)", "-fps_mode", "vfr", *_X264, path)
    cues = _check(bench, path, _board(bench, path))
    assert [_colour(cue.pixels) for cue in cues][:8] == [name for name in _COLOURS for _ in range(2)][:8]


@pytest.mark.parametrize(
    ("seconds", "rate", "size"), [(0.04, 25, "160x120"), (0.5, 25, "161x121"), (2.5, 2, "34x500"), (1, 1, "2x2")]
)
def test_short_and_odd(bench: Workbench, seconds: float, rate: int, size: str) -> None:
    path = bench.root.folder("inbox") / "short.mkv"
    drawn = f"testsrc2=s=512x512:r={rate}:d={seconds},scale={size.replace('x', ':')}"
    ffmpeg("-f", "lavfi", "-i", drawn, "-c:v", "libx264", "-pix_fmt", "yuv444p", path)
    board = _board(bench, path)
    assert len(_check(bench, path, board)) == (2 if seconds > 2 else 1)


def test_a_file_cut_off_shows_what_is_there_until_the_end(bench: Workbench, tmp_path: Path) -> None:
    whole = clip(tmp_path / "whole.mp4", seconds=30, gop=50, sound=0, options=["-movflags", "faststart"])
    path = cut_off(whole, bench.root.folder("inbox") / "cut.mp4", keep=0.5)
    board = _board(bench, path)
    cues = _check(bench, path, board)
    assert 5 <= board.missing <= 9
    assert cues[-1].end == 30


@pytest.mark.parametrize("seconds", [200, 30_000_000])
def test_an_empty_promise_is_not_drawn(bench: Workbench, seconds: int) -> None:
    short = clip(bench.root.path / "short.mkv", seconds=4)
    path = promising(short, bench.root.folder("inbox") / "long.mkv", seconds=seconds)
    board = _board(bench, path)
    assert board.tiles <= 2
    assert _check(bench, path, board)[-1].end == seconds
    assert board.missing < 20


def test_turned_frames_and_pixels_that_are_not_square(bench: Workbench, tmp_path: Path) -> None:
    half = "color=white:s=80x120:d=1[w];color=black:s=80x120:d=1[b];[w][b]hstack,setsar=3/2"
    ffmpeg("-f", "lavfi", "-i", half, "-c:v", "libx264", "-pix_fmt", "yuv420p", tmp_path / "flat.mp4")
    path = bench.root.folder("inbox") / "turned.mp4"
    ffmpeg("-display_rotation:v:0", "-90", "-i", tmp_path / "flat.mp4", "-c", "copy", path)  # 90 degrees clockwise
    board = _board(bench, path)
    (cue,) = _check(bench, path, board)
    assert (board.tile_width, board.tile_height) == (160, 320)
    assert cue.pixels[:100].mean() > 200  # what was left is on top
    assert cue.pixels[-100:].mean() < 50


def test_many_sheets_made_once(bench: Workbench) -> None:
    path = bench.root.folder("inbox") / "long.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=64x36:r=1:d=2100", "-c:v", "libx264", "-preset", "ultrafast", "-g", "5", path
    )
    board = _board(bench, path)
    assert (board.tiles, len(board.sheets), board.interval) == (210, 3, 10)
    _check(bench, path, board)
    files = {file: file.stat().st_mtime_ns for file in (bench.root.path / "thumbnails").rglob("*.*")}
    assert thumbnail(bench, str(add(bench, path).id), storyboard=True).storyboard == board
    assert _chosen("storyboard is not missing") == {"inbox/long.mp4"}
    with session() as opened:
        kinds = {asset.path: (asset.kind, asset.number) for asset in assets_of(opened, add(bench, path).id)}
    assert kinds.pop(board.path) == (AssetKind.STORYBOARD, None)
    assert [kinds.pop(sheet) for sheet in board.sheets] == [(AssetKind.SHEET, number) for number in (1, 2, 3)]
    assert [kind for kind, _ in kinds.values()] == [AssetKind.THUMBNAIL]
    (bench.root.path / str(add(bench, path).thumbnail_path)).unlink()
    assert {file: file.stat().st_mtime_ns for file in (bench.root.path / "thumbnails").rglob("*.*")} == files
    (bench.root.path / board.sheets[1]).unlink()
    assert _board(bench, path) == board, "a sheet somebody removed is made again"
    _check(bench, path, board)
    assert not list(bench.root.work.iterdir())


def test_a_video_of_nothing_is_refused(bench: Workbench, tmp_path: Path) -> None:
    whole = clip(tmp_path / "whole.mp4", seconds=4, sound=0, options=["-movflags", "faststart"])
    data = bytearray(whole.read_bytes())
    start = data.find(b"mdat")
    data[start + 4 :] = bytes(len(data) - start - 4)
    path = bench.root.folder("inbox") / "hollow.mp4"
    path.write_bytes(data)
    with pytest.raises(InputError):
        _board(bench, path)
    assert not list((bench.root.path / "thumbnails").rglob("*.vtt"))


@pytest.mark.real_media
@pytest.mark.parametrize("name", ["rotated_hdr_video.mov", "av1-hdr.webm"])
def test_hdr_is_mapped_as_the_thumbnail_is(bench: Workbench, real_media: Path, name: str) -> None:
    path = Path(shutil.copy(real_media / name, bench.root.folder("inbox")))
    (first, *_) = _check(bench, path, _board(bench, path))
    still = thumbnail(bench, str(add(bench, path).id), timestamp=0, width=160)
    other = cv2.imread(str(bench.root.path / still.path))
    assert other is not None
    assert float(np.abs(first.pixels.astype(float) - other).mean()) < 12


@pytest.mark.real_media
def test_real_files(bench: Workbench, real_media: Path) -> None:
    """Whatever opens as a video gets a storyboard that holds together."""
    made = 0
    for source in sorted(path for path in real_media.iterdir() if path.suffix not in (".csv", ".txt", ".json")):
        if not source.is_file() or source.name == "long1080.mp4":
            continue
        path = Path(shutil.copy(source, bench.root.folder("inbox")))
        video = add(bench, path)
        if not video.is_valid:
            continue
        try:
            board = _board(bench, path)
        except NotAVideo:
            continue
        _check(bench, path, board)
        assert board.missing == 0 or "truncated" in source.name, source.name
        made += 1
    assert made > 60
