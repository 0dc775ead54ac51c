"""High dynamic range is kept or tone-mapped on purpose; what is neither is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reelmill.ffmpeg.commands.web_copy import reencode
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.probe import VideoTrack, probe
from reelmill.ffmpeg.verify import Expectation, Source, examine, verify
from reelmill.ffmpeg.verify.matches.colours import bits, colour_faults
from tests.clips import clip, ffmpeg
from tests.refusals import rejected, the_one

_BT709 = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709"
_FRONT = ("-movflags", "+faststart")


@pytest.fixture(scope="module", params=["smpte2084", "arib-std-b67"], ids=["pq", "hlg"])
def hdr(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test card in BT.2020 and 10 bits."""
    path = tmp_path_factory.mktemp("hdr") / "hdr.mp4"
    mapped = f"transfer={request.param}:primaries=bt2020:matrix=bt2020nc"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=1"),
        *(
            "-vf",
            f"zscale=matrixin=bt709:transferin=bt709:primariesin=bt709:rangein=limited:{mapped},format=yuv420p10le",
        ),
        *("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", "-tag:v", "hvc1", *_FRONT),
        *("-color_primaries", "bt2020", "-color_trc", request.param, "-colorspace", "bt2020nc", path),
    )
    assert probe(path).video.hdr is not None
    return path


def _findings(source: Path, made: Path, *, tone_mapped: bool | None = None) -> tuple[Finding, ...]:
    against = Source(source, probe(source), tone_mapped)
    return examine(made, Expectation(codec=None, pixel_format=None, source=against)).findings


def _kinds(source: Path, made: Path, *, tone_mapped: bool | None = None) -> set[FindingKind]:
    return {finding.kind for finding in _findings(source, made, tone_mapped=tone_mapped)}


