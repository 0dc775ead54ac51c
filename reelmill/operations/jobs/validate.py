"""Validate: does the file still open, and does what is in it decode?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.verdicts import outweighs
from reelmill.catalogue.models import OF_BYTES, Video, utc_now
from reelmill.catalogue.videos import searching
from reelmill.catalogue.videos.naming import resolve_video
from reelmill.errors import InputError
from reelmill.ffmpeg.reading.decode import check_whole, check_windows
from reelmill.ffmpeg.reading.probe import MediaInfo, probe
from reelmill.ffmpeg.verify.damage import fault
from reelmill.operations.context import Workbench
from reelmill.operations.publishing.records import describe, is_intact
from reelmill.operations.result_card import ResultCard
from reelmill.storage.content_id import content_id
from reelmill.storage.file_hash import blake2
from reelmill.storage.file_state import FileState, read_steady
from reelmill.wording import plural

Depth = Literal["quick", "full"]


class ValidateResult(BaseModel):
    """What a check found."""

    model_config = ConfigDict(frozen=True)

    path: str
    valid: bool
    reason: str | None  # why not
    depth: Depth
    frames: int  # decoded
    left_out: tuple[str, ...] = ()  # audio and video tracks that cannot be decoded here, a sentence part each

    @computed_field  # type: ignore[prop-decorator]  # mypy does not know a property that is decorated
    @property
    def source(self) -> str:
        """The file that was looked at, by the name that other results have for it."""
        return self.path

    def result_card(self) -> ResultCard:
        """The result for people."""
        looked = "all of it" if self.depth == "full" else "its beginning, middle and end"
        return ResultCard(
            title=f"{self.path} is valid" if self.valid else f"{self.path} is invalid: {self.reason}",
            rows=(("decoded", f"{looked}, {plural(self.frames, 'frame')}"),),
            notes=self.left_out,
        )


def validate(bench: Workbench, video_id: str, *, depth: Depth = "quick") -> ValidateResult:
    """Probe and decode a video, and bring its record up to date; an invalid one is a result, not an error.

    Args:
        bench: what to work with.
        video_id: which video.
        depth: ``quick`` decodes the first, middle and last seconds, ``full`` everything, and the hash of the whole file
            is kept. What ``full`` has found in a file stands until the file changes, or is found to be worse.

    Returns:
        Whether it is valid, and why not.

    Raises:
        UnknownVideo: there is no such video.
        FileMissing: its file is gone.
        ChangedMeanwhile: it changed while it was read, and again at the second try; nothing was recorded.
    """
    with session() as opened:
        video = resolve_video(opened, video_id, bench.root)
    bench.report.line(f"input: {video.path}")
    path = bench.source(video)
    state, examined = read_steady(path, partial(_examine, bench, path, depth), video.path)
    info = examined.info
    with session() as opened:
        by_path = searching.by_path(opened, video.path)  # an import may have given it its earlier id back
        video = opened.get(Video, video.id) or by_path or searching.get_video(opened, video.id)
        changed = not is_intact(bench.root, video)
        reason = examined.reason or (None if changed else _rotten(video, state, examined))
        if changed:
            for name in OF_BYTES:  # whatever it was made by, somebody has replaced it
                setattr(video, name, None)
        video.size, video.mtime_ns, video.ctime_ns = state.size, state.mtime_ns, state.ctime_ns
        video.content_id = examined.content_id
        if reason is None:  # of a product that has rotted the hash stays that it was published with
            video.blake2 = examined.blake2 or video.blake2
        if info is not None:
            describe(video, info)
        if changed or not outweighs(video.checked_depth, depth, valid=reason is None):
            video.is_valid, video.validation_error = reason is None, reason
            video.checked_depth, video.checked_at = depth, utc_now()
        reason = video.validation_error
        video.missing_since, video.updated_at = None, utc_now()
        opened.add(video)
    bench.report.line(f"{video.path} is {'valid' if reason is None else f'invalid: {reason}'}")
    unused = () if info is None else tuple(map(str, info.left_out))
    for track in unused:
        bench.report.line(track)
    return ValidateResult(
        path=video.path, valid=reason is None, reason=reason, depth=depth, frames=examined.frames, left_out=unused
    )


@dataclass(frozen=True)
class _Examination:
    """What was read of a file."""

    content_id: str | None  # None: it is empty
    info: MediaInfo | None = None  # None: it cannot be opened
    frames: int = 0
    reason: str | None = None  # why it is invalid
    blake2: str | None = None  # of the whole file, where all of it was read and is valid


def _rotten(video: Video, state: FileState, examined: _Examination) -> str | None:
    """Why a product that decodes is not what was published, though nobody has written it since; None: it is."""
    dated = (video.size, video.mtime_ns) == (state.size, state.mtime_ns)
    unknown = None in (video.blake2, examined.blake2) or not video.is_product
    if unknown or not dated or video.blake2 == examined.blake2:
        return None
    return f"{video.path} decodes, and its bytes are not those recorded: the disk has changed some."


def _examine(bench: Workbench, path: Path, depth: Depth) -> _Examination:
    content = content_id(path) if path.stat().st_size else None
    try:
        info = probe(path)
        if depth == "full":
            report = check_whole(path, on_progress=lambda fraction: bench.report.progress(fraction, "decoding"))
        else:
            report = check_windows(path, info.duration)
    except InputError as error:
        return _Examination(content, reason=str(error))
    reason = fault(path.name, info, report)
    whole = blake2(path) if depth == "full" and reason is None else None
    return _Examination(content, info, report.frames, reason, whole)
