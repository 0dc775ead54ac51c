"""What a filter over videos may name: columns, products, tags and flags, each with its units (pure).

``docs/USING.md`` shows the same as a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Final

from reelmill.storage.media_root import CLIPS, DIGESTS, HIGHLIGHTS, PLAYBACK


class Kind(Enum):
    """What a field holds, which decides what may stand after it."""

    TEXT = "text"
    QUANTITY = "a number"
    TIME = "a time"
    TAG = "tags"
    PRODUCT = "a product"


#: What players show over their timeline.
STORYBOARD: Final = "storyboard"

#: What a web copy is smaller than its source.
SAVED: Final = "saved"

_BYTES: Final = {name: Decimal(1000) ** power for power, name in enumerate(("B", "kB", "MB", "GB", "TB"))}
_SECONDS: Final = {"s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_PIXELS: Final = {"px": Decimal(1)}
_BIT_RATE: Final = {"bit/s": Decimal(1), "kbit/s": Decimal(1000), "Mbit/s": Decimal(1_000_000)}


@dataclass(frozen=True)
class Field:
    """Something of a video that a filter may name."""

    name: str
    kind: Kind
    column: str = ""  # of the video's record, or what follows from its columns; empty: it stands elsewhere
    units: Mapping[str, Decimal] = field(default_factory=dict, hash=False)  # the first is meant where none is given
    folder: str = ""  # the directory type of a product that is a video itself


def _columns() -> list[Field]:
    texts = ("path", "title", "filename", "directory_type", "container", "video_codec", "audio_codec", "orientation")
    return [
        *(Field(name, Kind.TEXT, name) for name in (*texts, "validation_error")),
        Field("size", Kind.QUANTITY, "size", _BYTES),
        Field("duration", Kind.QUANTITY, "duration", _SECONDS),
        Field("width", Kind.QUANTITY, "width", _PIXELS),
        Field("height", Kind.QUANTITY, "height", _PIXELS),
        Field("bit_rate", Kind.QUANTITY, "bit_rate", _BIT_RATE),
        *(Field(name, Kind.QUANTITY, name) for name in ("rotation", "audio_tracks", "subtitle_tracks")),
        Field(SAVED, Kind.QUANTITY, SAVED, _BYTES),
        Field("vmaf", Kind.QUANTITY, "vmaf"),
        Field("created", Kind.TIME, "created_at"),
        Field("updated", Kind.TIME, "updated_at"),
        Field("thumbnail", Kind.PRODUCT, "thumbnail_path"),
        Field(STORYBOARD, Kind.PRODUCT),
        Field("perceptual_hash", Kind.PRODUCT),
        Field("copy", Kind.PRODUCT, folder=PLAYBACK),
        Field("digest", Kind.PRODUCT, folder=DIGESTS),
        Field("clip", Kind.PRODUCT, folder=CLIPS),
        Field("highlights", Kind.PRODUCT, folder=HIGHLIGHTS),
        Field("tag", Kind.TAG),
    ]


FIELDS: Final[Mapping[str, Field]] = {known.name: known for known in _columns()}

#: What stands alone and is true or false of a video.
INVALID: Final = "invalid"
MISSING: Final = "missing"
MADE: Final = "made"
FLAGS: Final = (INVALID, MISSING, MADE)

#: What compares, by kind; each but MISSING, which any field takes.
COMPARISONS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.TEXT: ("=", "!=", "~", "!~", "contains"),
    Kind.QUANTITY: ("=", "!=", "<", "<=", ">", ">="),
    Kind.TIME: ("after", "before"),
    Kind.TAG: ("=", "!=", "~", "!~", "contains"),
    Kind.PRODUCT: (),
}
