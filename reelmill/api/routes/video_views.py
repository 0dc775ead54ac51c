"""Videos as the API shows them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from typing import Self

from sqlmodel import Session

from reelmill.analysis.scenes import transitions
from reelmill.api.naming import ApiModel
from reelmill.api.pagination import Pagination
from reelmill.catalogue.facts.findings import TRANSITIONS, stored_analysis
from reelmill.catalogue.models import Analysis, Asset, ProductSource, Scene, Video, VideoTag
from reelmill.catalogue.videos import scenes
from reelmill.catalogue.videos.video_details import VideoDetails


class SavingView(ApiModel):
    """What a web copy saves, and what that cost."""

    source_size: int  # bytes of what it was made of
    saved: int  # bytes; below 0 where the copy is larger
    cpu_seconds: float | None  # of making it, all cores together; null: not known
    joules: float | None  # likewise, of the whole node; null: not measured
    vmaf: float | None  # how close it looks, 0 to 100; null: not measured

    @classmethod
    def of(cls, video: Video) -> Self | None:
        """A record of the catalogue; None of one that is no web copy."""
        if video.source_size is None or video.saved is None:
            return None
        return cls(
            source_size=video.source_size,
            saved=video.saved,
            cpu_seconds=video.encode_cpu_seconds,
            joules=video.encode_joules,
            vmaf=video.vmaf,
        )


class VideoItem(ApiModel):
    """One video of a list."""

    id: uuid.UUID
    title: str
    path: str  # relative to the media root
    filename: str
    directory_type: str
    size: int  # bytes
    duration: float | None  # seconds
    container: str | None
    video_codec: str | None
    audio_codec: str | None
    width: int | None  # pixels, as stored
    height: int | None
    rotation: int | None  # degrees clockwise for display
    orientation: str | None
    frame_rate: float | None  # frames per second
    bit_rate: int | None  # bits per second
    audio_tracks: int | None
    subtitle_tracks: int | None
    is_valid: bool
    validation_error: str | None
    checked_depth: str | None  # of the check that found so: opened, quick, full
    checked_at: datetime | None
    missing_since: datetime | None
    has_thumbnail: bool
    source_video_id: uuid.UUID | None  # what a job made it of
    made_by: uuid.UUID | None  # the run that made it
    saving: SavingView | None  # of a web copy
    reencode_job_id: uuid.UUID | None  # the last run that re-encoded it
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, video: Video) -> Self:
        """A record of the catalogue."""
        same = {name: getattr(video, name) for name in cls.model_fields if name in Video.model_fields}
        return cls(
            **same | {"frame_rate": None if video.frame_rate is None else float(video.frame_rate)},
            has_thumbnail=video.thumbnail_path is not None,
            saving=SavingView.of(video),
        )


class VideoTagView(ApiModel):
    """A word for a video."""

    name: str
    confidence: float  # 0 to 1
    by_person: bool

    @classmethod
    def of(cls, tag: VideoTag) -> Self:
        """A record of the catalogue."""
        return cls(name=tag.name, confidence=tag.confidence, by_person=tag.by_person)


class SceneView(ApiModel):
    """From one cut or the middle of one fade to the next, in seconds."""

    start: float
    end: float
    image: str | None = None  # path of one of its middle, relative to the media root; null: no job made one
    score: float | None = None  # 0 to 1, as digests choose by it; null: no job has measured it

    @classmethod
    def of(cls, scene: Scene) -> Self:
        """A record of the catalogue."""
        return cls(start=scene.starts_at, end=scene.ends_at, image=scene.image, score=scene.score)


class SourceView(ApiModel):
    """What a product holds of one video, in seconds."""

    video_id: uuid.UUID | None  # null: its record is gone
    path: str  # where it is; of one whose record is gone, where it was
    source_start: float | None  # null: its beginning
    source_end: float | None  # null: its end
    starts_at: float | None  # in the product; null: not known
    ends_at: float | None
    cell: int | None  # of a grid, from 0, row by row

    @classmethod
    def of(cls, row: ProductSource, source: Video | None) -> Self:
        """A row of the catalogue, with the record it names."""
        same = {name: getattr(row, name) for name in cls.model_fields if name not in ("video_id", "path")}
        return cls(**same, video_id=row.source_id, path=row.source_path if source is None else source.path)


class AssetView(ApiModel):
    """An image or another file for people's eyes that a job made of a video."""

    kind: str  # thumbnail, storyboard, storyboard_sheet, gif, scene_image, contact_sheet
    path: str  # relative to the media root
    number: int | None  # of the sheet or the scene, from 1
    size: int | None  # bytes; null: made before it was kept
    made_at: datetime

    @classmethod
    def of(cls, asset: Asset) -> Self:
        """A record of the catalogue."""
        return cls(**{name: getattr(asset, name) for name in cls.model_fields})


