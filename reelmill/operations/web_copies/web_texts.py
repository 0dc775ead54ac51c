"""The text subtitles of a web copy as WebVTT beside it: browsers show those, and none that are in an mp4."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import ffmpeg

from reelmill.catalogue.models import Video
from reelmill.errors import FfmpegFailed
from reelmill.ffmpeg.commands.filters import TEXT_SUBTITLES, arguments
from reelmill.ffmpeg.reading.probe import media_url
from reelmill.ffmpeg.verify.companions import companions_of
from reelmill.operations.context import Workbench
from reelmill.operations.publishing.marking import mark
from reelmill.report import NullReport
from reelmill.storage.atomic_files import fsync, place
from reelmill.storage.media_root import texts_beside

_UNKNOWN: Final = "und"


def place_texts(bench: Workbench, copy: Video, folder: Path) -> tuple[str, ...]:
    """Write the text subtitles of a copy beside it, those that are not there yet.

    Args:
        bench: what to work with.
        copy: the record of the copy.
        folder: a workspace.

    Returns:
        The paths of all of them, relative to the media root.

    Raises:
        ProcessStalled, DiskFull, InputError: they cannot be written.
    """
    path, found = bench.root.path / copy.path, []
    for number, track in enumerate(companions_of(path).subtitles, 1):
        if track.codec not in TEXT_SUBTITLES:
            continue
        target = texts_beside(copy.path, number, track.language or _UNKNOWN)
        final, staged = bench.root.path / target, folder / f"{number}.vtt"
        if not final.exists():
            try:
                bench.transcoder.run(webvtt(path, number - 1, staged), NullReport())
            except FfmpegFailed as error:
                bench.report.line(f"subtitle track {number} is not there as WebVTT: {error}")
                continue
            if copy.recipe is not None:
                mark(staged, copy.recipe, copy.source_video_id)
            fsync(staged)
            place(staged, final)
            bench.report.line(f"subtitle track {number} as WebVTT: {target}")
        found.append(target)
    return tuple(found)


def webvtt(source: Path, track: int, target: Path) -> tuple[str, ...]:
    """ffmpeg's arguments that write a subtitle track of a video, from 0, as WebVTT (pure)."""
    stream = ffmpeg.input(media_url(source))[f"s:{track}"]
    return arguments(ffmpeg.output(stream, media_url(target), **{"c:s": "webvtt", "f": "webvtt"}))
