"""How many faces look at the camera, by the cascade that OpenCV ships."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from av.video.frame import VideoFrame

from reelmill.ffmpeg.reading.orientation import mirrored, rotation, upright

#: Longer side of the frame that is searched, and the smallest face found in it, in pixels: a ninth of the width.
_SIDE: Final = 320
_SMALLEST: Final = 36
#: Each size searched is this much larger than the one before.
_STEP: Final = 1.2
#: How many overlapping finds make a face; fewer finds more that is none.
_AGREEING: Final = 5
_CASCADE: Final = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt2.xml"

_local = threading.local()  # a classifier keeps notes while it searches


def faces(frame: VideoFrame) -> int:
    """How many upright faces a decoded frame shows, from the front."""
    scale = min(1.0, _SIDE / max(frame.width, frame.height))
    width, height = max(2, round(frame.width * scale)), max(2, round(frame.height * scale))
    luma = frame.to_ndarray(width=width, height=height, format="gray")
    shown = np.ascontiguousarray(upright(luma, rotation(frame), mirrored=mirrored(frame)), np.uint8)
    found = _classifier().detectMultiScale(
        cv2.equalizeHist(shown), scaleFactor=_STEP, minNeighbors=_AGREEING, minSize=(_SMALLEST, _SMALLEST)
    )
    return len(found)


def _classifier() -> cv2.CascadeClassifier:
    if not hasattr(_local, "classifier"):
        _local.classifier = cv2.CascadeClassifier(str(_CASCADE))
    classifier: cv2.CascadeClassifier = _local.classifier
    return classifier
