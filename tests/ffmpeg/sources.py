"""Sources that are hard to cut: each written with ffmpeg into a folder, with what is special about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.clips import clip, ffmpeg

SECONDS: Final = 12
_X264: Final = ("-bf", "3", "-b_strategy", "0", "-g", "30", "-keyint_min", "30", "-sc_threshold", "0")


def _made(name: str, *options: str, rate: int = 30, sound: int = 1) -> Callable[[Path], Path]:
    return lambda folder: clip(
        folder / name, seconds=SECONDS, size="192x144", rate=rate, gop=30, sound=sound, options=options
    )


def _uneven(folder: Path) -> Path:
    """Variable rate: one picture in seven is missing, and one in 50 stands long."""
    target = folder / "uneven.mkv"
    kept = "select='mod(n,7)*mod(floor(n/50),3)',setpts='PTS+if(gt(mod(N,40),20),0.011/TB,0)'"
    picture = f"testsrc2=size=192x144:rate=30:duration={2 * SECONDS},{kept}"
    sine = f"sine=duration={2 * SECONDS}"
    ffmpeg(
        "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sine, "-fps_mode", "vfr", "-c:v", "libx264", *_X264, target
    )
    return target


def _copied(name: str, *before: str) -> Callable[[Path], Path]:
    """A closed-GOP clip copied packet by packet with options before its input: what cutters make."""

    def made(folder: Path) -> Path:
        target = folder / name
        ffmpeg(*before, "-i", _made("whole.mp4", *_X264)(folder), "-c", "copy", target)
        return target

    return made


def _shifted(name: str, late: str) -> Callable[[Path], Path]:
    """Sound or pictures that begin 0.7 s after the other."""

    def made(folder: Path) -> Path:
        source, target = _made("whole.mp4", *_X264)(folder), folder / name
        first, second = ("0:v", "1:a") if late == "sound" else ("1:v", "0:a")
        ffmpeg("-i", source, "-itsoffset", "0.7", "-i", source, "-map", first, "-map", second, "-c", "copy", target)
        return target

    return made


def _told(folder: Path) -> Path:
    """Two sound tracks, subtitles and chapters."""
    whole, target = _made("whole.mkv", *_X264, sound=2)(folder), folder / "told.mkv"
    (folder / "words.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,500\nfirst\n\n2\n00:00:07,000 --> 00:00:09,000\nlast\n"
    )
    (folder / "chapters.txt").write_text(
        ";FFMETADATA1\ntitle=Told\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=5000\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=5000\nEND=12000\ntitle=Two\n"
    )
    inputs: list[str | Path] = ["-i", whole, "-i", folder / "words.srt", "-i", folder / "chapters.txt"]
    ffmpeg(*inputs, "-map", "0", "-map", "1", "-map_metadata", "2", "-c", "copy", "-c:s", "srt", target)
    return target


#: Those that are cut.
CUT: Final[dict[str, Callable[[Path], Path]]] = {
    "closed": _made("closed.mp4", *_X264),
    "open": _made("open.mkv", *_X264, "-x264-params", "open-gop=1"),
    "stream": _made("stream.ts", *_X264),
    "flash": _made("flash.flv", *_X264),
    "hevc": _made(
        "hevc.mp4",
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-x265-params",
        "keyint=30:min-keyint=30:open-gop=1:bframes=3:log-level=none",
    ),
    "vp9": _made("vp9.webm", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"),
    "mpeg2": _made("mpeg2.mkv", "-c:v", "mpeg2video", "-bf", "2", "-b:v", "1M"),
    "ntsc": _made("ntsc.mp4", *_X264, "-r", "30000/1001"),
    "uneven": _uneven,
    "edited": _copied("edited.mp4", "-ss", "1.4"),
    "late sound": _shifted("late_sound.mp4", "sound"),
    "late pictures": _shifted("late_pictures.mp4", "pictures"),
    "turned": _copied("turned.mp4", "-display_rotation", "90"),
    "silent": _made("silent.mp4", *_X264, sound=0),
    "told": _told,
}

#: Those that are not, and a part of the reason.
WHOLE: Final[dict[str, tuple[Callable[[Path], Path], str]]] = {
    "single keyframe": (_made("single.mp4", "-g", "999", "-sc_threshold", "0"), "a single keyframe"),
    "intra refresh": (
        _made("refresh.ts", "-g", "30", "-x264-params", "intra-refresh=1:bframes=0"), "no keyframe in between",
    ),
    "interlaced": (_made("laced.mp4", "-x264-params", "tff=1"), "interlaced"),
    "avi": (_made("reordered.avi", *_X264), "frames where the source has 90"),
}  # fmt: skip
