"""The load scenarios: which sizes, rates and codecs, at which bit rates (pure). Adding one is adding a row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from reelmill.errors import WrongParameter


@dataclass(frozen=True)
class Scenario:
    """What is encoded: frames of 16:9 at a constant rate."""

    name: str
    height: int  # pixels
    rate: int  # frames per second
    codec: str  # ``Codec.short``
    kbit: int  # what ``auto`` means for it, kbit/s

    @property
    def width(self) -> int:
        """In pixels: 16:9, and even, as 4:2:0 needs it."""
        return max(16, 2 * round(self.height * 16 / 9 / 2))


#: Bit rates: 10 to 25 Mbit/s for 4K and 4 to 10 for 1080p, H.264 high in that range and H.265 low.
#: Source of the ranges: YouTube's live encoder settings (support.google.com/youtube/answer/2853702), which begin at 10
#: (4K60), 8 (4K30), 4 (1080p60) and 3 Mbit/s (1080p30 and below) for H.265. Below 720p30 each row is the next above
#: of its codec by the rule of ``_scaled``; VP8 is taken as efficient as H.264, VP9 a third better.
SCENARIOS: Final[tuple[Scenario, ...]] = (
    Scenario("4k60-h264", 2160, 60, "h264", 25_000),
    Scenario("4k30-h264", 2160, 30, "h264", 16_000),
    Scenario("1080p60-h264", 1080, 60, "h264", 10_000),
    Scenario("1080p30-h264", 1080, 30, "h264", 6_000),
    Scenario("720p60-h264", 720, 60, "h264", 5_000),
    Scenario("720p30-h264", 720, 30, "h264", 3_000),
    Scenario("480p30-h264", 480, 30, "h264", 1_600),
    Scenario("4k60-h265", 2160, 60, "h265", 14_000),
    Scenario("1080p60-h265", 1080, 60, "h265", 5_000),
    Scenario("720p30-vp9", 720, 30, "vp9", 2_000),
    Scenario("480p30-vp9", 480, 30, "vp9", 1_100),
    Scenario("360p30-vp9", 360, 30, "vp9", 700),
    Scenario("720p60-vp8", 720, 60, "vp8", 5_000),
    Scenario("480p60-vp8", 480, 60, "vp8", 2_700),
)

#: The codecs a load may be in.
LOAD_CODECS: Final = tuple(dict.fromkeys(row.codec for row in SCENARIOS))

#: Bounds of a size and a rate of one's own, and of a bit rate in kbit/s.
HEIGHTS: Final = (16, 4320)
RATES: Final = (1, 240)
KBITS: Final = (16, 400_000)

_OWN: Final = re.compile(rf"(4k|[0-9]{{1,5}}p)([0-9]{{1,4}})-({'|'.join(LOAD_CODECS)})")
_BITRATE: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([km])", re.IGNORECASE)
_AUTO: Final = "auto"


def scenario_named(name: str) -> Scenario:
    """The scenario of a name: one of the table, or any ``<height>p<rate>-<codec>``; capitals do not matter.

    Returns:
        A row of the table, or one of its own.

    Raises:
        WrongParameter: it is neither, or out of bounds.
    """
    wanted = name.strip().lower()
    for listed in SCENARIOS:
        if listed.name == wanted:
            return listed
    parsed = _OWN.fullmatch(wanted)
    if parsed is None:
        known = ", ".join(listed.name for listed in SCENARIOS)
        reason = f"{name!r} is no load scenario; use one of {known}, or <height>p<rate>-<codec>."
        raise WrongParameter(reason, "scenario", name)
    size, rate, codec = parsed.groups()
    height = 2160 if size == "4k" else int(size[:-1])
    if not HEIGHTS[0] <= height <= HEIGHTS[1] or height % 2:
        reason = f"{name!r} is {height} pixels high; use an even number from {HEIGHTS[0]} to {HEIGHTS[1]}."
        raise WrongParameter(reason, "scenario", name)
    if not RATES[0] <= int(rate) <= RATES[1]:
        reason = f"{name!r} shows {rate} frames a second; use {RATES[0]} to {RATES[1]}."
        raise WrongParameter(reason, "scenario", name)
    return _scaled(wanted, height, int(rate), codec)


def _scaled(name: str, height: int, rate: int, codec: str) -> Scenario:
    """A scenario that is in no row, its bit rate taken from the row of its codec that is nearest in pixels a second.

    ``kbit = row.kbit * (pixels / row.pixels) ** 0.75``: twice the pixels need less than twice the bits, since each
    adds less. Source: B. Waggoner, "Compression for Great Video and Audio", the power of 0.75.

    Returns:
        The scenario, within the bounds of ``KBITS``.
    """
    asked = Scenario(name, height, rate, codec, 0)
    rows = [row for row in SCENARIOS if row.codec == codec]
    nearest = min(rows, key=lambda row: abs(_pixels(row) - _pixels(asked)))
    kbit = round(nearest.kbit * (_pixels(asked) / _pixels(nearest)) ** 0.75)
    return Scenario(name, height, rate, codec, min(KBITS[1], max(KBITS[0], kbit)))


def _pixels(scenario: Scenario) -> int:
    return scenario.width * scenario.height * scenario.rate


def bitrate(scenario: Scenario, written: str) -> int:
    """The bit rate a person wrote, in kbit/s: ``auto`` for the table's own, or like ``6M``, ``2.5M``, ``800k``.

    Returns:
        kbit/s.

    Raises:
        WrongParameter: it is not one, or out of bounds.
    """
    if written.strip().lower() == _AUTO:
        return scenario.kbit
    parsed = _BITRATE.fullmatch(written.strip())
    if parsed is None:
        reason = f"{written!r} is not a bit rate; write auto, or a number with k or M such as 800k or 6M."
        raise WrongParameter(reason, "bitrate", written)
    number, unit = parsed.groups()
    kbit = round(float(number) * (1000 if unit.lower() == "m" else 1))
    if not KBITS[0] <= kbit <= KBITS[1]:
        reason = f"The bit rate {written} is out of bounds; use {KBITS[0]}k to {KBITS[1] // 1000}M."
        raise WrongParameter(reason, "bitrate", written)
    return kbit
