"""What each reader of a video says where its disk fails, before the first byte and half-way: run as a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from reelmill.analysis.frames.seek_reader import keyframes
from reelmill.errors import ReelmillError
from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.process.run import FfmpegRunner
from reelmill.ffmpeg.reading.audio.loudness import integrated_loudness
from reelmill.ffmpeg.reading.decode import check_whole, check_windows
from reelmill.ffmpeg.reading.packet_index import read_index
from reelmill.ffmpeg.reading.parallel_decode import GopRun, check_gop_run, check_other_tracks
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.reading.seeking import seek_points
from reelmill.ffmpeg.reading.stream_copy import shown_interval
from tests.clips import clip
from tests.faults.disks import Disks

_HALF: Final = 96 << 10  # bytes

READERS: Final[dict[str, Callable[[Path], Any]]] = {
    "probe": probe,
    "check_whole": check_whole,
    "check_windows": lambda path: check_windows(path, None),
    "check_gop_run": lambda path: check_gop_run(path, GopRun(None, None)),
    "check_other_tracks": check_other_tracks,
    "read_index": read_index,
    "shown_interval": shown_interval,
    "integrated_loudness": integrated_loudness,
    "keyframes": keyframes,
    "seek_points": lambda path: seek_points(path, [probe(path).duration or Fraction(0)]),
    "ffmpeg": lambda path: FfmpegRunner(find_ffmpeg()).run(["-i", str(path), "-f", "null", "-"]),
}


def _said(reader: Callable[[Path], Any], path: Path) -> str:
    try:
        reader(path)
    except (ReelmillError, OSError) as error:
        return type(error).__name__
    return "nothing"


def main(folder: str) -> None:
    """One line of JSON: what each said of each file, of a disk that is well, that is sick, and sick from half-way."""
    disks = Disks.mount(Path(folder))
    if not disks.real:
        print(json.dumps(None))
        return
    inbox = disks.root.folder("inbox")
    paths = [clip(inbox / f"a.{kind}", seconds=4, size="320x240") for kind in ("mp4", "mkv", "ts")]
    told = {}
    states: dict[str, Callable[[], None]] = {
        "well": disks.heal,
        "sick": disks.sicken,
        "half-way": lambda: disks.sicken(_HALF),
    }
    for when, act in states.items():
        for name, reader in READERS.items():
            for path in paths:
                assert path.stat().st_size > 2 * _HALF
                act()
                told[f"{when} {name} {path.suffix}"] = _said(reader, path)
                disks.heal()
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
