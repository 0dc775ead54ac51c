"""Images of a video's scenes, proven: what is read back of each file shows the frames that it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from reelmill.errors import OutputRejected
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.verify import ImageSource, require_shown
from reelmill.operations.derived import previews

_QUALITY: Final = 80  # of the JPEG of a contact sheet, 0 to 100
_COLUMNS: Final = 8


def write_image(path: Path, at: float, target: Path) -> None:
    """Write a JPEG of the frame on show at ``at`` seconds.

    Raises:
        NotAVideo: no frame decodes.
        OutputRejected: what was written does not show it.
    """
    shown = previews.frame_on_show(path, at)
    target.write_bytes(previews.encode(shown.pixels))
    require_shown(_named(path), [(read_back(target), shown.source)])


def write_sheet(path: Path, times: Sequence[float], target: Path) -> None:
    """Write a contact sheet, a JPEG with a frame for each of these seconds, eight a row.

    Raises:
        NotAVideo: no frame decodes.
        OutputRejected: what was written does not show one of them.
    """
    tiles, sources = list[NDArray[np.uint8]](), list[ImageSource]()
    for at in times:
        shown = previews.frame_on_show(path, at)
        tiles.append(previews.tile(shown.pixels, at))
        sources.append(shown.source)
    _, jpeg = cv2.imencode(".jpg", previews.rows(tiles, _COLUMNS), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    target.write_bytes(jpeg.tobytes())
    read, widest = read_back(target), max(tile.shape[1] for tile in tiles)
    cells = []
    for number, (tile, source) in enumerate(zip(tiles, sources, strict=True)):
        height, width = tile.shape[:2]
        top, left = number // _COLUMNS * height, number % _COLUMNS * widest
        cells.append((read[top : top + height, left : left + width], source))
    require_shown(_named(path), cells, previews.WRITTEN)


def read_back(image: Path) -> NDArray[np.uint8]:
    """Decode a finished image.

    Returns:
        Blue, green and red, shape (height, width, 3).

    Raises:
        OutputRejected: it does not decode.
    """
    pixels = cv2.imread(str(image))
    if pixels is None:
        raise OutputRejected(f"The finished image {image.name} does not decode.", (Finding(FindingKind.NO_FRAMES),))
    return np.asarray(pixels, np.uint8)


def _named(path: Path) -> str:
    return f"An image of the scenes of {path.name}"
