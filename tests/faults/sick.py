"""What each reader of a video says where its disk fails, before the first byte and half-way: run as a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from reelmill.analysis.frames import begun
from reelmill.analysis.stills import keyframes
from reelmill.errors import ReelmillError
from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.copying import shown
from reelmill.ffmpeg.decode import check_whole, check_windows
from reelmill.ffmpeg.index import read_index
from reelmill.ffmpeg.loudness import integrated
from reelmill.ffmpeg.probe import probe
from reelmill.ffmpeg.run import FfmpegRunner
from reelmill.ffmpeg.stretches import Stretch, check_beside, check_stretch
from tests.clips import clip
from tests.faults.disks import Disks

_HALF: Final = 96 << 10  # bytes

READERS: Final[dict[str, Callable[[Path], Any]]] = {
    "probe": probe,
    "check_whole": check_whole,
    "check_windows": lambda path: check_windows(path, None),
    "check_stretch": lambda path: check_stretch(path, Stretch(None, None)),
    "check_beside": check_beside,
    "read_index": read_index,
    "shown": shown,
    "integrated": integrated,
    "keyframes": keyframes,
    "begun": lambda path: begun(path, [probe(path).duration or 0]),  # type: ignore[list-item]
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
