"""Which jobs a list is asked for, in the words of its URL."""

from __future__ import annotations

import uuid

from pydantic import Field

from reelmill.api.naming import ApiRequest
from reelmill.api.pagination import LARGEST, LAST
from reelmill.api.texts import Text, Time
from reelmill.dispatch import JobFilter
from reelmill.errors import FailureClass
from reelmill.queue.job import JobStatus


class JobChoice(ApiRequest):
    """Which jobs are meant; what is left out does not count."""

    status: list[JobStatus] = Field(default_factory=list, description="any of these")
    type: list[Text] = Field(default_factory=list, description="any of these job types", examples=[["reencode"]])
    resource_category: Text | None = Field(default=None, description="the pool", examples=["gpu_encode"])
    lane: Text | None = Field(default=None, examples=["batch-medium"])
    failure_class: FailureClass | None = None
    dead_letter: bool = Field(default=False, description="only those that are out of retries")
    worker: Text | None = Field(default=None, description="that has it, or had it last", examples=["nas-cpu"])
    video_id: uuid.UUID | None = Field(default=None, description="id of the video that it is about")
    batch: Text | None = Field(default=None, description="id of its batch", examples=["kamoti"])
    tag: Text | None = None
    text: Text | None = Field(default=None, description="somewhere in its name", examples=["chaplin"])
    since: Time | None = Field(default=None, description="due then or later")
    until: Time | None = Field(default=None, description="due then or earlier")

    def job_filter(self) -> JobFilter:
        """The same for the queue."""
        return JobFilter(
            statuses=tuple(self.status),
            types=tuple(self.type),
            pool=self.resource_category,
            lane=self.lane,
            failure_class=self.failure_class,
            dead_letter=self.dead_letter,
            worker=self.worker,
            video_id=self.video_id,
            batch=self.batch,
            tag=self.tag,
            text=self.text,
            since=self.since,
            until=self.until,
        )


class JobQuery(JobChoice):
    """Which page of which jobs."""

    page: int = Field(default=1, ge=1, le=LAST, description="1 is the first")
    limit: int = Field(default=20, ge=1, le=LARGEST, description="jobs on a page")
    before: Text | None = Field(
        default=None, description="`pagination.next` of the page before, in place of `page`: no job comes twice"
    )
