"""What a web copy is named by, and the result of a run that made it, or found it made."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video, utc_now
from reelmill.catalogue.videos.naming import resolve_video
from reelmill.ffmpeg.encoding import WEB_FORM, Encoding
from reelmill.ffmpeg.process.cost import Cost
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.operations.context import Workbench
from reelmill.operations.file_facts import FileFacts
from reelmill.operations.recipe import Recipe, SourceContent, former_names, recipe
from reelmill.operations.result_card import ResultCard, ResultImage, chunk_rows, cost_rows
from reelmill.operations.web_copies import copy_changes
from reelmill.queue.encode_labels import COPY
from reelmill.wording import in_bytes, in_seconds, in_speed

#: What stands for the encoder where none was used.
COPIED: Final = COPY
#: Frames a second that no film that was telecined has.
_FILM_RATE: Final = 30


class Making(BaseModel):
    """How a copy was made where it may be otherwise than asked, and what that cost; kept with its record."""

    model_config = ConfigDict(frozen=True)

    encoder: str
    cost: Cost | None = None  # records of before it was kept have none
    left_out: tuple[str, ...] = ()  # of the source; likewise
    changed: tuple[str, ...] = ()
    damage: str | None = None  # what of the source does not decode, see ``publish``; None: nothing that was noticed

    @property
    def differences(self) -> tuple[str, ...]:
        """What is otherwise in the copy than in its source."""
        return (*self.changed, *copy_changes.concealed(self.damage))


class ReencodeResult(BaseModel):
    """What was made and what it cost."""

    model_config = ConfigDict(frozen=True)

    video_id: uuid.UUID  # of the new record
    path: str
    source: str
    encoder: str  # that made it: libx264 where the GPU was asked and had no room
    reused: bool  # an earlier run had made it
    duration: float  # seconds of video
    seconds: float  # wall time of this run
    speed: float  # seconds of video per second of encoding
    cpu_seconds: float
    chunks: int  # that were encoded by themselves; 1: in one go
    chunks_reused: int  # of which an earlier run, that was cut short, had made so many
    frames_encoded: int  # by this run
    source_size: int  # bytes
    size: int
    cost: Cost | None = None  # of making the copy, whichever run made it
    because: str | None = None  # why it was encoded; None where it was not, or where results were without it
    skipped: str | None = None  # why nothing was made; ``path`` is then the source's own
    left_out: tuple[str, ...] = ()  # tracks of the source that the copy lacks, a sentence each
    changed: tuple[str, ...] = ()  # what is otherwise in the copy, likewise
    before: FileFacts | None = None  # the source; None in results of before it was kept
    after: FileFacts | None = None  # the copy

    def run_cost(self) -> Cost | None:
        """See ``EncodingResult.run_cost``."""
        return None if self.reused or self.skipped is not None else self.cost

    def result_card(self) -> ResultCard:
        """The result for people: what became of what, and at what cost."""
        made = self.after if self.after is not None else self.path
        rows = [("before", f"{self.before or f'{self.source}, {in_bytes(self.source_size)}'}")]
        if self.skipped is None:
            rows += [("after", str(made)), ("encoder", self.encoder), ("time", in_seconds(self.seconds))]
            rows += [*cost_rows(self.cost), *chunk_rows(self.chunks, self.chunks_reused)]
        return ResultCard(
            title=self._title(),
            rows=tuple(rows),
            notes=(*self._notes(), *self.left_out, *self.changed),
            images=(ResultImage(self.path, f"{self.path}, half-way", (self.duration / 2,)),),
        )

    def _title(self) -> str:
        name = PurePosixPath(self.source).name
        if self.skipped is not None:
            return f"{name} was left as it is: {self.skipped}"
        sizes = f"{in_bytes(self.source_size)} became {in_bytes(self.size)}"
        if self.reused:
            return f"{name} has its copy already: {sizes}, {self.path}"
        if self.encoder == COPIED:
            return f"{name} was put into an mp4 without encoding: {sizes} in {in_seconds(self.seconds)}"
        return f"{name} was re-encoded: {sizes} in {in_seconds(self.seconds)} ({in_speed(self.speed)})"

    def _notes(self) -> Iterator[str]:
        if self.reused:
            yield "an earlier run had made it and it is still good"
        if self.skipped is None and self.size > self.source_size:
            yield copy_changes.larger(in_bytes(self.size - self.source_size), self.because)


def making(encoder: str, cost: Cost, info: MediaInfo, encoding: Encoding | None) -> Making:
    """How a copy was made.

    Args:
        encoder: that made it, or ``COPIED``.
        cost: of making it.
        info: of its source, once it is known which subtitles are kept.
        encoding: see ``copy_changes.changed``.

    Returns:
        What is kept with its record.
    """
    lacks, differs = copy_changes.left_out(info), copy_changes.changed(info, encoding)
    return Making(encoder=encoder, cost=cost, left_out=lacks, changed=differs)


def copy_recipe(content: SourceContent, encoding: Encoding) -> Recipe:
    """The recipe of a web copy of a video (pure).

    A copy is recorded by the encoder that made it, so that one who asks for an encoder gets its copy, and one who does
    not gets whichever there is.

    Args:
        content: of the video.
        encoding: how it is wanted.

    Returns:
        The recipe, the same for each encoder: its work is locked for all.
    """
    settings = {"form": WEB_FORM, **encoding.of_copy()}
    rows = (encoding.row,) if encoding.encoder_asked else encoding.codec.encoders
    names, former = dict[str, None](), dict[str, str]()
    for row in rows:
        by_row = replace(encoding, encoder=row.name, encoder_asked=True)
        name = made_recipe(content, by_row)
        names[name] = None
        former |= dict.fromkeys(former_names("reencode", [content], by_row, settings), name)
    return Recipe(recipe("reencode", [content], encoding, **settings), names, former, [content])


def made_recipe(content: SourceContent, encoding: Encoding) -> Recipe:
    """What the web copy that an encoder has made is recorded by (pure)."""
    settings = {"form": WEB_FORM, **encoding.of_copy(), "encoder": encoding.encoder}
    return recipe("reencode", [content], encoding, **settings)


def as_made(info: MediaInfo, rate: Fraction | None) -> MediaInfo:
    """The facts of a source as they were when a copy of it was made (pure).

    Copies of 0.3 have a frame for each field of a telecined source, later ones those of its film.

    Args:
        info: the source's facts.
        rate: frames a second of the copy.

    Returns:
        The facts by which the copy's frames are compared with the source's.
    """
    fields = rate is not None and rate > _FILM_RATE
    return replace(info, video=replace(info.video, telecined=info.video.telecined and not fields))


def link_copy(bench: Workbench, video: Video, copy: Video) -> Video:
    """Link a video to the run that made its web copy, while the work of that copy is still this run's.

    Args:
        bench: what to work with.
        video: the source's record.
        copy: the copy's record.

    Returns:
        The source's record as it is now; by its path, where an import has given it its earlier id back meanwhile.

    Raises:
        UnknownVideo: there is none any more.
    """
    with session() as opened:
        video = opened.get(Video, video.id) or resolve_video(opened, video.path)
        video.reencode_job_id, video.updated_at = bench.run_id or copy.made_by, utc_now()
        opened.add(video)
    return video