class VideoDetail(VideoItem):
    """Everything known of one video."""

    source: VideoItem | None  # what a job made it of, where that is one video
    sources: tuple[SourceView, ...]  # each segment and cell that it is made of, in its order
    same_content: tuple[VideoItem, ...]  # copies and hard links of it, which share what was made of any
    products: tuple[VideoItem, ...]  # what jobs made of it, films of several videos among them, by path
    tags: tuple[VideoTagView, ...]  # the surest first; those a person has refused are not among them
    assets: tuple[AssetView, ...]  # by path
    analyses: tuple[str, ...]  # kinds of what was found in it and kept

    @classmethod
    def of_details(cls, details: VideoDetails) -> Self:
        """What the catalogue holds of a video."""
        return cls(
            **VideoItem.of(details.video).model_dump(by_alias=False),
            source=None if details.source is None else VideoItem.of(details.source),
            sources=tuple(SourceView.of(row, source) for row, source in details.sources),
            same_content=tuple(map(VideoItem.of, details.same)),
            products=tuple(map(VideoItem.of, details.products)),
            tags=fitting_tags(details.tags),
            assets=tuple(map(AssetView.of, details.assets)),
            analyses=details.analyses,
        )


class VideoPage(ApiModel):
    """A page of videos, by path."""

    data: tuple[VideoItem, ...]
    pagination: Pagination


class TagList(ApiModel):
    """The tags of a video, the surest first."""

    data: tuple[VideoTagView, ...]


class SceneList(ApiModel):
    """The scenes of a video, in order."""

    data: tuple[SceneView, ...]


def fitting_tags(tags: Iterable[VideoTag]) -> tuple[VideoTagView, ...]:
    """Tags as the API shows them (pure).

    Args:
        tags: of one video; 0 of confidence is the judgement of a person that one does not fit.

    Returns:
        Those that fit, the surest first.
    """
    fitting = sorted((tag for tag in tags if tag.confidence > 0), key=lambda tag: (-tag.confidence, tag.name))
    return tuple(map(VideoTagView.of, fitting))


def read_scenes(session: Session, video: Video) -> SceneList | None:
    """The scenes that a job found in a video.

    Args:
        session: of the catalogue.
        video: its record.

    Returns:
        The scenes, in order; None where no job has looked yet.
    """
    if rows := scenes.scenes_of(session, video):
        return SceneList(data=tuple(map(SceneView.of, rows)))
    found = stored_analysis(session, video, TRANSITIONS)  # of before scenes had rows
    return None if found is None else scenes_of(video, found)


def scenes_of(video: Video, found: Analysis) -> SceneList:
    """The scenes between the cuts and fades that were found in a video (pure).

    Args:
        video: its record; without a duration, the last scene ends with the last cut.
        found: what the search for its transitions left.

    Returns:
        The scenes.
    """
    read = transitions.unpacked(found.result)
    bounds = [0.0, *(float(cut) for cut in read.cuts), *(float(end) for _, end in read.fades)]
    end = max(bounds) if video.duration is None else video.duration
    return SceneList(
        data=tuple(
            SceneView(start=float(first), end=float(last))
            for first, last in transitions.scenes(read, Fraction(0), Fraction(end))
        )
    )
