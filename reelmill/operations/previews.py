"""Small JPEGs for a person's eyes, as bytes; what a run's page shows."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from reelmill.errors import NotAVideo
from reelmill.ffmpeg.probe import main_video, open_media

#: Longer side of a preview in pixels; at quality 75 that stays under 60 kB.
SIDE: Final = 480
_QUALITY: Final = 75


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """A BGR picture, shrunk to ``SIDE``, as JPEG."""
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    _, jpeg = cv2.imencode(
        ".jpg", cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    )
    return jpeg.tobytes()


def of_picture(path: Path) -> bytes:
    """A preview of a picture file.

    Raises:
        NotAVideo: it is no picture.
    """
    pixels = cv2.imread(str(path))
    if pixels is None:
        raise NotAVideo(f"{path.name} is not a picture.")
    return encode(np.asarray(pixels, np.uint8))


def of_video(path: Path, at: float) -> bytes:
    """A preview of one of our own videos (square pixels, upright): the keyframe nearest before ``at`` seconds.

    Raises:
        NotAVideo: no picture decodes.
    """
    with open_media(path) as container:
        found = main_video(container)
        if found is not None:
            stream = found[1]
            container.seek(round(at * av.time_base), backward=True)
            for picture in container.decode(stream):
                return encode(np.asarray(picture.to_ndarray(format="bgr24"), np.uint8))
    raise NotAVideo(f"{path.name} holds no picture that decodes.")
