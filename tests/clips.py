"""Small clips made with ffmpeg, and ways to damage them."""

from __future__ import annotations

import os
import pwd
import random
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import pytest

from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.report import Report

#: One frame of dots of 0 and 255 in limited range, whose black is 16 and whose white is 235; dense at the left.
BEYOND_RANGE = "color=gray:s=320x240:r=25:d=0.04,format=yuv420p,geq=lum='255*gt(random(1),0.2+0.6*X/320)':cb=128:cr=128"
#: A second of a pattern whose colours are stronger than RGB holds.
BEYOND_RGB = "testsrc2=s=320x240:r=25:d=1,hue=s=3"


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg, its complaints shown where it fails."""
    answer = subprocess.run(
        [str(find_ffmpeg()), "-hide_banner", "-v", "error", "-nostdin", "-y", *_x265_in_one_thread(arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


def _x265_in_one_thread(arguments: Sequence[str | Path]) -> Iterator[str]:
    """x265 gives its threads single rows of blocks: on a busy node it waits ten times as long as it computes."""
    for before, argument in zip(("", *arguments), arguments, strict=False):
        yield f"{argument}:pools=none:frame-threads=1" if before == "-x265-params" else str(argument)


def generated(path: Path, *arguments: str) -> Path:
    """Write what ffmpeg makes of arguments that name no file; a process makes the same only once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_generated(arguments, path.suffix))
    return path


@lru_cache(maxsize=200)
def _generated(arguments: tuple[str, ...], suffix: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"generated{suffix}"
        ffmpeg(*arguments, path)
        return path.read_bytes()


def clip(
    path: Path,
    *,
    seconds: float = 1,
    size: str = "160x120",
    rate: int = 25,
    sound: int = 1,
    codec: str = "libx264",
    gop: int = 25,
    options: Sequence[str] = (),
) -> Path:
    """Write a test pattern with ``sound`` tone tracks; times are exact, so what comes out can be told."""
    inputs = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]
    maps = ["-map", "0:v"]
    for index in range(sound):
        inputs += ["-f", "lavfi", "-i", f"sine=frequency={300 * (index + 1)}:duration={seconds}"]
        maps += ["-map", f"{index + 1}:a"]
    picture = ["-c:v", codec, "-g", str(gop)]
    if codec == "libx264":
        picture += ["-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    return generated(path, *inputs, *maps, *picture, *options)


def in_one_track(target: Path, *parts: Path) -> Path:
    """Files one after the other, copied into one; what their headers have is in its packets, too."""
    listed = target.with_name("parts.txt")
    listed.write_text("".join(f"file '{part}'\n" for part in parts))
    ffmpeg("-f", "concat", "-safe", "0", "-i", listed, "-c", "copy", target)
    return target


def three_colours(path: Path) -> Path:
    """Three seconds of red, green, blue at 10 pictures a second, one keyframe a second."""
    inputs = [
        argument
        for name in ("red", "lime", "blue")
        for argument in ("-f", "lavfi", "-i", f"color={name}:s=160x120:r=10:d=1")
    ]
    encoding = ("-c:v", "libx264", "-g", "10", "-pix_fmt", "yuv420p")
    return generated(path, *inputs, "-filter_complex", "concat=n=3", *encoding)


def overwritten(source: Path, target: Path, *, at: float, count: int) -> Path:
    """A copy of ``source`` with ``count`` random bytes at the fraction ``at`` of its length."""
    data = bytearray(source.read_bytes())
    start = int(len(data) * at)
    data[start : start + count] = random.Random(7).randbytes(count)
    target.write_bytes(data)
    return target


def cut_off(source: Path, target: Path, *, keep: float) -> Path:
    """A copy of the first ``keep`` of ``source``, as a broken download leaves it."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * keep)])
    return target


def hollow(source: Path, target: Path, *, start: float, end: float) -> Path:
    """A copy with zeros from ``start`` to ``end`` (fractions of its length), as an unfinished download leaves it."""
    data = bytearray(source.read_bytes())
    first, last = int(len(data) * start), int(len(data) * end)
    data[first:last] = bytes(last - first)
    target.write_bytes(data)
    return target


def promising(source: Path, target: Path, *, seconds: float) -> Path:
    """A copy of a Matroska file whose header claims to last ``seconds``."""
    data = bytearray(source.read_bytes())
    place = data.find(b"\x44\x89\x88") + 3  # the Duration element (RFC 9559, 5.1.2.10), 8 bytes long
    assert place > 2
    struct.pack_into(">d", data, place, seconds * 1000)
    target.write_bytes(data)
    return target


@contextmanager
def tiny_disk(folder: Path, size: str = "1m") -> Iterator[Path]:
    """A file system of its own that fills up at once; the test is skipped where mounting is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mount.returncode != 0:
        pytest.skip(f"no small disk to be had here: {mount.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's right to read everything."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        os.seteuid(me)


class Notes(Report):
    """A report that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fractions: list[float] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, fraction: float, text: str = "", speed: float | None = None) -> None:
        self.fractions.append(fraction)

    def said(self, part: str) -> bool:
        """Whether a line holds ``part``."""
        return any(part in line for line in self.lines)