def test_what_is_tone_mapped_reports_so_and_is(hdr: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    ffmpeg(*reencode(hdr, probe(hdr), made, Encoding(preset="ultrafast")))
    video = verify(made, Expectation(source=Source(hdr, probe(hdr)))).video
    assert (video.primaries, video.transfer, video.matrix, video.pixel_format) == (1, 1, 1, "yuv420p")


def test_what_is_kept_is_kept(hdr: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    ffmpeg("-i", hdr, "-c", "copy", *_FRONT, made)
    assert _findings(hdr, made) == ()
    assert FindingKind.HDR_NOT_MAPPED in _kinds(hdr, made, tone_mapped=True)


def test_pixels_that_were_not_mapped_under_a_tag_that_reports_so_are_washed_out(hdr: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    ffmpeg("-i", hdr, "-vf", f"scale=80:46,format=yuv420p,{_BT709}", "-c:v", "libx264", *_FRONT, made)
    assert FindingKind.WASHED_OUT in _kinds(hdr, made)
    with rejected(FindingKind.WASHED_OUT):
        verify(made, Expectation(source=Source(hdr, probe(hdr))))


def test_tags_that_were_dropped_are_found(hdr: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    unset = "setparams=color_primaries=unknown:color_trc=unknown:colorspace=unknown"
    ffmpeg("-i", hdr, "-vf", f"format=yuv420p,{unset}", "-c:v", "libx264", *_FRONT, made)
    assert the_one(_findings(hdr, made), FindingKind.SDR_TAGS)["wanted"] == "1/1/1"


def test_standard_range_that_declares_high(tmp_path: Path) -> None:
    source, made = clip(tmp_path / "source.mp4", sound=0), tmp_path / "made.mp4"
    ffmpeg("-i", source, "-vf", "setparams=color_trc=smpte2084", "-c:v", "libx264", *_FRONT, made)
    assert the_one(_findings(source, made), FindingKind.HDR_DECLARED)["got"] == "PQ"
    with rejected(FindingKind.HDR_NOT_MAPPED):
        verify(made, Expectation())


def test_dark_frames_are_no_proof_of_anything(tmp_path: Path, hdr: Path) -> None:
    dark, made = tmp_path / "dark.mp4", tmp_path / "made.mp4"
    ffmpeg(
        *("-i", hdr, "-vf", "drawbox=color=black:t=fill", "-c:v", "libx265", "-x265-params", "log-level=error"),
        *("-tag:v", "hvc1", dark),
    )
    assert probe(dark).video.hdr is not None
    ffmpeg(*reencode(dark, probe(dark), made, Encoding(preset="ultrafast")))
    assert _findings(dark, made) == ()


def _track(**facts: Any) -> VideoTrack:
    known: dict[str, Any] = {
        "index": 0, "codec": "h264", "profile": None, "width": 16, "height": 16, "rotation": 0, "sample_aspect": 1,
        "frame_rate": None, "frames": None, "pixel_format": "yuv420p", "full_range": False, "transfer": 1,
        "interlaced": False, "start": None, "duration": None, "primaries": 1, "matrix": 1,
    }  # fmt: skip
    return VideoTrack(**(known | facts))


_SDR = _track()
_PQ = _track(transfer=16, primaries=9, matrix=9, pixel_format="yuv420p10le")


@pytest.mark.parametrize(
    ("source", "made", "tone_mapped", "found"),
    [
        (_SDR, _SDR, True, []),
        (_PQ, _SDR, True, []),
        (_PQ, _SDR, None, []),
        (_PQ, _SDR, False, [(FindingKind.HDR_UNDECLARED, None, "PQ")]),
        (_PQ, _PQ, False, []),
        (_PQ, _PQ, None, []),
        (_PQ, _PQ, True, [(FindingKind.HDR_NOT_MAPPED, "PQ", None)]),
        (_PQ, replace(_PQ, transfer=18), None, [(FindingKind.HDR_TRANSFER, 18, 16)]),
        (_PQ, replace(_PQ, primaries=1), None, [(FindingKind.HDR_PRIMARIES, 1, 9)]),
        (_PQ, replace(_PQ, matrix=2), None, [(FindingKind.HDR_MATRIX, 2, 9)]),
        (_PQ, replace(_PQ, pixel_format="yuv420p"), None, [(FindingKind.HDR_DEPTH, 8, 10)]),
        (_PQ, replace(_SDR, matrix=9), True, [(FindingKind.SDR_TAGS, "1/1/9", "1/1/1")]),
        (_PQ, replace(_SDR, pixel_format="yuv420p10le"), True, [(FindingKind.SDR_FORMAT, "yuv420p10le", None)]),
        (_PQ, replace(_SDR, full_range=True), True, [(FindingKind.SDR_FORMAT, "yuv420p", None)]),
        (_SDR, _PQ, None, [(FindingKind.HDR_DECLARED, "PQ", None)]),
        (_SDR, replace(_SDR, matrix=6), True, [(FindingKind.MATRIX, 6, 1)]),
        (replace(_SDR, matrix=2), replace(_SDR, matrix=6), True, []),
        (replace(_SDR, matrix=5), replace(_SDR, matrix=6), True, []),
        (replace(_SDR, matrix=0), replace(_SDR, matrix=6), True, []),
    ],
)
def test_what_is_declared(
    source: VideoTrack, made: VideoTrack, tone_mapped: bool | None, found: list[tuple[FindingKind, Any, Any]]
) -> None:
    faults = colour_faults(source, made, tone_mapped=tone_mapped)
    assert [(fault.kind, fault.got, fault.wanted) for fault in faults] == found


@pytest.mark.parametrize(
    ("name", "depth"),
    [("yuv420p", 8), ("yuvj420p", 8), ("yuv420p10le", 10), ("yuv422p12be", 12), ("p010le", 10), ("nv12", 8), ("", 8),
     ("gbrp10le", 10), ("gray", 8)],
)  # fmt: skip
def test_bits(name: str, depth: int) -> None:
    assert bits(_track(pixel_format=name)) == depth
