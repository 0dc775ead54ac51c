"""What a video file is, as a result keeps it and a result card shows it."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict

from reelmill.catalogue.models import Video
from reelmill.wording import clock, in_bytes


class FileFacts(BaseModel):
    """A video file at the time of a job."""

    model_config = ConfigDict(frozen=True)

    path: str  # relative to the media root
    size: int  # bytes
    duration: float | None = None  # seconds
    codec: str | None = None  # of its frames
    width: int | None = None  # pixels, as stored
    height: int | None = None

    @classmethod
    def of(cls, video: Video) -> Self:
        """The facts that a record holds."""
        return cls(
            path=video.path,
            size=video.size,
            duration=video.duration,
            codec=video.video_codec,
            width=video.width,
            height=video.height,
        )

    def __str__(self) -> str:
        frames = f"{self.codec or ''} {self.width}x{self.height}" if self.width and self.height else self.codec or ""
        length = "" if self.duration is None else clock(self.duration)
        return ", ".join(fact for fact in (self.path, in_bytes(self.size), frames.strip(), length) if fact)
