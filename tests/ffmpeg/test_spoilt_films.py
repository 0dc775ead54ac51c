"""Films that lost detail, or repeat frames or show them in another order, are found; good ones at any rate pass."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from reelmill.cli.commands.verifying import examined
from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.reading.frames.raster import Box
from reelmill.ffmpeg.verify import ANY_SETTINGS, DetailAsked, Expectation, FilmSegment, examine
from tests.clips import BEYOND_RANGE, ffmpeg

_K = FindingKind
_RATE = Fraction(25)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of colour bars with a moving test pattern, a keyframe every second."""
    path = tmp_path_factory.mktemp("source") / "source.mkv"
    inputs = "smptehdbars=s=256x144:r=25:d=3", "testsrc2=s=128x80:r=25:d=3"
    ffmpeg(
        *(argument for graph in inputs for argument in ("-f", "lavfi", "-i", graph)),
        *("-filter_complex", "[0][1]overlay=x=10+30*t:y=10+15*t,format=yuv420p"),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-g", "25", path),
    )
    return path


def _film(source: Path, folder: Path, begin: float, *, spoilt: str = "null", coded: tuple[str, ...] = ()) -> Path:
    """What follows ``begin``, then all of it in the film's lower right quarter."""
    made, step = folder / "film.mp4", f"fps=25,{spoilt}"
    cut = f"[0]trim=start={begin - 0.004},setpts=PTS-STARTPTS,{step}[a]"
    boxed = f"[0]scale=128:72,pad=256:144:128:72,setsar=1,{step}[b]"
    graph = f"{cut};{boxed};[a][b]concat=n=2,format=yuv420p"
    coded = coded or ("-crf", "23")
    ffmpeg("-i", source, "-filter_complex", graph, "-c:v", "libx264", "-preset", "veryfast", *coded, made)
    return made


def _found(film: Path, source: Path, begin: float, *, detail: DetailAsked = ANY_SETTINGS) -> set[FindingKind]:
    segments = (
        FilmSegment(source, begin, 3.0, at=0.0, heard=False, detail=detail, rate=_RATE),
        FilmSegment(source, 0.0, 3.0, 3.0 - begin, Box(0.5, 0.5, 0.5, 0.5), heard=False, detail=detail, rate=_RATE),
    )
    return {finding.kind for finding in examine(film, Expectation(segments=segments, faststart=False)).findings}


@pytest.mark.parametrize("begin", [0.0, 0.4, 0.52, 0.97])
def test_a_good_film_is_taken(source: Path, tmp_path: Path, begin: float) -> None:
    """Also where it begins between two frames, or nearly at one."""
    assert _found(_film(source, tmp_path, begin), source, begin) == set()


_SPOILT: dict[str, tuple[str, tuple[str, ...], FindingKind]] = {
    "coarse": ("null", ("-crf", "51"), _K.COARSE),
    "blurred": ("gblur=sigma=3", (), _K.COARSE),
    "repeated": ("shuffleframes=0 0", (), _K.MISPLACED),
    "in another order": ("shuffleframes=1 0", (), _K.MISPLACED),
}  # fmt: skip


@pytest.mark.parametrize("name", _SPOILT)
def test_a_spoilt_film_is_found(source: Path, tmp_path: Path, name: str) -> None:
    spoilt, coded, kind = _SPOILT[name]
    assert _found(_film(source, tmp_path, 0.4, spoilt=spoilt, coded=coded), source, 0.4) == {kind}


def test_a_film_that_was_asked_to_be_coarse_is_taken(source: Path, tmp_path: Path) -> None:
    assert _found(_film(source, tmp_path, 0.4, coded=("-crf", "51")), source, 0.4, detail=DetailAsked(crf=51)) == set()


def test_a_film_at_another_rate_is_not_held_to_each_frame(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.mkv"
    ffmpeg("-i", source, "-r", "20", "-c:v", "libx264", "-preset", "veryfast", "-g", "20", other)
    film = _film(other, tmp_path, 0.4)
    assert _found(film, other, 0.4) == set()


def test_what_hardly_moves_may_be_late_where_bits_are_few(real_media: Path, tmp_path: Path) -> None:
    """A film that begins black, and by one level brighter after three frames."""
    source, copy = tmp_path / "source.mkv", tmp_path / "copy.mkv"
    coded = "-an", "-c:v", "libx264"
    small = "-t", "0.6", "-vf", "scale=480:270", "-crf", "10", "-preset", "veryfast"
    ffmpeg("-i", real_media / "bbb_2500ms_mpeg2.ts", *coded, *small, source)
    ffmpeg("-i", source, *coded, "-b:v", "80k", copy)
    assert examined(copy, source).findings == ()


@pytest.mark.parametrize(("spoilt", "kinds"), [("null", set()), ("hflip", {_K.MIRRORED})])
def test_what_is_below_black_or_above_white_may_be_cut_off(tmp_path: Path, spoilt: str, kinds: set[_K]) -> None:
    """Of another matrix, what was in 0 and 255 of limited range went through RGB."""
    source, film = tmp_path / "source.mkv", tmp_path / "film.mp4"
    coded = "-c:v", "libx264", "-preset", "ultrafast", "-crf", "18"
    ffmpeg("-f", "lavfi", "-i", f"{BEYOND_RANGE},loop=49:1", *coded, "-g", "10", source)
    matrix = "in_color_matrix=smpte170m:out_color_matrix=bt709:out_range=tv,setparams=colorspace=bt709"
    ffmpeg("-i", source, "-vf", f"scale=480:360:{matrix},{spoilt},format=yuv420p", *coded, film)
    segments = (FilmSegment(source, 0.0, 2.0, at=0.0, heard=False),)
    found = examine(film, Expectation(segments=segments, faststart=False)).findings
    assert {finding.kind for finding in found} == kinds
