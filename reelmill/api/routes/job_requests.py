"""What is sent in to hand jobs in."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field, Strict, field_validator

from reelmill.api.errors import about_field
from reelmill.api.naming import ApiRequest, inside
from reelmill.api.texts import Params, Text
from reelmill.dispatch import SubmitOptions
from reelmill.queue.job import LANES, resolve_lane

#: The most jobs that are handed in at once.
MOST: Final = 1000

_LARGEST: Final = 2**31 - 1  # of a job variable
_Number = Annotated[int, Strict()]


class Place(ApiRequest):
    """Where a job waits: a priority, or the same said as a queue and its level."""

    priority: _Number | None = Field(default=None, ge=1, le=len(LANES), description="1 (first) to 10")
    queue: Literal["live", "default", "batch", "idle"] | None = None
    level: Literal["high", "medium", "low"] | None = Field(default=None, description="of the queue; idle has none")

    def lane(self) -> str | None:
        """The lane that is meant.

        Returns:
            Its name; None where none was asked for.

        Raises:
            InvalidRequest: priority and queue were given both, or a level of the queue idle.
        """
        with about_field("priority" if self.priority is not None else "level"):
            lane = resolve_lane(self.priority, self.queue, self.level)
        return lane if self.model_fields_set & {"priority", "queue", "level"} else None


class JobOptions(Place):
    """How a job is handed in; what is left out is as its type's deployment has it."""

    vram_required: _Number | None = Field(default=None, ge=0, le=_LARGEST, description="GPU memory in MB")
    resource_category: Text | None = Field(
        default=None, description="the pool; the type must be deployed there", examples=["gpu_encode"]
    )
    max_retries: _Number | None = Field(default=None, ge=0, le=1000, description="how often it is tried again")
    force: Annotated[bool, Strict()] = Field(default=False, description="a new job, even if the same work is under way")

    def options(self) -> SubmitOptions:
        """The same for the queue.

        Returns:
            The options.

        Raises:
            InvalidRequest: there can be no such place.
        """
        self.lane()
        return SubmitOptions(
            pool=self.resource_category,
            priority=self.priority,
            queue=self.queue,
            level=self.level,
            vram_mb=self.vram_required,
            max_retries=self.max_retries,
            force=self.force,
        )


class NewJob(JobOptions):
    """A job to be done."""

    type: Text = Field(description="the job type; older names are taken, too", examples=["thumbnail_generate"])
    params: Params = Field(
        default_factory=dict,
        description="of its type, in camelCase or snake_case; a video by its id, path, file name or title",
        examples=[{"videoId": "chaplin.mp4"}],
    )

    @field_validator("params")
    @classmethod
    def _named_once(cls, params: dict[str, Any]) -> dict[str, Any]:
        inside(params)
        return params

    def parameters(self) -> dict[str, Any]:
        """The parameters as the flow calls them."""
        return inside(self.params)


class NewReencode(JobOptions):
    """A video to be re-encoded for the web."""

    video_id: Text = Field(description="its id, path, file name or title", examples=["chaplin.mp4"])
    target_bitrate: _Number | None = Field(
        default=None, description="the most the video track may take, in kbit/s; 0: what its size and rate are worth"
    )
    preset: Text | None = Field(default=None, description="how hard x264 tries", examples=["medium"])
    crf: _Number | None = Field(default=None, description="quality, 0 (best, largest) to 51")
    max_height: _Number | None = Field(default=None, description="the most lines of the copy; 0: its source's")
    surround: bool | None = Field(default=None, description="more than two channels in a further audio track of 5.1")

    def job(self) -> NewJob:
        """The same as a job of the type ``reencode``."""
        own = {"videoId", "targetBitrate", "preset", "crf", "maxHeight", "surround"}
        given = self.model_dump(by_alias=True, exclude_none=True)
        params = {name: given.pop(name) for name in own & given.keys()}
        return NewJob(type="reencode", params=params, **given)


class NewJobs(ApiRequest):
    """Many jobs to be done: all of them, or none where one is wrong."""

    jobs: list[NewJob] = Field(min_length=1, max_length=MOST)
