"""Every way to spoil a copy that still decodes, with all its frames and tracks, is found and named; good ones pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.cli.commands.verifying import examined
from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.reading.frames.raster import Box
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.verify import DetailAsked, Expectation, FilmSegment, Source, examine, verify
from tests.clips import ffmpeg
from tests.refusals import rejected

_K = FindingKind
_BT601 = "setparams=colorspace=smpte170m:color_primaries=smpte170m:color_trc=smpte170m"
_TO_BT601 = "scale=in_color_matrix=bt709:out_color_matrix=bt601"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of colour bars with a moving test pattern; other tones left and right, and each comes and goes."""
    path = tmp_path_factory.mktemp("source") / "source.mp4"
    moving = "overlay=x=10+30*t:y=10+15*t,format=yuv420p"
    tags = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
    left, right = "0.4*(1+0.8*sin(5*t))*sin(880*PI*t)", "0.3*(1+0.8*cos(3*t))*sin(2000*PI*t)"
    inputs = "smptehdbars=s=256x144:r=25:d=2", "testsrc2=s=128x80:r=25:d=2", f"aevalsrc={left}|{right}:d=2:s=44100"
    ffmpeg(
        *(argument for graph in inputs for argument in ("-f", "lavfi", "-i", graph)),
        *("-filter_complex", f"[0][1]{moving},{tags}[v]", "-map", "[v]", "-map", "2:a"),
        *("-c:v", "libx264", "-preset", "veryfast", "-crf", "12", "-g", "25", "-c:a", "aac", "-b:a", "192k", path),
    )
    return path


def _copy(source: Path, folder: Path, options: tuple[str, ...]) -> Path:
    made = folder / "made.mp4"
    coded = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-pix_fmt", "yuv420p", "-c:a", "aac")
    ffmpeg("-i", source, *coded, "-movflags", "+faststart", *options, made)
    return made


#: How a copy is spoilt, and what is found.
_SPOILT: dict[str, tuple[str, str, FindingKind]] = {
    "black": ("-vf", "drawbox=color=black:t=fill", _K.BLACK),
    "negative": ("-vf", "negate", _K.NEGATIVE),
    "upside down": ("-vf", "vflip", _K.UPSIDE_DOWN),
    "mirrored": ("-vf", "hflip", _K.MIRRORED),
    "colourless": ("-vf", "hue=s=0", _K.COLOURLESS),
    "half as colourful": ("-vf", "hue=s=0.5", _K.OTHER_COLOURS),
    "other hues": ("-vf", "hue=h=30", _K.OTHER_COLOURS),
    "darker": ("-vf", "eq=brightness=-0.15", _K.DARKER),
    "tiny": ("-vf", "scale=80:46", _K.COARSE),
    "coarse": ("-crf", "51", _K.COARSE),
    "blurred": ("-vf", "gblur=sigma=6", _K.COARSE),
    "full range, declared as limited": (
        "-vf", "scale=in_range=tv:out_range=pc,setparams=range=tv", _K.TOO_MUCH_CONTRAST,
    ),
    "limited range, declared as full": ("-vf", "setparams=range=pc", _K.TOO_LITTLE_CONTRAST),
    "another matrix than declared": ("-vf", f"{_TO_BT601},setparams=colorspace=bt709", _K.OTHER_MATRIX),
    "another matrix declared": ("-vf", "setparams=colorspace=smpte170m", _K.MATRIX),
    "cropped by 2 %": ("-vf", "crop=iw*0.98:ih*0.98,scale=256:144", _K.CROPPED),
    "cropped by 15 %": ("-vf", "crop=iw*0.85:ih*0.85,scale=256:144", _K.CROPPED),
    "shifted by 2 %": ("-vf", "crop=250:144:6:0,pad=256:144", _K.SHIFTED),
    "shifted by 8 %": ("-vf", "pad=256:156:0:12,crop=256:144:0:0", _K.SHIFTED),
    "boxed": ("-vf", "scale=208:116,pad=256:144:24:14", _K.SHRUNK),
    "frames in another order": ("-vf", "shuffleframes=1 0", _K.MISPLACED),
    "its frames slower, their times not": ("-vf", "setpts=1.12*PTS,fps=25,trim=end_frame=50", _K.RETIMED),
    "each frame one late": ("-vf", "tpad=start=1:start_mode=clone,trim=end_frame=50", _K.RETIMED),
    "frames repeated": ("-vf", "shuffleframes=0 0", _K.MISPLACED),
    "muted for a third": ("-af", "volume=0:enable='between(t,0.8,1.5)'", _K.MUTED),
    "muted": ("-af", "volume=0", _K.MUTED),
    "too quiet": ("-af", "volume=-40dB", _K.QUIETER),
    "clipped by 30 dB": ("-af", "volume=30dB", _K.CLIPPED),
    "clipped by 12 dB": ("-af", "volume=12dB", _K.CLIPPED),
    "swapped": ("-af", "pan=stereo|c0=c1|c1=c0", _K.SWAPPED_CHANNELS),
    "without its right channel": ("-af", "pan=stereo|c0=c0", _K.DEAD_CHANNEL),
    "late": ("-af", "adelay=150:all=1,atrim=end=2", _K.OUT_OF_SYNC),
    "drifting": ("-af", "asetrate=44100*1.06,aresample=44100,apad=whole_dur=2", _K.OUT_OF_SYNC),
}  # fmt: skip


