"""``/api/media/videos``: what the library holds, and its bytes.

A video is named by its id, the beginning of one, its path, file name or title, as everywhere.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from reelmill.api.access.caller import requires
from reelmill.api.access.roles import Permission
from reelmill.api.errors import NotMade, about_field, documented
from reelmill.api.file_response import OpenFileResponse
from reelmill.api.naming import ApiRequest
from reelmill.api.pagination import Pagination
from reelmill.api.routes.video_views import (
    SceneList,
    TagList,
    VideoDetail,
    VideoItem,
    VideoPage,
    fitting_tags,
    read_scenes,
)
from reelmill.api.services import Site
from reelmill.api.texts import Text
from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.assets import has_asset
from reelmill.catalogue.facts.tagging import tags_of
from reelmill.catalogue.filters.filter_conditions import And, Comparison, Condition, Flag, Not, Or
from reelmill.catalogue.filters.filter_fields import INVALID, MISSING
from reelmill.catalogue.filters.video_filter import parse_filter
from reelmill.catalogue.limits import clean
from reelmill.catalogue.videos.listing import count_matching, list_videos, narrowed
from reelmill.catalogue.videos.naming import resolve_video
from reelmill.catalogue.videos.video_details import read_details
from reelmill.errors import FileMissing
from reelmill.storage.media_root import MediaRoot

#: Fields that ``search`` looks at.
_SEARCHED: Final = ("title", "filename")

_NAMED: Final = documented(404, 409)
_BYTES: Final[dict[str, Any]] = {"content": {"video/*": {}, "image/*": {}}}
_FILE: Final[dict[int | str, dict[str, Any]]] = {200: _BYTES | {"description": "The whole file."}}
_PARTIAL: Final = _BYTES | {"description": "The range that was asked for."}
_UNCHANGED: Final = {"description": "What the client has is what is there."}
_UNSATISFIABLE: Final = {"description": "The file has no byte of the range."}

router = APIRouter(
    prefix="/api/media/videos",
    tags=["videos"],
    dependencies=[Depends(requires(Permission.READ_VIDEOS))],
)


class VideoQuery(ApiRequest):
    """Which videos are listed, and which page of them."""

    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    limit: Annotated[int, Field(ge=1, le=200)] = 20
    after: Annotated[str | None, Field(max_length=4096, description="`pagination.next` of the page before")] = None
    search: Annotated[str | None, Field(max_length=200, description="words of title or file name")] = None
    where: Annotated[str | None, Field(max_length=4000, description="a filter, such as `duration > 10m`")] = None
    directory_type: Annotated[str | None, Field(max_length=255)] = None
    valid: bool | None = None
    missing: bool | None = None

    def _filter(self) -> Condition | None:
        with about_field("where"):
            return None if self.where is None else parse_filter(self.where)

    def condition(self) -> Condition:
        """All of it together.

        Returns:
            What a video must meet to be listed.

        Raises:
            InvalidRequest: ``where`` is no filter.
        """
        flags = ((INVALID, None if self.valid is None else not self.valid), (MISSING, self.missing))
        words = (self.search or "").split()
        return And(
            (
                narrowed(
                    self._filter(),
                    directory_type=None if self.directory_type is None else clean(self.directory_type),
                ),
                *(Flag(name) if wanted else Not(Flag(name)) for name, wanted in flags if wanted is not None),
                *(Or(tuple(Comparison(field, "contains", clean(word)) for field in _SEARCHED)) for word in words),
            )
        )


def media_root(services: Site) -> MediaRoot:
    """The library that this API serves."""
    return MediaRoot(services.settings.media_root)


Root = Annotated[MediaRoot, Depends(media_root)]


@router.get("")
def list_page(asked: Annotated[VideoQuery, Query()]) -> VideoPage:
    """List videos by path: page by page, or, while the library changes, from `pagination.next` on."""
    condition = asked.condition()
    offset = 0 if asked.after is not None else (asked.page - 1) * asked.limit
    with session() as opened:
        total = count_matching(opened, condition)
        found = list_videos(opened, condition, after=clean(asked.after or ""), offset=offset, limit=asked.limit + 1)
    shown = found[: asked.limit]
    pagination = Pagination(
        page=asked.page,
        limit=asked.limit,
        total=total,
        total_pages=math.ceil(total / asked.limit),
        next=shown[-1].path if len(found) > len(shown) else None,
    )
    return VideoPage(data=tuple(map(VideoItem.of, shown)), pagination=pagination)


@router.get("/{name:path}/scenes", responses=_NAMED)
def scenes(name: str, root: Root) -> SceneList:
    """List the scenes that a job found in a video."""
    with session() as opened:
        video = resolve_video(opened, name, root)
        found = read_scenes(opened, video)
    if found is None:
        raise NotMade(f"No scenes of {video.path} were found yet; submit the job scene_extract for it.")
    return found


@router.get("/{name:path}/tags", responses=_NAMED)
def tags(name: str, root: Root) -> TagList:
    """List the tags of a video, the surest first."""
    with session() as opened:
        return TagList(data=fitting_tags(tags_of(opened, resolve_video(opened, name, root).id)))


@router.head("/{name:path}/thumbnail", include_in_schema=False)
@router.get(
    "/{name:path}/thumbnail",
    response_class=OpenFileResponse,
    status_code=200,
    responses=_NAMED | _FILE | {304: _UNCHANGED},
)
def thumbnail(name: str, root: Root) -> OpenFileResponse:
    """Send the image of a video."""
    with session() as opened:
        video = resolve_video(opened, name, root)
    way_out = "submit the job thumbnail_generate for it"
    if video.thumbnail_path is None:
        raise NotMade(f"{video.path} has no thumbnail yet; {way_out}.")
    try:
        return OpenFileResponse(root.open_file(video.thumbnail_path), video.thumbnail_path)
    except FileMissing as error:
        raise NotMade(f"The thumbnail of {video.path} is gone; {way_out}.") from error


@router.head("/{name:path}/asset", include_in_schema=False)
@router.get(
    "/{name:path}/asset",
    response_class=OpenFileResponse,
    status_code=200,
    responses=_NAMED | _FILE | {206: _PARTIAL, 304: _UNCHANGED, 416: _UNSATISFIABLE},
)
def asset(
    name: str, root: Root, path: Annotated[Text, Query(description="`path` of one of the video's `assets`")]
) -> OpenFileResponse:
    """Send an image, a GIF or a storyboard that a job made of a video, or a range of its bytes."""
    with session() as opened:
        video = resolve_video(opened, name, root)
        known = has_asset(opened, video.id, path)
    if not known:
        raise NotMade(f"{path} is no asset of {video.path}; `assets` of the video has those there are.")
    try:
        return OpenFileResponse(root.open_file(path), path)
    except FileMissing as error:
        raise NotMade(f"{path} is gone; submit the job that made it again.") from error


@router.head("/{name:path}/stream", include_in_schema=False)
@router.get(
    "/{name:path}/stream",
    response_class=OpenFileResponse,
    status_code=200,
    responses=_NAMED | _FILE | {206: _PARTIAL, 304: _UNCHANGED, 416: _UNSATISFIABLE},
)
def stream(name: str, root: Root) -> OpenFileResponse:
    """Send a video: all of it, or the one range of bytes that is asked for."""
    with session() as opened:
        video = resolve_video(opened, name, root)
    return OpenFileResponse(root.open_file(video.path), video.filename)


@router.get("/{name:path}", responses=_NAMED)
def show(name: str, root: Root) -> VideoDetail:
    """Show everything known of a video: what it was made of, what was made of it, its tags."""
    with session() as opened:
        return VideoDetail.of_details(read_details(opened, resolve_video(opened, name, root)))
