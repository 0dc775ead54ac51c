"""A video with all that its best seconds are chosen by; its scenes and their scores are recorded on the way."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from reelmill.analysis.scenes import transitions
from reelmill.analysis.scenes.transitions import Transitions
from reelmill.analysis.scoring.scoring import explain, scores
from reelmill.analysis.scoring.selection import ScoredVideo
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Scene, Video
from reelmill.catalogue.videos import scenes
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.stream_copy import shown_interval
from reelmill.operations.context import Workbench
from reelmill.operations.derived.analysis_cache import signals_of, transitions_of
from reelmill.operations.publishing.sources import require_held
from reelmill.parallel import FanOut, in_threads


def scored_video(
    bench: Workbench, video: Video, source: Path, info: MediaInfo, fan_out: FanOut = in_threads
) -> ScoredVideo:
    """Measure a video and find its scenes, each once; arguments and errors as those of ``signals_of``.

    Returns:
        The video, its scenes from its beginning to its end.
    """
    content = bench.content(video, source, track=0)
    signals, duration = signals_of(bench, video, source, info, fan_out)
    found = transitions_of(bench, video, source, info, fan_out)
    whole = transitions.scenes(found, Fraction(0), duration)
    scored = ScoredVideo(whole, scores(signals), duration, explain(signals), signals.looks)
    rows = scene_rows(video, content.file_id, scenes_shown(source, found))
    for row in rows:
        if row.starts_at < duration:
            row.score = round(scored.mean((Fraction(row.starts_at), Fraction(row.ends_at))), 4)
    require_held(bench.root, [content])
    with session() as opened:
        scenes.record(opened, video.id, rows)
    return scored


def scenes_shown(source: Path, found: Transitions) -> list[transitions.Scene]:
    """The scenes of a file from its first frame to its last.

    Args:
        source: the file.
        found: its cuts and fades.

    Returns:
        The scenes.

    Raises:
        FileMissing, NotAVideo, InputError: it does not open.
    """
    begin, length = shown_interval(source)
    return transitions.scenes(found, begin, begin + length)


def scene_rows(video: Video, file_id: str, found: list[transitions.Scene]) -> list[Scene]:
    """The rows of scenes, without images and scores (pure).

    Args:
        video: the record of theirs.
        file_id: see ``SourceContent.file_id``.
        found: in their order.

    Returns:
        A row for each, not in the catalogue yet.
    """
    return [
        Scene(
            video_id=video.id, number=number, starts_at=float(scene.first), ends_at=float(scene.end), content_id=file_id
        )
        for number, scene in enumerate(found, 1)
    ]  # fmt: skip
