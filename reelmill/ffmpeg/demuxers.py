"""Which of libav's demuxers may open a file of the library: those that read that file and no other.

Playlists are texts that name other files, whatever their own name ends in: a copy of one would show what its owner may
not see. By libav's own rules they may name files of this node alone, and those are what has to be kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import av

#: Demuxers that open what the file names, or what its own name stands for; by libavformat/allformats.c.
REFERRING: Final = frozenset(
    {
        "applehttp", "avisynth", "concat", "dash", "dvdvideo", "hls", "imf", "lavfi", "rtp", "rtsp", "sap", "sdp",
        "vapoursynth", "vobsub", "webm_dash_manifest",
    }
)  # fmt: skip

#: Opens all files of a numbered series where a name looks like one; ``pattern_type`` has it that none does.
IMAGE: Final = "image2"

_INPUT: Final = "-i"
_FORMAT: Final = "-f"
_FILE: Final = "file:"
_TEXT: Final = frozenset(range(32, 256)) | frozenset(b"\t\r\n\f")
_LOOKED_AT: Final = 1024  # bytes


@cache
def whitelist() -> str:
    """The demuxers that may be used, as libav's option ``format_whitelist`` takes them."""
    return ",".join(sorted(av.formats_available - REFERRING))


def opening_options() -> dict[str, str]:
    """What PyAV is to open a file of the library with."""
    return {"format_whitelist": whitelist(), "pattern_type": "none"}


def guarded(arguments: Sequence[str]) -> tuple[str, ...]:
    """ffmpeg's arguments, each file among its inputs opened by a demuxer that may be used (pure).

    An input whose demuxer is named is left as it is: the file is of our own making.

    Args:
        arguments: without the program's own name.

    Returns:
        They, with an option before each such input.
    """
    places = [place for place, word in enumerate(arguments[:-1]) if word == _INPUT]
    line: list[str] = []
    for last, place in pairwise([-2, *places]):
        options = arguments[last + 2 : place]
        line += options
        if arguments[place + 1].startswith(_FILE) and _FORMAT not in options:
            line += ["-format_whitelist", ",".join(sorted({*whitelist().split(",")} - {IMAGE}))]
        line += arguments[place : place + 2]
    return (*line, *arguments[places[-1] + 2 if places else 0 :])


def is_text(path: Path) -> bool:
    """Whether a file begins as texts do, playlists among them."""
    with path.open("rb") as file:
        return _TEXT.issuperset(file.read(_LOOKED_AT))
