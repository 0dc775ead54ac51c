"""What a file shows, as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reelmill.ffmpeg.reading.probe import main_video, open_media


def pictures(path: Path) -> NDArray[np.float64]:
    """The grey of every picture of the main track: (pictures, height, width), 0 to 255."""
    with open_media(path) as container:
        found = main_video(container)
        assert found is not None
        return np.array([frame.to_ndarray(format="gray").astype(float) for frame in container.decode(found[1])])
