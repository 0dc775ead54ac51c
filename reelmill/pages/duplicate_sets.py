"""What shows the same, as the page of duplicates reads it: by content id, or by the newest report."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.same_content import exact_copies, tag_names, videos_of
from reelmill.catalogue.models import Video
from reelmill.dispatch import Dispatcher, JobFilter
from reelmill.operations.derived.likeness import likenesses
from reelmill.queue.job import FINAL, Job, JobStatus

REPORT: Final = "duplicates_report"

#: Of a report that is to come.
_UNDER_WAY: Final = tuple(status for status in JobStatus if status not in FINAL)

#: Sets on a page, and the most videos of one that are shown.
SETS: Final = 12
MEMBERS: Final = 12


@dataclass(frozen=True)
class Member:
    """A video of a set, beside the first one of it."""

    video: Video
    tags: tuple[str, ...]
    exact: bool  # it holds what another of the set holds
    likeness: float | None  # which share of its seconds looks like the first one's, 0 to 1; None: not known
    offset: float = 0.0  # seconds of the first at which it begins


@dataclass(frozen=True)
class DuplicateSet:
    """Videos that show the same."""

    members: tuple[Member, ...]
    first: str  # what the first of them is before the others, in words
    more: int = 0  # that are not shown


@dataclass(frozen=True)
class Report:
    """A job that looked for what is alike."""

    job_id: uuid.UUID
    ended: datetime | None
    over: str  # the directory type that it compared; empty: the library


@dataclass(frozen=True)
class DuplicatesPage:
    """What is read for the page."""

    sets: tuple[DuplicateSet, ...]
    total: int  # on all pages
    report: Report | None = None  # that they are of
    under_way: uuid.UUID | None = None  # the job of a report to come


def read_exact(page: int) -> DuplicatesPage:
    """Files that hold the same.

    Args:
        page: 1 is the first.

    Returns:
        The page.

    Raises:
        PlatformError: the catalogue is away.
    """
    with session() as opened:
        found = exact_copies(opened, first=(page - 1) * SETS, count=SETS, files=MEMBERS)
        tags = tag_names(opened, [video.id for videos in found.sets for video in videos])
    sets = tuple(
        DuplicateSet(
            tuple(Member(video, tags.get(video.id, ()), exact=True, likeness=None) for video in videos), "known longest"
        )
        for videos in found.sets
    )
    return DuplicatesPage(sets, found.total)


def read_alike(dispatcher: Dispatcher, page: int) -> DuplicatesPage:
    """What the newest report found, as far as it is still there.

    Args:
        dispatcher: of the site.
        page: 1 is the first.

    Returns:
        The page; without a report where none was made, or it has been cleared.

    Raises:
        PlatformError: the catalogue, or the server's database, is away.
    """
    coming = dispatcher.reader.page(JobFilter(types=(REPORT,), statuses=_UNDER_WAY), size=1).jobs
    under_way = coming[0].public_id if coming else None
    ended = dispatcher.reader.page(JobFilter(types=(REPORT,), statuses=(JobStatus.COMPLETED,)), size=1).jobs
    found = dispatcher.reader.result_items(ended[0].public_id, (page - 1) * SETS, SETS) if ended else None
    if found is None:
        return DuplicatesPage((), 0, under_way=under_way)
    return DuplicatesPage(_sets(found.items), found.total, _report(ended[0]), under_way)


def _report(job: Job) -> Report:
    return Report(job.public_id, job.ended, str(job.parameters.get("directory_type") or ""))


def _sets(items: Iterable[Mapping[str, Any]]) -> tuple[DuplicateSet, ...]:
    """Items of a report with what the catalogue knows by now; those of which one alone is left are none."""
    listed = [(item, _ids(item)) for item in items]
    with session() as opened:
        shown = [video_id for _, ids in listed for video_id in ids[:MEMBERS]]
        videos, tags = videos_of(opened, shown), tag_names(opened, shown)
        there = [(item, ids, [videos[each] for each in ids[:MEMBERS] if each in videos]) for item, ids in listed]
        pairs = [(known[0], video) for item, _, known in there if "same" in item for video in known[1:]]
        alike = likenesses(opened, pairs)
    sets = []
    for item, ids, known in there:
        if len(known) < 2:
            continue
        contents = [video.content_id for video in known if video.content_id is not None]
        members = tuple(
            Member(
                video,
                tags.get(video.id, ()),
                exact=contents.count(video.content_id or "") > 1,
                likeness=item.get("share", alike.get((known[0].id, video.id))) if at else None,
                offset=float(item.get("offset", 0)) if at else 0.0,
            )
            for at, video in enumerate(known)
        )
        first = "largest frame" if "same" in item else "the longer one"
        sets.append(DuplicateSet(members, first, more=len(ids) - len(ids[:MEMBERS])))
    return tuple(sets)


def _ids(item: Mapping[str, Any]) -> list[uuid.UUID]:
    """The videos of an item, the one to keep first: of a clip and the longer video, that is the longer one (pure)."""
    return [uuid.UUID(each) for each in item.get("same") or (item["whole"], item["clip"])]
