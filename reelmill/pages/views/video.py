"""One video at its own address: played, with its scenes, its facts, what was made of it, and what may be done."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from nicegui import ui

from reelmill.api.access.roles import Permission
from reelmill.api.routes.video_views import fitting_tags, read_scenes
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import ProductSource, Video
from reelmill.catalogue.videos.searching import get_video
from reelmill.catalogue.videos.video_details import VideoDetails, read_details
from reelmill.dispatch import JobFilter
from reelmill.errors import UnknownVideo
from reelmill.pages import theme
from reelmill.pages.address import address
from reelmill.pages.components.asset_image import asset_images, shown_assets
from reelmill.pages.components.badge import status_badge
from reelmill.pages.components.states import empty_state
from reelmill.pages.components.text import Text
from reelmill.pages.components.video_entry import video_entry
from reelmill.pages.components.video_player import VideoPlayer
from reelmill.pages.library_query import LIBRARY
from reelmill.pages.registry import page
from reelmill.pages.video_actions import actions_menu
from reelmill.pages.view import View
from reelmill.pages.watch import Reading
from reelmill.queue.job import Job
from reelmill.storage.media_root import PLAYBACK
from reelmill.wording import clock, in_bytes, in_saving

#: Jobs of the video that are shown; the rest are on the page of jobs.
_JOBS: Final = 8
#: Images of the video that are shown.
_IMAGES: Final = 48
#: Segments of one source that are named.
_SEGMENTS: Final = 12
#: Containers as people know them, by what a probe calls them; others go by that.
_CONTAINERS: Final = {
    "asf": "Windows Media",
    "matroska,webm": "Matroska or WebM",
    "mov,mp4,m4a,3gp,3g2,mj2": "MP4 or QuickTime",
    "mpeg": "MPEG program stream",
    "mpegts": "MPEG transport stream",
}


@dataclass(frozen=True)
class VideoFacts:
    """What is known of a video."""

    details: VideoDetails
    scenes: tuple[tuple[float, float], ...]

    @property
    def copy(self) -> Video | None:
        """The copy that every browser plays."""
        copies = (one for one in self.details.products if one.directory_type == PLAYBACK and one.missing_since is None)
        return next(copies, None)


@page(f"{LIBRARY}/{{video_id}}", "Video", permission=Permission.READ_VIDEOS, section=LIBRARY)
async def video(view: View, video_id: str) -> None:
    """Build the page."""
    ui.add_head_html(f'<link rel="stylesheet" href="{theme.asset("library.css")}">')
    with ui.element("nav").props('aria-label="Where this is"'):
        ui.link("Library", LIBRARY)
    try:
        known = await asyncio.to_thread(_read, video_id)
    except UnknownVideo:
        Text("h1", "No such video")
        empty_state("There is no video of this id.", "A scan may have removed it.", action=("All videos", LIBRARY))
        return
    record = known.details.video
    ui.page_title(f"{record.title} – Reelmill")
    with ui.element("div").classes("rm-head"):
        with ui.element("div").classes("rm-title"):
            Text("h1", record.title)
            Text("p", record.path, "rm-quiet rm-path")
        if view.may(Permission.CREATE_JOBS):
            actions_menu(view, record)
    _show_faults(record)
    with ui.element("div").classes("rm-video"):
        with ui.element("div").classes("rm-video-main"):
            _show_player(view, known)
            _show_products(known)
            _show_images(known)
        with ui.element("div").classes("rm-video-side"):
            _show_facts(known)
            _show_tags(known.details)
            if view.may(Permission.MANAGE_JOBS):
                await _show_jobs(view, record)


def id_in_address(text: str) -> uuid.UUID:
    """The id of a video in an address, which somebody may have typed.

    Args:
        text: that stands there.

    Returns:
        The id.

    Raises:
        UnknownVideo: it is none.
    """
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise UnknownVideo(f"{text} is no id of a video.", text) from error


def _read(video_id: str) -> VideoFacts:
    with session() as opened:
        record = get_video(opened, id_in_address(video_id))
        found = read_scenes(opened, record)
        scenes = () if found is None else found.data
        return VideoFacts(read_details(opened, record), tuple((scene.start, scene.end) for scene in scenes))


def _show_faults(record: Video) -> None:
    """What is wrong with the video."""
    wrong = []
    if record.missing_since is not None:
        wrong.append("The last scan did not find the file; put it back and scan again.")
    if not record.is_valid:
        wrong.append(f"It is not a valid video: {record.validation_error or 'not known why'}")
    for sentence in wrong:
        with ui.element("p").classes("rm-notice").props('role="note"'):
            ui.icon("error").props('aria-hidden="true"')
            Text("span", sentence)


def _show_player(view: View, known: VideoFacts) -> None:
    """The player: of the copy that every browser plays where there is one, unless the address wants the source."""
    record, copy = known.details.video, known.copy
    plays_copy = copy is not None and view.choice("play") != "source"
    played = copy if copy is not None and plays_copy else record
    if played.missing_since is not None:
        return
    remedy = "Actions, Re-encode for Streaming makes a copy that plays." if copy is None else "Its web copy plays."
    with ui.element("section").classes("rm-panel").props('aria-label="Player"'):
        VideoPlayer(
            played.id,
            record.title,
            known.scenes,
            record.duration,
            poster=played.thumbnail_path is not None,
            remedy=remedy,
        )
        if not known.scenes and view.may(Permission.CREATE_JOBS):
            Text("p", "No scenes of it were found yet: the job scene_extract finds them.", "rm-quiet rm-small")
        if copy is not None:
            here = f"{LIBRARY}/{record.id}"
            with ui.element("div").classes("rm-row rm-wrap"):
                Text("span", f"Plays {'its web copy' if plays_copy else 'the source itself'}.", "rm-quiet")
                other = address(here, {"play": "source"}) if plays_copy else here
                ui.link(f"Play {'the source itself' if plays_copy else 'its web copy'}", other)


def _show_facts(known: VideoFacts) -> None:
    with ui.element("section").classes("rm-panel").props('aria-label="Facts"'):
        Text("h2", "Facts")
        with ui.element("dl").classes("rm-facts"):
            for name, value in facts(known.details.video):
                Text("dt", name)
                Text("dd", value)
    _show_sources(known.details)


def _show_sources(details: VideoDetails) -> None:
    """What the video was made of: each source once, with what was taken of it."""
    taken: dict[str, list[ProductSource]] = {}
    for row, _ in details.sources:
        taken.setdefault(row.source_path, []).append(row)
    if not taken:
        return
    known = {row.source_path: source for row, source in details.sources}
    with ui.element("section").classes("rm-panel").props('aria-label="Made of"'):
        Text("h2", "Made of")
        with ui.element("ul").classes("rm-sources"):
            for path, rows in taken.items():
                _show_source(path, known[path], rows)


def _show_source(path: str, source: Video | None, rows: Sequence[ProductSource]) -> None:
    with ui.element("li"):
        if source is None:
            Text("span", path, "rm-path")
        else:
            ui.link(source.title, f"{LIBRARY}/{source.id}")
        Text("p", segments_line(rows), "rm-quiet rm-small")


def segments_line(rows: Sequence[ProductSource]) -> str:
    """What a product takes of one source, for people (pure)."""
    cells = [f"cell {row.cell + 1}" for row in rows if row.cell is not None]
    times = [f"{clock(row.source_start or 0)}–{clock(row.source_end)}" for row in rows if row.source_end is not None]
    more = len(times) - _SEGMENTS
    return ", ".join([*cells, *times[:_SEGMENTS], *([f"{more} more"] if more > 0 else ())]) or "all of it"


def facts(record: Video) -> Iterable[tuple[str, str]]:
    """What is known of a video's file, by name (pure)."""
    if record.duration is not None:
        yield "Duration", clock(record.duration)
    yield "Size", in_bytes(record.size)
    if record.width is not None and record.height is not None:
        yield "Frame", f"{record.width} × {record.height}{f', turned {record.rotation}°' if record.rotation else ''}"
    rate = "" if record.frame_rate is None else f", {float(record.frame_rate):.4g} fps"
    if record.video_codec is not None:
        yield "Video", f"{record.video_codec}{rate}"
    if record.audio_tracks is not None:
        more = f", {record.audio_tracks} tracks" if record.audio_tracks > 1 else ""
        yield "Audio", f"{record.audio_codec}{more}" if record.audio_tracks else "none"
    if record.subtitle_tracks:
        yield "Subtitles", f"{record.subtitle_tracks}"
    if record.bit_rate is not None:
        yield "Bit rate", f"{record.bit_rate / 1000:,.0f} kbit/s"
    if record.container is not None:
        yield "Container", _CONTAINERS.get(record.container, record.container)
    yield "Valid", "yes" if record.is_valid else "no"
    yield "Known since", f"{record.created_at:%Y-%m-%d %H:%M} UTC"


