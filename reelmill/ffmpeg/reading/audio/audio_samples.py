"""The samples of a decoded audio frame as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

#: Sample formats, without the letter of those whose channels lie apart, and what is full scale of those of integers.
_KINDS: Final = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_FULL_SCALE: Final = {"u1": 1 << 7, "i2": 1 << 15, "i4": 1 << 31, "i8": 1 << 63}

Samples = NDArray[np.float32]


def samples_of(frame: AudioFrame) -> Samples:
    """The samples of a frame.

    PyAV's own ``to_ndarray`` counts a plane too many where there are eight, and reads what is not there.

    Returns:
        One row a channel, full scale being 1.
    """
    channels = frame.layout.nb_channels
    planes: Sequence[Any] = frame.planes
    name = _KINDS[frame.format.name.removesuffix("p")]
    if frame.format.is_planar:
        found = np.stack([np.frombuffer(plane, name, frame.samples) for plane in planes[:channels]])
    else:
        found = np.frombuffer(planes[0], name, frame.samples * channels).reshape(-1, channels).T
    scale = _FULL_SCALE.get(name)
    if scale is None:
        return found.astype(np.float32, copy=False)
    zero = scale if name == "u1" else 0
    plain: Samples = (found.astype(np.float32) - np.float32(zero)) / np.float32(scale)
    return plain
