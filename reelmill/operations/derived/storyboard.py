"""Storyboard: sheets of small frames of a whole video, and the WebVTT by which a player finds each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

import cv2
import numpy as np
from av.video.frame import VideoFrame
from pydantic import BaseModel, ConfigDict

from reelmill.analysis.frames.seek_reader import KeyframeReader, SeekingReader, keyframes
from reelmill.analysis.frames.tiles import Pixels, draw
from reelmill.analysis.storyboard_layout import SHEET, Cue, Tile, place_of, plan, tile_size, webvtt
from reelmill.catalogue.models import AssetKind, Video
from reelmill.errors import NotAVideo
from reelmill.ffmpeg.reading.probe import MediaInfo, VideoTrack
from reelmill.ffmpeg.verify import ImageSource, require_shown, shown_box
from reelmill.operations.context import Workbench
from reelmill.operations.derived import asset_rows
from reelmill.operations.derived.asset_rows import Role
from reelmill.operations.derived.image_names import image_name
from reelmill.operations.derived.scene_images import read_back
from reelmill.operations.publishing.file_placing import place_file
from reelmill.operations.publishing.preflight import Destination, require_place
from reelmill.operations.publishing.workspace import workspace
from reelmill.operations.recipe import SourceContent, recipe
from reelmill.storage.media_root import THUMBNAILS
from reelmill.troubles import Flaw
from reelmill.wording import plural

#: Which way of making them; part of the recipe.
VERSION: Final = "keyframes-1"
_QUALITY: Final = 80  # of the JPEG, 0 to 100
#: Seconds planned for after the last frame known of; a container may promise years, the last tile stands for those.
_TAIL: Final = 20
_NOTE: Final = "NOTE "


class StoryboardResult(BaseModel):
    """What was made, or found; all but the path is also kept in the WebVTT, as its note."""

    model_config = ConfigDict(frozen=True)

    path: str  # of the WebVTT, relative to the media root
    sheets: tuple[str, ...]  # likewise
    interval: float  # seconds a tile stands for; the last may stand for less
    tile_width: int
    tile_height: int
    tiles: int
    missing: int  # moments of which nothing decodes; the tile before stands for them
    #: Seconds between each tile's frame and the moment it stands for: 0 where it was decoded exactly, at most half
    #: an interval where a keyframe serves.
    off: tuple[float, ...]
    most_off: float


def make_storyboard(
    bench: Workbench, video: Video, source: Path, info: MediaInfo, content: SourceContent
) -> StoryboardResult:
    """Make the sheets and the WebVTT under ``thumbnails/``, or find them made.

    Args:
        bench: what to work with.
        video: the record.
        source: its file, or a mended copy of that.
        info: the file's facts.
        content: what is read.

    Returns:
        What was made or found.

    Raises:
        InputError: no frame decodes.
        CapabilityError, OutputRejected, DiskFull, ChangedMeanwhile: nothing was published.
    """
    key = recipe("storyboard", [content], version=VERSION)
    path = f"{image_name(bench, video, content, key, THUMBNAILS, '.vtt')}.vtt"
    with workspace(bench.root, key, bench.report) as folder:
        made = _existing(bench, path)
        if made is None:
            require_place(bench.root, folder, Destination(path))
            made = _write_files(bench, source, info, folder, PurePosixPath(path))
            for relative in (*made.sheets, made.path):  # the WebVTT last: where it is, the sheets are
                place_file(bench.root, key, folder / Path(relative).name, relative)
    roles = {sheet: Role(AssetKind.SHEET, number) for number, sheet in enumerate(made.sheets, 1)}
    rows = asset_rows.rows(bench, video, content, key, roles | {made.path: Role(AssetKind.STORYBOARD)})
    asset_rows.record(video, rows)
    bench.report.line(f"output: {made.path}, {plural(made.tiles, 'tile')} on {plural(len(made.sheets), 'sheet')}")
    return made


def _existing(bench: Workbench, path: str) -> StoryboardResult | None:
    try:
        note = (bench.root.path / path).read_text().split("\n\n")[1]
        made = StoryboardResult.model_validate_json(note.removeprefix(_NOTE))
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return made if all((bench.root.path / sheet).is_file() for sheet in made.sheets) else None


class _TileImage(NamedTuple):
    """A drawn tile, and how many seconds from the moment it stands for."""

    pixels: Pixels
    source: ImageSource
    off: Fraction


Pen = Callable[[VideoFrame, Fraction], tuple[Pixels, ImageSource]]


class _Sheets:
    """Collects tiles and writes each sheet as it fills."""

    def __init__(self, folder: Path, name: str, size: tuple[int, int]):
        self._folder, self._name, self._size = folder, name, size
        self._waiting: list[_TileImage] = []
        self._places: list[tuple[Tile, str, tuple[int, int, int, int]]] = []
        self.names: list[str] = []
        self.off: list[Fraction] = []

    def add(self, tile: Tile, image: _TileImage) -> None:
        """One more tile."""
        if not self._waiting:
            self.names.append(f"{self._name}-{len(self.names) + 1}.jpg")
        self._places.append((tile, self.names[-1], place_of(len(self._waiting), self._size)))
        self._waiting.append(image)
        self.off.append(image.off)
        if len(self._waiting) == SHEET:
            self.write()

    def write(self) -> None:
        """Write the sheet begun, if one is; no larger than its tiles.

        Raises:
            OutputRejected: the finished sheet does not decode, or one of its tiles shows anything but its frame.
        """
        if not self._waiting:
            return
        boxes = [place_of(number, self._size) for number in range(len(self._waiting))]
        height, width = max(y + h for _, y, _, h in boxes), max(x + w for x, _, w, _ in boxes)
        sheet = np.zeros((height, width, 3), np.uint8)
        for (x, y, w, h), image in zip(boxes, self._waiting, strict=True):
            sheet[y : y + h, x : x + w] = image.pixels
        target = self._folder / self.names[-1]
        _, jpeg = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        target.write_bytes(jpeg.tobytes())
        read = read_back(target)
        shown = [read[y : y + h, x : x + w] for x, y, w, h in boxes]
        require_shown(f"The sheet {target.name}", list(zip(shown, (one.source for one in self._waiting), strict=True)))
        self._waiting = []

    def cues(self, duration: Fraction) -> list[Cue]:
        """One a tile, from 0 to ``duration`` seconds without a gap: a tile stands in for missing ones after it."""
        starts = [Fraction(0), *(tile.start for tile, _, _ in self._places[1:]), duration]
        return [
            Cue(start, end, sheet, box)
            for (start, end), (_, sheet, box) in zip(pairwise(starts), self._places, strict=True)
        ]


def _write_files(
    bench: Workbench, source: Path, info: MediaInfo, folder: Path, path: PurePosixPath
) -> StoryboardResult:
    size = tile_size(*info.video.display_size)
    entries = keyframes(source)
    promised = max(info.duration or info.video.duration or entries.last, Fraction(1, 1000))
    duration = min(promised, entries.last + _TAIL)
    tiles = plan(duration, entries.times)
    sheets = _Sheets(folder, path.stem, size)
    pen = partial(_drawn, track=info.video, size=size)
    for tile, image in _tile_images(source, tiles, entries.times, pen):
        bench.report.progress(float(tile.end / duration), "storyboard")
        if image is not None:
            sheets.add(tile, image)
    sheets.write()
    if not sheets.names:
        raise NotAVideo(f"{source.name} holds no frame that decodes.", source, Flaw.NO_FRAMES)
    off = tuple(round(float(seconds), 3) for seconds in sheets.off)
    result = StoryboardResult(
        path=str(path),
        sheets=tuple(str(path.with_name(sheet)) for sheet in sheets.names),
        interval=float(tiles[0].end - tiles[0].start),
        tile_width=size[0],
        tile_height=size[1],
        tiles=len(off),
        missing=len(tiles) - len(off),
        off=off,
        most_off=max(off),
    )
    target = folder / path.name
    target.write_text(webvtt(sheets.cues(promised), result.model_dump_json()))
    return result


def _tile_images(
    source: Path, tiles: Sequence[Tile], entries: Sequence[Fraction], pen: Pen
) -> Iterator[tuple[Tile, _TileImage | None]]:
    """Each tile with its image; keyframes of a sheet side by side, one a core, the rest by one decoder after them."""
    cores = os.cpu_count() or 1
    with ExitStack() as stack:
        readers = [stack.enter_context(KeyframeReader(source)) for _ in range(cores)]
        reader = stack.enter_context(SeekingReader(source, entries))
        pool = stack.enter_context(ThreadPoolExecutor(cores))
        for first in range(0, len(tiles), SHEET):
            of_sheet = tiles[first : first + SHEET]
            shares = [of_sheet[number::cores] for number in range(cores)]
            found: dict[Tile, _TileImage] = {}
            for share in pool.map(_at_keyframes, readers, shares, [pen] * cores):
                found |= share
            for tile in of_sheet:
                if tile in found:
                    reader.note_decodable(tile.start)
                yield tile, found.get(tile) or _exact(reader, tile, pen)


def _at_keyframes(reader: KeyframeReader, tiles: Sequence[Tile], pen: Pen) -> dict[Tile, _TileImage]:
    found = {}
    for tile in tiles:
        still = None if tile.keyframe is None else reader.at(tile.keyframe, tile.end)
        if still is not None:  # drawn at once: a hundred decoded frames of 4K would fill a gigabyte
            found[tile] = _TileImage(*pen(still.frame, still.time), abs(still.time - tile.middle))
    return found


def _exact(reader: SeekingReader, tile: Tile, pen: Pen) -> _TileImage | None:
    still = reader.at(tile.middle)
    if still is None:
        return None
    early = max(Fraction(0), still.time - tile.middle)  # by how much the very first frame comes too late
    return None if early > tile.end - tile.start else _TileImage(*pen(still.frame, still.time), early)


def _drawn(frame: VideoFrame, at: Fraction, *, track: VideoTrack, size: tuple[int, int]) -> tuple[Pixels, ImageSource]:
    """A frame as a tile, and what that must show."""
    source = ImageSource.of(frame, float(at), shown_box(track), mapped=track.hdr is not None)
    return draw(frame, track, size), source
