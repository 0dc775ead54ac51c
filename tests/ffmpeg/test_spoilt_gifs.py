"""Every way to spoil a GIF that still decodes, with all its frames, is found and named; good ones pass."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from reelmill.errors import OutputRejected
from reelmill.ffmpeg.commands.gif import GifSegment, Step
from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.reading.seeking import SeekPoint
from reelmill.ffmpeg.verify.gif_proof import verify_gif
from tests.clips import BEYOND_RGB, ffmpeg

_K = FindingKind
_STEP = Step(256, 144, 12)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some colour bars with a moving test pattern, nowhere black or white; a keyframe every 0.4 s."""
    path = tmp_path_factory.mktemp("source") / "source.mkv"
    inputs = "smptehdbars=s=256x144:r=25:d=1.2", "testsrc2=s=128x80:r=25:d=1.2"
    ffmpeg(
        *(argument for graph in inputs for argument in ("-f", "lavfi", "-i", graph)),
        *("-filter_complex", "[0][1]overlay=x=10+30*t:y=10+15*t,format=yuv420p,lutyuv=y=40+0.7*(val-16)"),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-g", "10", path),
    )
    return path


def _gif(source: Path, folder: Path, spoilt: str, step: Step = _STEP) -> Path:
    made = folder / "made.gif"
    shown = f"[0]fps={step.fps},{spoilt},scale={step.width}:{step.height}:flags=lanczos,setsar=1"
    colours = "split[a][b];[b]palettegen=stats_mode=diff[p];[a][p]paletteuse=dither=bayer:bayer_scale=5"
    ffmpeg("-i", source, "-filter_complex", f"{shown},{colours}", "-loop", "0", made)
    return made


def _found(made: Path, source: Path, step: Step = _STEP) -> set[FindingKind]:
    info = probe(source)
    length = info.video.duration or info.duration or Fraction(0)
    segment = GifSegment(source, info, Fraction(0), length, SeekPoint(Fraction(0)))
    try:
        verify_gif(made, segment, step, source.name)
    except OutputRejected as error:
        return {finding.kind for finding in error.findings}
    return set()


_FOREIGN = "mandelbrot=s=256x144:r=12,format=yuv420p[m];[s][m]overlay=shortest=1"

#: How a GIF is spoilt, and what is found.
_SPOILT: dict[str, tuple[str, FindingKind]] = {
    "black": ("drawbox=color=black:t=fill", _K.BLACK),
    "negative": ("negate", _K.NEGATIVE),
    "upside down": ("vflip", _K.UPSIDE_DOWN),
    "mirrored": ("hflip", _K.MIRRORED),
    "without colour": ("hue=s=0", _K.COLOURLESS),
    "full range, taken for limited": ("scale=in_range=tv:out_range=pc,setparams=range=tv", _K.TOO_MUCH_CONTRAST),
    "limited range, taken for full": ("setparams=range=pc", _K.TOO_LITTLE_CONTRAST),
    "tiny and scaled up": ("scale=80:46", _K.COARSE),
    "foreign frames": (f"null[s];{_FOREIGN}", _K.OTHER_FRAME),
    "shifted": ("pad=256:156:0:12,crop=256:144:0:0", _K.SHIFTED),
    "in another order": ("shuffleframes=2 1 0", _K.MISPLACED),
}  # fmt: skip


@pytest.mark.parametrize("name", _SPOILT)
def test_a_spoilt_gif_is_found(source: Path, tmp_path: Path, name: str) -> None:
    spoilt, kind = _SPOILT[name]
    assert kind in _found(_gif(source, tmp_path, spoilt), source)


@pytest.mark.parametrize("step", [_STEP, Step(160, 90, 12), Step(96, 54, 3), Step(256, 144, 25)])
def test_a_good_gif_is_taken(source: Path, tmp_path: Path, step: Step) -> None:
    assert _found(_gif(source, tmp_path, "null", step), source, step) == set()


@pytest.mark.parametrize(("spoilt", "kinds"), [("null", set()), ("hflip", {_K.MIRRORED})])
def test_colours_beyond_rgb_are_cut_off(tmp_path: Path, spoilt: str, kinds: set[FindingKind]) -> None:
    """What a GIF shows of them is what screens show."""
    source, step = tmp_path / "beyond.mkv", Step(320, 240, 12)
    ffmpeg("-f", "lavfi", "-i", BEYOND_RGB, "-c:v", "libx264", "-preset", "ultrafast", "-qp", "0", "-g", "10", source)
    assert _found(_gif(source, tmp_path, spoilt, step), source, step) == kinds
