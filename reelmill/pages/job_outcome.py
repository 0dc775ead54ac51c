"""What came of a job: its result card with its images, GIFs in motion, and the videos that it made, each a link to its
player.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from nicegui import ui

from reelmill.api.access.roles import Permission
from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.assets import by_path
from reelmill.catalogue.models import Asset, AssetKind, Video
from reelmill.catalogue.videos.searching import by_paths
from reelmill.errors import PlatformError
from reelmill.pages.components.asset_image import asset_images
from reelmill.pages.components.text import Text
from reelmill.pages.components.video_entry import video_entry
from reelmill.pages.view import View

#: Fields of results that name a file that was made.
_MADE: Final = ("path", "file")

#: Videos that are shown at most.
_SHOWN: Final = 24


@dataclass(frozen=True)
class Outcome:
    """What came of a job; equal where it looks the same."""

    markdown: str | None = None  # its result card
    result: dict[str, Any] | None = None
    videos: tuple[Video, ...] = ()  # that it made
    gifs: tuple[Asset, ...] = ()
    stills: frozenset[uuid.UUID] = frozenset()  # ids of videos of the GIFs that have a thumbnail


def read_outcome(view: View, job_id: uuid.UUID) -> Outcome:
    """Read what came of a job that is over.

    Args:
        view: of the page that shows it.
        job_id: of the job.

    Returns:
        The outcome; without videos for whoever may not look at them.

    Raises:
        PlatformError: the server's database is away.
    """
    reader = view.services.dispatcher.reader
    result = reader.result(job_id)
    paths = [*dict.fromkeys(made_paths(result))][:_SHOWN] if view.may(Permission.READ_VIDEOS) else []
    return replace(_made(paths), markdown=reader.result_card(job_id), result=result)


def made_paths(result: Any) -> Iterator[str]:
    """Paths in a result of what may be a video that was made (pure).

    Args:
        result: of a job, as JSON.

    Yields:
        Each; what it was made of, and what is in the library in any case, is not among them.
    """
    if isinstance(result, dict):
        for name, value in result.items():
            if name in _MADE and isinstance(value, str) and value != result.get("source"):
                yield value
            else:
                yield from made_paths(value)
    elif isinstance(result, list):
        for value in result:
            yield from made_paths(value)


def show_outcome(outcome: Outcome) -> None:
    """Show it; nothing, where nothing has come of the job so far."""
    if outcome.markdown is None and outcome.result is None:
        return
    with ui.element("section").classes("rm-panel").props('aria-label="Result"'):
        Text("h2", "Result")
        if outcome.markdown is not None:
            # On a phone its table is scrolled, which must go by keyboard, too.
            ui.markdown(outcome.markdown).classes("rm-result").props('tabindex="0"')
        else:
            Text("pre", json.dumps(outcome.result, indent=2), "rm-log")
        if outcome.gifs:
            asset_images(outcome.gifs, "GIFs that were made", outcome.stills)
        if outcome.videos:
            _show_videos(outcome.videos)


def _show_videos(videos: Iterable[Video]) -> None:
    with ui.element("ul").classes("rm-grid rm-grid-small").props('aria-label="Videos that were made"'):
        for video in videos:
            with ui.element("li"):
                video_entry(video)


def _made(paths: list[str]) -> Outcome:
    """Videos and GIFs of these paths that the catalogue knows to be made; that it is away hides no result."""
    if not paths:
        return Outcome()
    try:
        with session() as opened:
            videos = tuple(video for video in by_paths(opened, paths) if video.is_product)
            gifs = tuple(by_path(opened, paths, AssetKind.GIF))
            owners = [opened.get(Video, gif.video_id) for gif in gifs]
    except PlatformError:
        return Outcome()
    stills = frozenset(owner.id for owner in owners if owner is not None and owner.thumbnail_path is not None)
    return Outcome(videos=videos, gifs=gifs, stills=stills)