def _show_tags(details: VideoDetails) -> None:
    with ui.element("section").classes("rm-panel").props('aria-label="Tags"'):
        Text("h2", "Tags")
        tags = fitting_tags(details.tags)
        if not tags:
            Text("p", "None yet: the job tag_generation finds some.", "rm-quiet")
            return
        with ui.element("ul").classes("rm-tags"):
            for tag in tags:
                with ui.element("li"):
                    link = ui.link(tag.name, address(LIBRARY, {"search": tag.name})).classes("rm-tag")
                    link.props["title"] = "given by a person" if tag.by_person else f"{tag.confidence:.0%} sure"


def _show_products(known: VideoFacts) -> None:
    products = known.details.products
    if not products:
        return
    source = known.details.video
    with ui.element("section").props('aria-label="Made of it"').classes("rm-panel"):
        Text("h2", "Made of it")
        with ui.element("ul").classes("rm-grid rm-grid-small"):
            for product in products:
                _show_product(source, product)


def _show_images(known: VideoFacts) -> None:
    record, images = known.details.video, shown_assets(known.details.assets)
    if not images:
        return
    with ui.element("section").props('aria-label="Images of it"').classes("rm-panel"):
        Text("h2", "Images of it")
        asset_images(images[:_IMAGES], "Images", [record.id] if record.thumbnail_path is not None else [])
        if len(images) > _IMAGES:
            Text("p", f"{len(images) - _IMAGES:,} more are among its assets in the REST API.", "rm-quiet rm-small")


