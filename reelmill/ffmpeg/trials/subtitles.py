"""Which subtitles of a video an mp4 can hold: tried before the encode, so that an odd one never costs it.

ffmpeg gives up on the whole film where a line of text is not UTF-8 or stands for weeks. Turning the text tracks alone
into an mp4 takes a moment and shows which of them do.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Final

import ffmpeg

from reelmill.errors import FfmpegFailed
from reelmill.ffmpeg.commands.filters import arguments, text_subtitles
from reelmill.ffmpeg.reading.probe import MediaInfo, media_url
from reelmill.ffmpeg.reading.tracks import OmittedTrack
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.ffmpeg.verify.companions import companions_of
from reelmill.report import NullReport, Report

#: Stands for the codec of a track that is left out, so that nothing after this takes it.
LEFT_OUT: Final = "left out"

_IMAGES: Final = frozenset({"hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle", "xsub"})


def usable_subtitles(transcoder: Transcoder, source: Path, info: MediaInfo, folder: Path, report: Report) -> MediaInfo:
    """The facts of a video with every subtitle track that an mp4 cannot hold among those that are unused.

    Args:
        transcoder: whose ffmpeg will write the mp4.
        source: the video.
        info: its facts.
        folder: a workspace.
        report: gets a line on each that is left out.

    Returns:
        The facts, with ``LEFT_OUT`` for the codec of each such track, which is named in ``unused``.

    Raises:
        ProcessStalled, DiskFull.
    """
    texts = text_subtitles(info)
    trial = folder / "subtitles.mp4"
    good = set(texts) if not texts or _all_turn(transcoder, source, texts, trial) else set[int]()
    if not good:
        good = {index for index in texts if _all_turn(transcoder, source, (index,), trial)}
    trial.unlink(missing_ok=True)
    found = with_subtitles(info, good)
    for track in found.unused[len(info.unused) :]:
        report.line(str(track))
    return found


def with_subtitles(info: MediaInfo, good: Set[int]) -> MediaInfo:
    """The facts of a video whose copy has these subtitle tracks, from 0, and no others (pure)."""
    texts = text_subtitles(info)
    omitted = tuple(
        OmittedTrack("subtitle", index + 1, codec, _reason(codec, index in texts))
        for index, codec in enumerate(info.subtitle_codecs)
        if index not in good and codec != LEFT_OUT
    )
    kept = tuple(codec if index in good else LEFT_OUT for index, codec in enumerate(info.subtitle_codecs))
    return replace(info, subtitle_codecs=kept, unused=(*info.unused, *omitted))


def _reason(codec: str, text: bool) -> str:
    if text:
        return "its text cannot be read"
    return "it is made of images, which an mp4 cannot hold" if codec in _IMAGES else "an mp4 cannot hold it"


def turned(source: Path, tracks: Sequence[int], target: Path) -> tuple[str, ...]:
    """ffmpeg's arguments that write subtitle tracks of a video, from 0, alone into an mp4 (pure)."""
    media = ffmpeg.input(media_url(source))
    streams = [media[f"s:{track}"] for track in tracks]
    options = {"c:s": "mov_text", "map_metadata": -1, "map_chapters": -1, "f": "mp4"}
    return arguments(ffmpeg.output(*streams, media_url(target), **options))


def _all_turn(transcoder: Transcoder, source: Path, tracks: Sequence[int], trial: Path) -> bool:
    """Whether each track comes out as one that has lines where the video's has."""
    try:
        transcoder.run(turned(source, tracks, trial), NullReport())
    except FfmpegFailed:
        return False
    wanted = companions_of(source).subtitles
    got = companions_of(trial).subtitles
    return [bool(track.lines) for track in got] == [bool(wanted[track].lines) for track in tracks]
