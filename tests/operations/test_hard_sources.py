"""Sources that players play and that are hard to copy: checked, planned, copied, and what came out looked at."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

import av
import numpy as np
import pytest

from reelmill.analysis.frames.tiles import draw
from reelmill.errors import DamagedVideo, InputError, OutputRejected
from reelmill.ffmpeg.commands import montage
from reelmill.ffmpeg.commands.montage import Montage
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.decode import check_whole, decoded_seek_point
from reelmill.ffmpeg.reading.probe import MediaInfo, probe
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.ffmpeg.verify.companions import companions_of
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.clip_generate import clip_generate
from reelmill.operations.jobs.compile_gif import compile_gif
from reelmill.operations.jobs.compile_mega import compile_mega
from reelmill.operations.jobs.compile_quad import compile_quad
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from reelmill.operations.jobs.validate import validate
from reelmill.operations.web_copies.plan import MendedFirst, PlanOptions, plan_files, plan_library
from reelmill.operations.web_copies.skip_or_remux import without_encoding
from reelmill.settings import get_settings
from reelmill.troubles import Flaw
from tests.clips import clip, ffmpeg, generated, in_one_track
from tests.operations.library import add
from tests.patched import (
    clean_aperture,
    joined,
    promising_frames,
    scrambled,
    shown_at_zero,
    two_sample_entries,
    unknown_codec,
)
from tests.refusals import refused

_HLG: Final = (
    "lutyuv=y=68+(val-16)*0.25:u=129+(val-128)*0.02:v=122+(val-128)*0.02,format=yuv420p10le,"
    "setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc:range=tv"
)
_X265: Final = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error")
_TAGGED: Final = ("-color_primaries", "bt2020", "-color_trc", "arib-std-b67", "-colorspace", "bt2020nc")


def _unknown_audio(folder: Path) -> Path:
    options = ("-disposition:a:1", "default", "-c:a:1", "alac")
    return unknown_codec(clip(folder / "whole.mov", sound=2, seconds=2, options=options), folder / "u.mov", b"alac")


def _unknown_first(folder: Path) -> Path:
    options = ("-c:a:0", "alac", "-movflags", "+faststart")
    return unknown_codec(clip(folder / "whole.mp4", sound=2, seconds=2, options=options), folder / "u.mp4", b"alac")


def _two_pictures(folder: Path) -> Path:
    """Two video tracks, the first in a codec that is not known."""
    target = folder / "two.mov"
    one = clip(folder / "one.mov", codec="mjpeg", seconds=2)
    other = clip(folder / "other.mp4", size="320x240", seconds=2)
    ffmpeg("-i", one, "-i", other, "-map", "0:v", "-map", "1:v", "-map", "0:a", "-c", "copy", target)
    return unknown_codec(target, folder / "unknown_video.mov", b"jpeg")


def _empty_audio(folder: Path) -> Path:
    return clip(folder / "empty.mkv", seconds=2, sound=2, options=["-bsf:a:0", "noise=drop=1"])


def _empty_before_others(folder: Path) -> Path:
    """Nothing in the first audio track decodes, the second is loud, the third is quiet."""
    levels = ("-filter:a:1", "volume=15dB", "-filter:a:2", "volume=-20dB")
    return clip(folder / "three.mkv", seconds=2, sound=3, options=["-bsf:a:0", "noise=drop=1", *levels])


def _second_default(folder: Path) -> Path:
    target = folder / "second.mp4"
    one, other = clip(folder / "one.mp4", seconds=2), clip(folder / "other.mp4", size="320x240", seconds=2)
    marked = ("-disposition:v:0", "0", "-disposition:v:1", "default")
    ffmpeg("-i", one, "-i", other, "-map", "0:v", "-map", "1:v", "-map", "0:a", "-c", "copy", *marked, target)
    return target


def _left_channel(folder: Path) -> Path:
    relabelled = ("-c:a", "pcm_s16le", "-af", "channelmap=map=0:channel_layout=FL")
    return clip(folder / "left.mov", seconds=2, sound=2, options=relabelled)


def _centre_and_bass(folder: Path) -> Path:
    """Two channels that have no name together; encoders take them for left and right."""
    relabelled = ("-c:a", "pcm_s16le", "-af", "pan=FC+LFE|FC=c0|LFE=0*c0")
    return clip(folder / "bass.mov", seconds=2, options=relabelled)


def _matrixed(folder: Path) -> Path:
    """Surround in two channels, Lt and Rt."""
    relabelled = ("-c:a", "pcm_s16le", "-af", "pan=downmix|c0=c0|c1=0.5*c0")
    return clip(folder / "matrixed.mov", seconds=2, options=relabelled)


def _mapped_alike(folder: Path) -> Path:
    """HLG in which tone mapping changes the colours and not how bright they are."""
    return clip(folder / "hlg.mp4", seconds=2, sound=0, codec="libx265", options=["-vf", _HLG, *_X265[2:], *_TAGGED])


def _reserved_colours(folder: Path) -> Path:
    tags = "colour_primaries=3:transfer_characteristics=3:matrix_coefficients=3"
    return clip(folder / "reserved.mp4", seconds=2, options=["-bsf:v", f"h264_metadata={tags}"])


def _derived_colours(folder: Path) -> Path:
    """A matrix that is said to follow from the primaries, which no scaler knows."""
    return clip(folder / "derived.mp4", seconds=2, options=["-bsf:v", "h264_metadata=matrix_coefficients=12"])


def _derived_by_its_container(folder: Path) -> Path:
    """The same of a codec that cannot say it."""
    tags = ("-vf", "format=yuv420p,setparams=colorspace=chroma-derived-nc")
    return clip(folder / "derived.mkv", codec="ffv1", sound=0, seconds=2, options=tags)


def _shown_at_zero(folder: Path) -> Path:
    whole = clip(folder / "whole.flv", seconds=2, options=["-bf", "2", "-ar", "44100"])
    return shown_at_zero(whole, folder / "zero.flv")


def _never_reordered_at_zero(folder: Path) -> Path:
    return shown_at_zero(clip(folder / "whole.flv", seconds=2, options=["-ar", "44100"]), folder / "zero.flv")


def _joined_recordings(folder: Path) -> Path:
    """Two recordings: the clock starts again."""
    return joined(folder / "joined.ts", clip(folder / "a.ts"), clip(folder / "b.ts"))


def _joined_program_streams(folder: Path) -> Path:
    """The same of what DVDs and older recorders hold."""
    parts = (
        clip(folder / name, codec="mpeg2video", seconds=1, options=["-f", "vob", "-bf", "2"])
        for name in ("a.mpg", "b.mpg")
    )
    return joined(folder / "joined.mpg", *parts)


def _leap(folder: Path) -> Path:
    """The clock leaps five hours ahead."""
    later = clip(folder / "b.ts", options=["-output_ts_offset", "18000"])
    return joined(folder / "leap.ts", clip(folder / "a.ts"), later)


def _wrapped(folder: Path) -> Path:
    """The clock of 33 bits is full after half of it (2^33 / 90000 Hz = 95443.7 s)."""
    return clip(folder / "wrapped.ts", seconds=2, options=["-output_ts_offset", "95441.3"])


def _never_finished(folder: Path) -> Path:
    whole = clip(folder / "whole.avi", seconds=2, codec="mpeg4", options=["-c:a", "mp3"])
    return promising_frames(whole, folder / "promising.avi", 9_000_000)


def _deeper(folder: Path) -> Path:
    """8 bits, then 10 in the same track."""
    parts = [
        clip(folder / f"{depth}.ts", codec="libx265", sound=0, options=["-pix_fmt", depth, *_X265[2:]])
        for depth in ("yuv420p", "yuv420p10le")
    ]
    return in_one_track(folder / "deeper.mkv", *parts)


def _cropped(folder: Path) -> Path:
    return clean_aperture(clip(folder / "whole.mp4", seconds=2), folder / "cropped.mp4", 140, 100)


def _cropped_matroska(folder: Path) -> Path:
    ffmpeg("-i", _cropped(folder), "-c", "copy", folder / "cropped.mkv")
    return folder / "cropped.mkv"


def _digital_video(folder: Path) -> Path:
    """DV, whose fields no header of an AVI is about."""
    pattern = ("-f", "lavfi", "-i", "testsrc2=size=720x576:rate=50:duration=1")
    ffmpeg(*pattern, "-vf", "interlace,setfield=bff", "-c:v", "dvvideo", "-pix_fmt", "yuv420p", folder / "dv.avi")
    return folder / "dv.avi"


def _turned_on_the_way(folder: Path) -> Path:
    """A phone that was turned during a call: the size changes."""
    return joined(folder / "t.ts", clip(folder / "a.ts", sound=0), clip(folder / "b.ts", size="120x160", sound=0))


def _turned_in_an_mp4(folder: Path) -> Path:
    """The same as phones write it: parameter sets in the frames of an mp4."""
    ffmpeg("-i", _turned_on_the_way(folder), "-c", "copy", folder / "turned.mp4")
    return folder / "turned.mp4"


def _turned_by_sample_entry(folder: Path) -> Path:
    parts = clip(folder / "a.mp4", sound=0), clip(folder / "b.mp4", sound=0, size="120x160")
    return two_sample_entries(folder / "entries.mp4", *parts)


def _turned_for_a_moment(folder: Path, suffix: str = "mkv") -> Path:
    """Turned for one second of 16, where none of a few looks falls."""
    upright, turned = (clip(folder / f"{size}.mp4", sound=0, size=size) for size in ("160x120", "120x160"))
    return in_one_track(folder / f"moment.{suffix}", *[upright] * 6, turned, *[upright] * 9)


def _turned_for_a_moment_in_vp9(folder: Path) -> Path:
    fast = ("-deadline", "realtime", "-cpu-used", "8")
    parts = [
        clip(folder / f"{size}.webm", codec="libvpx-vp9", sound=0, size=size, options=fast)
        for size in ("160x120", "120x160")
    ]
    return in_one_track(folder / "moment.webm", *parts[:1] * 6, parts[1], *parts[:1] * 9)


def _turned_in_a_recording_of_a_browser(folder: Path) -> Path:
    """The same without a duration, as what is written to a stream has none."""
    piped = folder / "piped.webm"
    ffmpeg("-i", _turned_for_a_moment_in_vp9(folder), "-c", "copy", "-f", "webm", "-live", "1", piped)
    return piped


def _cropped_by_its_codec(folder: Path) -> Path:
    """On the left, by columns that do not suit fast instructions."""
    window = "h264_metadata=crop_left=10:crop_top=6"
    return clip(folder / "window.mp4", seconds=2, options=["-bsf:v", window])


def _time_lapse(folder: Path) -> Path:
    """A frame in ten seconds."""
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=1/10:duration=60", "-c:v", "libx264", folder / "lapse.mp4")
    return folder / "lapse.mp4"


def _wider_on_the_way(folder: Path) -> Path:
    """4:3, then 16:9 in as many columns, as recorders have it."""
    wide = ("-vf", "setsar=4/3")
    return joined(folder / "it's [w], w;w:w.ts", clip(folder / "a.ts"), clip(folder / "b.ts", options=wide))


def _wider_later(folder: Path) -> Path:
    """The same by one clock."""
    wide = ("-vf", "setsar=64/45", "-bf", "2", "-output_ts_offset", "1")
    narrow = ("-vf", "setsar=16/15", "-bf", "2")
    parts = (clip(folder / f"{n}.ts", codec="mpeg2video", sound=0, options=one) for n, one in enumerate((narrow, wide)))
    return joined(folder / "later.ts", *parts)


def _larger_on_the_way(folder: Path) -> Path:
    return joined(folder / "l.ts", clip(folder / "a.ts", sound=0), clip(folder / "b.ts", size="320x240", sound=0))


def _larger_in_mpeg2(folder: Path, suffix: str = "ts") -> Path:
    """The same of what DVDs and television hold."""
    parts = (
        clip(folder / f"{size}.{suffix}", codec="mpeg2video", size=size, options=["-bf", "2"])
        for size in ("160x120", "320x240")
    )
    return joined(folder / f"larger.{suffix}", *parts)


def _smaller_in_fields(folder: Path) -> Path:
    """Interlaced, then so in fewer lines."""
    for size in ("320x240", "160x120"):
        shot = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=50:duration=1", "-vf", "interlace")
        generated(folder / f"{size}.ts", *shot, "-c:v", "mpeg2video", "-flags", "+ilme+ildct")
    return joined(folder / "fields.ts", folder / "320x240.ts", folder / "160x120.ts")


def _more_channels_on_the_way(folder: Path) -> Path:
    """Mono, then 5.1, as between an advertisement and a film."""
    aac = ("-c:a", "aac", "-ac")
    return joined(
        folder / "m.ts",
        clip(folder / "a.ts", options=[*aac, "1"]),
        clip(folder / "b.ts", options=[*aac, "6"]),
    )


def _fewer_channels_on_the_way(folder: Path) -> Path:
    """5.1, then stereo, then mono by one clock, as broadcasters have it."""
    parts = [
        clip(folder / f"{count}.ts", options=["-c:a", "ac3", "-ac", count, "-output_ts_offset", str(second)])
        for second, count in enumerate(("6", "2", "1"))
    ]
    return joined(folder / "fewer.ts", *parts)


def _fewer_channels_in_matroska(folder: Path) -> Path:
    ffmpeg("-i", _fewer_channels_on_the_way(folder), "-c", "copy", folder / "fewer.mkv")
    return folder / "fewer.mkv"


def _flat_pixels(folder: Path) -> Path:
    """Each is said to be 255 times as wide as high, of which decoders believe 100: the copy has square ones."""
    return clip(folder / "flat.mp4", seconds=2, options=("-vf", "setsar=255"))


def _telecined(folder: Path, name: str = "film.mkv") -> Path:
    """A film of 24 frames a second as it is on television of 30."""
    film = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=24000/1001:duration=4", "-vf", "telecine,setfield=tff")
    laced = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-x264-params", "tff=1")
    ffmpeg(*film, *laced, folder / name)
    return folder / name


def _telecined_in_part(folder: Path) -> Path:
    """The same, then what was shot for television."""
    shot = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=60000/1001:duration=4", "-vf", "interlace,setfield=tff")
    laced = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-x264-params", "tff=1")
    ffmpeg(*shot, *laced, folder / "shot.mkv")
    return in_one_track(folder / "part.mkv", _telecined(folder), folder / "shot.mkv")


def _late_frames(folder: Path, suffix: str = "mkv") -> Path:
    """The frames begin 14 s after the audio."""
    video, audio = clip(folder / "v.mp4", sound=0), folder / "a.m4a"
    ffmpeg("-f", "lavfi", "-i", "sine=frequency=300:duration=15", "-c:a", "aac", "-b:a", "32k", audio)
    ffmpeg(
        "-itsoffset", "14", "-i", video, "-i", audio, "-map", "0:v", "-map", "1:a", "-c", "copy",
        folder / f"late.{suffix}",
    )  # fmt: skip
    return folder / f"late.{suffix}"


def _cut_at_an_open_gop(folder: Path) -> Path:
    """Recorded from the middle on: two frames that are shown first need one from before."""
    pattern = ("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=4")
    encoded = ("-c:v", "libx264", "-preset", "fast", "-x264-params", "open-gop=1:keyint=25:bframes=3")
    whole = generated(folder / "whole.ts", *pattern, *encoded)
    ffmpeg("-ss", "1.2", "-i", whole, "-c", "copy", folder / "open.ts")
    return folder / "open.ts"


def _frame_far_ahead(folder: Path) -> Path:
    """One frame is hours ahead of its time."""
    ahead = "setts=ts=TS:pts=if(eq(N\\,30)\\,PTS+10000/TB\\,PTS)"
    ffmpeg("-i", clip(folder / "w.mp4", seconds=2, sound=0), "-c", "copy", "-bsf:v", ahead, folder / "ahead.ts")
    return folder / "ahead.ts"


@dataclass(frozen=True)
class _Copy:
    """What a copy must be."""

    frames: int = 50
    last: float = 1.96  # when its last frame begins, counted from its first, in seconds
    near: float = 0.001  # how far off that may be; the audio of a recording may end after its last frame
    audio: tuple[str, ...] = ("aac",)
    size: tuple[int, int] = (160, 120)
    left_out: tuple[str, ...] = ()  # words of what is said of each track that is not in it


_MADE: Final[dict[str, tuple[Callable[[Path], Path], _Copy]]] = {
    "unknown audio": (_unknown_audio, _Copy(left_out=("audio track 2 (zzzz)",))),
    "unknown first audio": (_unknown_first, _Copy(left_out=("audio track 1 (zzzz)",))),
    "unknown video": (_two_pictures, _Copy(size=(320, 240), left_out=("video track 1 (zzzz)",))),
    "empty audio": (_empty_audio, _Copy(left_out=("audio track 1 (vorbis)",))),
    "empty audio before others": (
        _empty_before_others,
        _Copy(audio=("aac", "aac"), left_out=("audio track 1 (vorbis)",)),
    ),
    "second is default": (_second_default, _Copy(size=(320, 240))),
    "left channel": (_left_channel, _Copy(audio=("aac", "aac"))),
    "centre and bass": (_centre_and_bass, _Copy()),
    "matrixed": (_matrixed, _Copy()),
    "HLG mapped alike": (_mapped_alike, _Copy(audio=())),
    "reserved colours": (_reserved_colours, _Copy()),
    "derived colours": (_derived_colours, _Copy()),
    "derived by its container": (_derived_by_its_container, _Copy(audio=())),
    "all shown at zero": (_shown_at_zero, _Copy(last=1.96)),
    "all shown at zero, in order": (_never_reordered_at_zero, _Copy()),
    "joined": (_joined_recordings, _Copy(near=0.03)),
    "joined program streams": (_joined_program_streams, _Copy(near=0.03)),
    "leap": (_leap, _Copy(near=0.03)),
    "wrapped": (_wrapped, _Copy()),
    "never finished": (_never_finished, _Copy(last=2.0)),
    "deeper": (_deeper, _Copy(audio=())),
    "cropped": (_cropped, _Copy(size=(140, 100))),
    "cropped Matroska": (_cropped_matroska, _Copy(size=(140, 100))),
    "digital video": (_digital_video, _Copy(frames=50, last=0.98, size=(720, 576), audio=())),
    "turned on the way": (_turned_on_the_way, _Copy(audio=())),
    "turned in an mp4": (_turned_in_an_mp4, _Copy(audio=())),
    "turned for a moment": (_turned_for_a_moment, _Copy(frames=400, last=15.96, audio=())),
    "cropped by its codec": (_cropped_by_its_codec, _Copy(size=(150, 114))),
    "time lapse": (_time_lapse, _Copy(frames=6, last=50.0, audio=())),
    "wider on the way": (_wider_on_the_way, _Copy(near=0.03)),
    "wider later": (_wider_later, _Copy(near=0.05, audio=())),
    "larger on the way": (_larger_on_the_way, _Copy(audio=())),
    "larger in MPEG-2": (_larger_in_mpeg2, _Copy(near=0.05)),
    "larger in a program stream": (partial(_larger_in_mpeg2, suffix="mpg"), _Copy(near=0.05)),
    "smaller in fields": (_smaller_in_fields, _Copy(size=(320, 240), near=0.05, audio=())),
    "more channels on the way": (_more_channels_on_the_way, _Copy(near=0.03)),
    "fewer channels on the way": (_fewer_channels_on_the_way, _Copy(frames=75, last=2.96, near=0.05)),
    "fewer channels in Matroska": (_fewer_channels_in_matroska, _Copy(frames=75, last=2.96, near=0.05)),
    "flat pixels": (_flat_pixels, _Copy()),
    "telecined": (_telecined, _Copy(frames=96, last=95 * 1.001 / 24, near=0.01, audio=())),
    "telecined in part": (_telecined_in_part, _Copy(frames=480, last=479 * 1.001 / 60, near=0.02, audio=())),
    "frame far ahead": (_frame_far_ahead, _Copy(audio=())),
    "open GOP": (_cut_at_an_open_gop, _Copy(audio=(), size=(320, 240))),
    "late frames": (_late_frames, _Copy(frames=25, last=0.96)),
    "late frames in a broadcast": (partial(_late_frames, suffix="ts"), _Copy(frames=25, last=0.96)),
    "late frames in a flash video": (partial(_late_frames, suffix="flv"), _Copy(frames=25, last=0.96)),
}

_REAL: Final[dict[str, _Copy]] = {
    "apac.mov": _Copy(frames=100, last=3.96, left_out=("audio track 2 (apac)",)),
    "emptyaudio.mkv": _Copy(frames=100, last=3.96, audio=(), left_out=("audio track 1 (aac)",)),
    "twovideo.mp4": _Copy(frames=100, last=3.96),
    "monolr.mov": _Copy(frames=100, last=3.96, audio=("aac", "aac")),
    "dolbyVision-hdr.MOV": _Copy(frames=4, last=0.1, size=(720, 1280)),
    "reserved.mp4": _Copy(frames=100, last=3.96),
    "test_h264.flv": _Copy(frames=420, last=13.967, size=(320, 240)),
    "dvbaspect.ts": _Copy(frames=100, last=3.92, near=0.05, size=(192, 144)),
    "tsconcat.ts": _Copy(frames=175, last=6.96),
    "mirror.mp4": _Copy(frames=100, last=3.96),
    "avi101.avi": _Copy(frames=100, last=4.0),
    "depth.mkv": _Copy(frames=100, last=3.96, audio=()),
    "plainflv.flv": _Copy(frames=100, last=3.96),
    "oneframe.mp4": _Copy(frames=1, last=0.0, audio=()),
    "fixture_msmpeg4.asf": _Copy(frames=153, last=27.199),
}


@pytest.mark.parametrize("name", _MADE)
def test_a_hard_source_is_checked_planned_and_copied(bench: Workbench, tmp_path: Path, name: str) -> None:
    make, wanted = _MADE[name]
    _all_jobs(bench, make(tmp_path), wanted)


@pytest.mark.real_media
@pytest.mark.parametrize("name", _REAL)
def test_a_real_hard_source(bench: Workbench, real_media: Path, name: str) -> None:
    _all_jobs(bench, real_media / "failing" / name, _REAL[name])


def _all_jobs(bench: Workbench, source: Path, wanted: _Copy) -> None:
    video = add(bench, Path(shutil.copy(source, bench.root.folder("inbox"))))
    checked = validate(bench, str(video.id), depth="full")
    assert checked.valid, checked.reason
    (planned,) = plan_library(bench, None, PlanOptions(bench.transcoder, Encoding(max_kbit=2000), budget=2)).videos
    assert planned.action in ("encode", "remux"), planned.reasons
    for words, said in zip(wanted.left_out, checked.left_out, strict=True):
        assert said.startswith(f"{words} is left out: ")
        assert said in planned.left_out
    remuxed = without_encoding(bench, str(video.id), target_bitrate=2000)
    assert (remuxed is not None) == (planned.action == "remux")
    if remuxed is not None:
        assert (remuxed.left_out, remuxed.changed) == (planned.left_out, planned.changed)
    for made in [reencode(bench, str(video.id), preset="ultrafast"), *([remuxed] if remuxed is not None else [])]:
        assert made.left_out == planned.left_out
        assert set(checked.left_out) <= set(made.left_out)
        _is(bench.root.path / made.path, wanted)


def _is(copy: Path, wanted: _Copy) -> None:
    info, report = probe(copy), check_whole(copy)
    assert report.clean, report.errors
    assert report.ordered
    assert report.start is not None
    assert report.last is not None
    assert report.frames == wanted.frames
    assert float(report.last - report.start) == pytest.approx(wanted.last, abs=wanted.near)
    assert info.audio_codecs == wanted.audio
    assert info.video.display_size == wanted.size
    assert info.video.hdr is None
    assert info.left_out == ()


def test_a_moment_of_snow_in_an_easy_film_is_copied(bench: Workbench) -> None:
    """As of a bad reception: noise is more than the bits of a copy can hold."""
    snow = "geq=lum='if(between(N,64,72),random(1)*255,lum(X,Y))':cb=128:cr=128"
    source = f"testsrc=s=320x180:r=25:d=5,{snow}"
    path = generated(
        bench.root.folder("inbox") / "snow.mkv", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-qp", "0"
    )
    made = reencode(bench, str(add(bench, path).id), preset="ultrafast", target_bitrate=300)
    assert made.frames_encoded == 125


@pytest.mark.parametrize(
    ("make", "turned"),
    [
        (_turned_by_sample_entry, range(25, 50)),
        (_turned_in_an_mp4, range(25, 50)),
        (_turned_for_a_moment, range(150, 175)),
        (partial(_turned_for_a_moment, suffix="flv"), range(150, 175)),
        (_turned_for_a_moment_in_vp9, range(150, 175)),
        (_turned_in_a_recording_of_a_browser, range(150, 175)),
    ],
    ids=["sample entries", "in-band", "Matroska", "FLV", "VP9", "without a duration"],
)
def test_a_turn_on_the_way_is_boxed_however_short(
    bench: Workbench, tmp_path: Path, make: Callable[[Path], Path], turned: range
) -> None:
    video = add(bench, Path(shutil.copy(make(tmp_path), bench.root.folder("inbox"))))
    made = reencode(bench, str(video.id), preset="ultrafast")
    with av.open(str(bench.root.path / made.path)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert {frame.shape for frame in frames} == {(120, 160)}
    narrow = [number for number, frame in enumerate(frames) if frame[:, :30].max() < 25]
    assert narrow == list(turned)


def test_a_clean_aperture_is_cropped_to_not_squeezed(bench: Workbench, tmp_path: Path) -> None:
    whole = clip(tmp_path / "whole.mp4", sound=0)
    cropped = clean_aperture(whole, bench.root.folder("inbox") / "cropped.mp4", 140, 100)
    made = reencode(bench, str(add(bench, cropped).id), preset="ultrafast", crf=1)
    with av.open(str(whole)) as source, av.open(str(bench.root.path / made.path)) as copy:
        wanted = next(source.decode(video=0)).to_ndarray(format="gray")[10:110, 10:150].astype(int)
        got = next(copy.decode(video=0)).to_ndarray(format="gray").astype(int)
    assert got.shape == wanted.shape
    assert abs(got - wanted).mean() < 2


def test_where_no_video_decodes_one_sentence_says_so(bench: Workbench, tmp_path: Path) -> None:
    whole = clip(tmp_path / "whole.mov", codec="mjpeg")
    video = add(bench, unknown_codec(whole, bench.root.folder("inbox") / "unknown.mov", b"jpeg"))
    sentence = "unknown.mov has a video track that this build of ffmpeg cannot decode."
    assert validate(bench, str(video.id)).reason == sentence
    with refused(InputError, path="inbox/unknown.mov", flaw=Flaw.INVALID):
        reencode(bench, str(video.id))
    good = add(bench, clip(bench.root.folder("inbox") / "zz.mkv"))
    plans = plan_library(bench, None, PlanOptions(bench.transcoder, Encoding(max_kbit=2000), samples=False)).videos
    assert [plan.action for plan in plans] == ["cannot", "encode"]
    assert plans[1].video_id == good.id


def test_whatever_is_wrong_with_one_file_is_its_row_of_the_plan(tmp_path: Path) -> None:
    class Strange(Transcoder):
        def require_tone_mapping(self, info: MediaInfo) -> None:
            if info.title == "strange":
                raise AttributeError("nobody thought of this")

    paths = [
        clip(tmp_path / "a.mkv", codec="mpeg4", options=["-metadata", "title=strange"]),
        clip(tmp_path / "b.mkv", codec="mpeg4"),
    ]
    plans = plan_files(paths, PlanOptions(Strange(), Encoding(max_kbit=2000), samples=False)).videos
    assert [plan.action for plan in plans] == ["cannot", "encode"]
    assert "nobody thought of this" in plans[0].reasons[0]


def test_a_joined_recording_is_one_time_line_for_other_jobs(bench: Workbench, tmp_path: Path) -> None:
    first = clip(tmp_path / "a.ts", seconds=2, gop=1)
    negative = clip(tmp_path / "b.ts", seconds=2, gop=1, options=["-vf", "negate"])
    video = add(bench, joined(bench.root.folder("inbox") / "joined.ts", first, negative))
    made = thumbnail(bench, str(video.id), timestamp=2.55, width=160)
    with av.open(str(negative)) as container, av.open(str(bench.root.path / made.path)) as still:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
        got = next(still.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert min(range(len(frames)), key=lambda number: abs(got - frames[number]).mean()) == 13


def test_a_video_of_one_frame_is_a_gif_of_one(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "one.mp4", seconds=0.04, sound=0))
    assert compile_gif(bench, str(video.id), start=0.01, duration=1).frames == 1
    longer = add(bench, clip(bench.root.folder("inbox") / "longer.mp4", sound=0))
    assert compile_gif(bench, str(longer.id), start=0.97, duration=1).frames == 1


def test_a_gif_across_another_shape_has_every_frame_once_and_whole(bench: Workbench, tmp_path: Path) -> None:
    turned = clip(tmp_path / "b.ts", size="120x160", sound=0)
    source = in_one_track(bench.root.folder("inbox") / "t.mkv", clip(tmp_path / "a.ts", sound=0), turned)
    made = compile_gif(bench, str(add(bench, source).id), start=0.5, duration=1, width=160)
    assert made.frames == round(made.fps)
    with av.open(str(bench.root.path / made.path)) as container:
        frames = [frame.to_ndarray(format="gray").astype(int) for frame in container.decode(video=0)]
    assert frames[1].shape == frames[-1].shape == (120, 160)
    assert frames[1][:, :30].max() > 60
    assert frames[-1][:, :30].max() < 10
    assert frames[-1][:, 40:120].max() > 200


@pytest.mark.parametrize(
    "make",
    [
        _turned_for_a_moment,
        partial(_turned_for_a_moment, suffix="flv"),
        _turned_for_a_moment_in_vp9,
        _turned_in_a_recording_of_a_browser,
    ],
    ids=["Matroska", "FLV", "VP9", "without a duration"],
)
def test_a_short_turn_is_boxed_in_stills_gifs_and_clips(
    bench: Workbench, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    video = add(bench, Path(shutil.copy(make(tmp_path), bench.root.folder("inbox"))))
    still = thumbnail(bench, str(video.id), timestamp=6.5, width=160).path
    moving = compile_gif(bench, str(video.id), start=6.2, duration=0.5, width=160).path
    for path in (still, moving):
        with av.open(str(bench.root.path / path)) as container:
            frame = next(container.decode(video=0)).to_ndarray(format="gray")
        assert frame.shape == (120, 160)
        assert frame[:, :30].max() < 25
        assert frame[:, 40:120].max() > 200
    (made,) = clip_generate(bench, str(video.id), count=1, length=30).clips
    with av.open(str(bench.root.path / made.path)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    narrow = [number for number, frame in enumerate(frames) if frame[:, :30].max() < 25]
    assert narrow == list(range(150, 175))


def test_a_clip_across_another_depth_has_every_frame_once(bench: Workbench, tmp_path: Path) -> None:
    source = _deeper(tmp_path)
    info, made = probe(source), tmp_path / "made.mp4"
    span = (Fraction(1, 2), Fraction(3, 2))
    ffmpeg(
        *montage.joined(
            Montage(source, info, [span], [decoded_seek_point(source, span[0])]), made, Encoding(preset="ultrafast")
        )
    )
    assert check_whole(made).frames == 25


@pytest.mark.parametrize("count", [4, 9])
def test_a_cell_of_another_depth_does_not_begin_the_others_anew(bench: Workbench, tmp_path: Path, count: int) -> None:
    """Each film is held against what all of its cells show; of nine each is made small first."""
    inbox = bench.root.folder("inbox")
    deeper = Path(shutil.move(_deeper(tmp_path), inbox / "deeper.mkv"))
    paths = [deeper, *(clip(inbox / f"{number}.mp4", seconds=2, sound=0) for number in range(1, count))]
    ids = [str(add(bench, path).id) for path in paths]
    made = compile_quad(bench, ids) if count == 4 else compile_mega(bench, ids, layout="3x3")
    assert check_whole(bench.root.path / made.path).frames == 50


@pytest.mark.parametrize(
    ("matrix", "more"),
    [("ycgco", ()), ("2020_cl", ("primaries=2020", "transfer=709", "transferin=709", "primariesin=2020"))],
)
def test_colours_in_a_matrix_of_few_are_shown_as_they_were(
    bench: Workbench, tmp_path: Path, matrix: str, more: tuple[str, ...]
) -> None:
    pattern = "smptebars=size=160x120:rate=25:duration=1,format=gbrp"
    plain, source = tmp_path / "plain.mkv", bench.root.folder("inbox") / "few.mkv"
    for path, name in ((plain, "2020_ncl" if more else "709"), (source, matrix)):
        scaled = ":".join((f"zscale=matrix={name}", *more))
        generated(path, "-f", "lavfi", "-i", f"{pattern},{scaled},format=yuv444p", "-c:v", "libx264", "-qp", "1")
    ids = [str(add(bench, path).id) for path in (source, Path(shutil.copy(plain, source.with_name("plain.mkv"))))]
    found = []
    for made in (thumbnail(bench, one, timestamp=0, width=160) for one in ids):
        with av.open(str(bench.root.path / made.path)) as still:
            found.append(next(still.decode(video=0)).to_ndarray(format="rgb24").astype(int))
    assert abs(found[0] - found[1]).mean() < 8  # 5 of constant luminance; taken for the other, 16 and more
    assert reencode(bench, ids[0], preset="ultrafast").frames_encoded == 25


def test_frames_of_such_a_matrix_keep_their_times_and_their_subtitles(bench: Workbench, tmp_path: Path) -> None:
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,200 --> 00:00:00,800\nBars\n")
    source = bench.root.folder("inbox") / "few.mp4"
    pattern = "smptebars=size=160x120:rate=60:duration=2,format=gbrp,zscale=matrix=ycgco,format=yuv444p"
    uneven = f"{pattern},select='not(mod(n,7))+not(mod(n,4))'"
    timed = ("-fps_mode", "passthrough", "-c:v", "libx264", "-qp", "1", "-c:s", "mov_text")
    generated(source, "-f", "lavfi", "-i", uneven, "-i", str(words), *timed)
    made = reencode(bench, str(add(bench, source).id), preset="ultrafast")
    copy = bench.root.path / made.path
    with av.open(str(source)) as was, av.open(str(copy)) as container:
        wanted = [float(frame.time or 0) for frame in was.decode(video=0)]
        assert [float(frame.time or 0) for frame in container.decode(video=0)] == pytest.approx(wanted, abs=0.0015)
        assert len(wanted) == 43
    assert [track.codec for track in companions_of(copy).subtitles] == ["mov_text"]


def test_a_cropped_matroska_is_drawn_as_it_is_shown(tmp_path: Path) -> None:
    source = _cropped_matroska(tmp_path)
    track = probe(source).video
    ffmpeg("-i", source, "-frames:v", "1", "-update", "1", tmp_path / "shown.png")
    with av.open(str(tmp_path / "shown.png")) as wanted, av.open(str(source)) as container:
        shown = next(wanted.decode(video=0)).to_ndarray(format="bgr24").astype(int)
        drawn = draw(next(container.decode(video=0)), track, track.display_size).astype(int)
    assert drawn.shape == shown.shape == (100, 140, 3)
    assert abs(drawn - shown).mean() < 3


@pytest.mark.parametrize(
    "flips", [("-display_hflip",), ("-display_vflip",), ("-display_hflip", "-display_rotation:v", "90")]
)
def test_a_mirrored_video_is_mirrored_wherever_it_is_shown(
    bench: Workbench, tmp_path: Path, flips: tuple[str, ...]
) -> None:
    source = bench.root.folder("inbox") / "mirrored.mp4"
    marked = ("-display_rotation:v", "0") if len(flips) == 1 else ()
    ffmpeg(*marked, *flips, "-i", clip(tmp_path / "whole.mp4", sound=0), "-c", "copy", source)
    video = add(bench, source)
    info = probe(source)
    assert info.video.mirrored
    ffmpeg("-i", source, "-frames:v", "1", tmp_path / "shown.png")
    copy = reencode(bench, str(video.id), preset="ultrafast", crf=1)
    with av.open(str(tmp_path / "shown.png")) as wanted, av.open(str(bench.root.path / copy.path)) as made:
        shown = next(wanted.decode(video=0)).to_ndarray(format="bgr24").astype(int)
        copied = next(made.decode(video=0)).to_ndarray(format="bgr24").astype(int)
    with av.open(str(source)) as container:
        drawn = draw(next(container.decode(video=0)), info.video, info.video.display_size).astype(int)
    assert abs(drawn - shown).mean() < 3
    assert abs(copied - shown).mean() < 3


def test_a_dry_run_asks_for_room_before_it_mends(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _joined_recordings(tmp_path)
    monkeypatch.setenv("REELMILL_DISK_RESERVE_MB", str(10**9))
    get_settings.cache_clear()
    (planned,) = plan_files([source], PlanOptions(bench.transcoder, Encoding(max_kbit=2000), samples=False)).videos
    assert planned.action == "cannot"
    assert "is too full: this needs about" in planned.reasons[0]
    with pytest.raises(MendedFirst):
        plan_files([source], PlanOptions(bench.transcoder, Encoding(max_kbit=2000), samples=False, mend=False))


def test_a_mended_video_that_was_remuxed_is_planned_as_made(bench: Workbench, tmp_path: Path) -> None:
    larger = ["-c:a", "aac", "-mpegts_flags", "+pat_pmt_at_frames"]  # than what it is mended into
    parts = (clip(tmp_path / name, options=larger) for name in ("a.ts", "b.ts"))
    video = add(bench, joined(bench.root.folder("inbox") / "joined.ts", *parts))
    remuxed = without_encoding(bench, str(video.id), target_bitrate=2000)
    assert remuxed is not None
    (planned,) = plan_library(
        bench, [str(video.id)], PlanOptions(bench.transcoder, Encoding(max_kbit=2000), samples=False)
    ).videos
    assert (planned.action, planned.reasons) == ("skip", (f"its copy was made before: {remuxed.path}",))


def test_a_damaged_video_that_was_mended_is_called_by_its_name(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OutputRejected("The copy is not good.")

    first, second = (clip(tmp_path / name, seconds=2, options=["-c:a", "aac"]) for name in ("a.ts", "b.ts"))
    damaged = scrambled(second, tmp_path / "c.ts")
    video = add(bench, joined(bench.root.folder("inbox") / "joined.ts", first, damaged))
    (planned,) = plan_library(bench, None, PlanOptions(bench.transcoder, Encoding(max_kbit=2000))).videos
    assert planned.action == "encode"
    assert planned.reasons[1].startswith("joined.ts is damaged: ")
    monkeypatch.setattr("reelmill.operations.jobs.reencode.publish", refuse)  # this damage costs no copy by itself
    with refused(DamagedVideo, path=video.path):
        reencode(bench, str(video.id), preset="ultrafast")


@pytest.mark.parametrize(("layout", "codec"), [("5.1.2", "flac"), ("7.1.4", "pcm_s16le")])
def test_a_clip_of_audio_that_aac_has_no_channels_for_is_in_stereo(bench: Workbench, layout: str, codec: str) -> None:
    """What is heard at the front left alone stays on the left."""
    options = ("-af", f"pan={layout}|FL=c0", "-c:a", codec)
    video = add(bench, clip(bench.root.folder("inbox") / "above.mkv", seconds=2, options=options))
    (cut,) = clip_generate(bench, str(video.id), count=1, length=1).clips
    with av.open(str(bench.root.path / cut.path)) as container:
        assert container.streams.audio[0].layout.name == "stereo"
        left, right = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert np.sqrt(np.mean(left**2)) > 0.02
    assert np.sqrt(np.mean(right**2)) < 0.003