def _show_product(source: Video, product: Video) -> None:
    with ui.element("li"):
        video_entry(product)
        if product.directory_type == PLAYBACK:
            ui.link("Compare", f"{LIBRARY}/{product.id}/compare")
            Text("p", copy_line(source, product), "rm-small rm-saving")


def copy_line(source: Video, copy: Video) -> str:
    """What a copy saves, and how close it looks where that was measured (pure)."""
    vmaf = "" if copy.vmaf is None else f" · VMAF {copy.vmaf:.0f}"
    before = source.size if copy.source_size is None else copy.source_size
    return f"Saves {in_saving(before, copy.size)}{vmaf}"


async def _show_jobs(view: View, record: Video) -> None:
    reader = view.services.dispatcher.reader

    def read() -> tuple[Job, ...]:
        return tuple(reader.page(JobFilter(video_id=record.id), size=_JOBS).jobs)

    with ui.element("section").classes("rm-panel").props('aria-label="Jobs"'):
        Text("h2", "Jobs")
        section = await view.section(read, _show_job_list)

    async def refresh(reading: Reading) -> None:
        if reading.changes is not None:
            await section.refresh()

    view.on_change(refresh)


def _show_job_list(jobs: tuple[Job, ...]) -> None:
    if not jobs:
        Text("p", "None yet: Actions hands the first in.", "rm-quiet")
        return
    with ui.element("ul").classes("rm-video-jobs"):
        for job in jobs:
            with ui.element("li").classes("rm-between"):
                ui.link(job.type, f"/jobs/{job.public_id}").classes("rm-ellipsis")
                status_badge(job.status)