@pytest.mark.parametrize("name", _SPOILT)
def test_a_spoilt_copy_is_found(source: Path, tmp_path: Path, name: str) -> None:
    option, value, kind = _SPOILT[name]
    made = _copy(source, tmp_path, (option, value))
    assert kind in {finding.kind for finding in examined(made, source).findings}


def test_none_is_published(source: Path, tmp_path: Path) -> None:
    made = _copy(source, tmp_path, ("-vf", f"crop=iw*0.98:ih*0.98,scale=256:144,{_TO_BT601}"))
    with rejected(_K.CROPPED):
        verify(made, Expectation(source=Source(source, probe(source))))


@pytest.mark.parametrize("name", ["cropped by 15 %", "shifted by 8 %", "other hues", "mirrored"])
def test_a_spoilt_segment_of_a_film_is_found(source: Path, tmp_path: Path, name: str) -> None:
    """A film that shows half of its source, then all of it in its lower right quarter."""
    option, value, kind = _SPOILT[name]
    spoilt, film = _copy(source, tmp_path, (option, value)), tmp_path / "film.mp4"
    for part, found in ((source, set()), (spoilt, {kind})):
        boxed = "[1]scale=128:72,pad=256:144:128:72,setsar=1[b]"
        graph = f"[0]trim=end=1,setpts=PTS-STARTPTS[a];{boxed};[a][b]concat=n=2"
        ffmpeg("-i", source, "-i", part, "-filter_complex", graph, "-c:v", "libx264", "-preset", "veryfast", film)
        segments = (
            FilmSegment(source, 0.0, 1.0, at=0.0, heard=False),
            FilmSegment(source, 0.0, 2.0, at=1.0, box=Box(0.5, 0.5, 0.5, 0.5), heard=False),
        )
        findings = examine(film, Expectation(segments=segments, faststart=False)).findings
        assert {finding.kind for finding in findings} == found


#: Conversions that are right, and what is noted.
_RIGHT: dict[str, tuple[tuple[str, ...], FindingKind | None]] = {
    "as it is": ((), None),
    "at a lower quality": (("-crf", "30"), None),
    "smaller": (("-vf", "scale=192:-2"), None),
    "BT.601": (("-vf", f"{_TO_BT601},{_BT601}"), _K.MATRIX),
    "full range": (("-vf", "scale=in_range=tv:out_range=pc,setparams=range=pc"), None),
    "ten bits": (("-pix_fmt", "yuv420p10le"), None),
    "twice the rate": (("-r", "50"), _K.CONSTANT_RATE),
    "a lower rate": (("-r", "20"), _K.CONSTANT_RATE),
    "a track less": (("-map", "0:v", "-map", "0:a:0"), _K.AUDIO_TRACKS),
    "mono": (("-ac", "1"), None),
}


@pytest.mark.parametrize("name", _RIGHT)
def test_a_right_conversion_is_at_most_noted(source: Path, tmp_path: Path, name: str) -> None:
    options, kind = _RIGHT[name]
    if kind is _K.AUDIO_TRACKS:
        two = tmp_path / "two.mp4"
        ffmpeg("-i", source, "-map", "0:v", "-map", "0:a", "-map", "0:a", "-c", "copy", two)
        source = two
    made = _copy(source, tmp_path, options)
    proof = examined(made, source)
    assert proof.findings == ()
    assert [note.kind for note in proof.notes] == ([] if kind is None else [kind])


def test_steady_tones_that_are_as_loud_are_swapped_by_how_high_they_are(source: Path, tmp_path: Path) -> None:
    steady, tones = tmp_path / "steady.mp4", "aevalsrc=0.3*sin(880*PI*t)|0.3*sin(2000*PI*t):d=2:s=44100"
    ffmpeg("-i", source, "-f", "lavfi", "-i", tones, "-map", "0:v", "-map", "1:a", "-c:v", "copy", steady)
    made = _copy(steady, tmp_path, ("-af", "pan=stereo|c0=c1|c1=c0"))
    assert _K.SWAPPED_CHANNELS in {finding.kind for finding in examined(made, steady).findings}
    assert examined(_copy(steady, tmp_path, ()), steady).findings == ()


def test_a_copy_that_was_asked_to_be_coarse_is_no_fault(source: Path, tmp_path: Path) -> None:
    made = _copy(source, tmp_path, ("-crf", "51"))
    asked = Expectation(source=Source(source, probe(source), detail=DetailAsked(crf=51)))
    assert examine(made, asked).findings == ()
