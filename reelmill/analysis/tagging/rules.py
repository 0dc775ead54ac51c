"""Words that a person would use of a video at a glance, each with how sure it is and why: pure functions."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from reelmill.analysis.scoring.signals import INAUDIBLE, Flags, Signals
from reelmill.ffmpeg.reading.probe import MediaInfo

#: Shorter side of the frame from which on a video is of this class, in pixels.
_RESOLUTIONS: Final = ((2160, "4k"), (1440, "1440p"), (1080, "1080p"), (720, "720p"), (480, "480p"), (0, "small"))
#: Cuts a minute below which a video is slow, and from which on it is fast.
_SLOW, _FAST = 4.0, 20.0
#: Mean luma below which a video is dark, and from which on it is bright.
_DARK, _BRIGHT = 60.0, 170.0
#: Median colourfulness under which a video is black and white; colour film at its palest reaches twice that.
_GREY: Final = 5.0
#: How much the rim of the frame (of 0 to 1) may change in a second while the camera stands.
_STANDS: Final = 0.012
_PAUSES, _VOICING = 0.2, 0.6  # from here on a second is like speech
_NO_PAUSES, _STEADY = 0.1, 0.5  # below both it is like music
_HARDLY: Final = 0.1  # a face in fewer seconds than this may be none
#: A colour must fill this share of all frames to be named.
_DOMINANT: Final = 0.2
_SURE: Final = 0.95


@dataclass(frozen=True)
class Tag:
    """A word for a video."""

    name: str
    confidence: float  # 0 to 1
    evidence: dict[str, Any] = field(default_factory=dict)


def tags(info: MediaInfo, signals: Signals, cuts: int) -> list[Tag]:
    """Find the tags of a video by what was measured.

    Args:
        info: the file's facts.
        signals: of the whole video.
        cuts: how many there are.

    Returns:
        From the most certain on.
    """
    seen = signals.shown > 0
    found = [*_format(info), _pace(cuts, len(signals)), *_light(signals, seen), *_camera(signals, seen)]
    found += [*_faces(signals, seen), *_audio(info, signals), *_colours(signals, seen)]
    return sorted(found, key=lambda tag: (-tag.confidence, tag.name))


def _format(info: MediaInfo) -> list[Tag]:
    width, height = info.video.display_size
    resolution = next(name for least, name in _RESOLUTIONS if min(width, height) >= least)
    found = [
        Tag(info.video.orientation, 1.0, {"width": width, "height": height}),
        Tag(resolution, 1.0, {"width": width, "height": height}),
    ]
    return [*found, Tag("hdr", 1.0, {"transfer": info.video.hdr})] if info.video.hdr else found


def _pace(cuts: int, seconds: int) -> Tag:
    rate = 60 * cuts / max(1, seconds)
    evidence = {"cuts": cuts, "cuts_per_minute": round(rate, 2)}
    if rate < _SLOW:
        return Tag("slow-paced", _beyond(_SLOW - rate, _SLOW), evidence)
    if rate >= _FAST:
        return Tag("fast-paced", _beyond(rate - _FAST, _FAST), evidence)
    return Tag("medium-paced", _beyond(min(rate - _SLOW, _FAST - rate), (_FAST - _SLOW) / 2), evidence)


def _beyond(distance: float, reach: float) -> float:
    """A half at the border, all but certain from ``reach`` on."""
    return round(min(_SURE, 0.5 + 0.5 * distance / reach), 3)


def _light(signals: Signals, seen: Flags) -> list[Tag]:
    if not seen.any():
        return []
    found = []
    luma = float(signals.brightness[seen].mean())
    if luma < _DARK:
        found.append(Tag("dark", _beyond(_DARK - luma, _DARK), {"mean_luma": round(luma, 1)}))
    if luma >= _BRIGHT:
        found.append(Tag("bright", _beyond(luma - _BRIGHT, 255 - _BRIGHT), {"mean_luma": round(luma, 1)}))
    lit = seen & ~signals.black
    colour = float(np.median(signals.colourfulness[lit])) if lit.any() else None
    if colour is not None and colour < _GREY:
        found.append(Tag("black-and-white", _beyond(_GREY - colour, _GREY), {"colourfulness": round(colour, 2)}))
    return found


def _camera(signals: Signals, seen: Flags) -> list[Tag]:
    """The rim of the frame is background: it stands while the camera does, whatever moves in the middle."""
    grid = signals.looks.reshape(len(signals), 4, 4, 3)
    rim = np.ones((4, 4), bool)
    rim[1:3, 1:3] = False
    both = seen[1:] & seen[:-1]
    if not both.any():
        return []
    moved = np.abs(np.diff(grid[:, rim], axis=0)).max(axis=(1, 2))[both]
    share = float((moved < _STANDS).mean())
    return [Tag("static-camera", _share(share), {"seconds_standing": round(share, 3)})] if share >= 0.8 else []


def _faces(signals: Signals, seen: Flags) -> list[Tag]:
    if not seen.any():
        return []
    share = float((signals.faces[seen] > 0).mean())
    most = int(signals.faces.max())
    return [Tag("faces", _share(share), {"seconds_share": round(share, 3), "most": most})] if share >= _HARDLY else []


def _audio(info: MediaInfo, signals: Signals) -> list[Tag]:
    if not info.audio_tracks:
        return [Tag("no-sound", 1.0, {"audio_tracks": 0})]
    audible = signals.loudness >= INAUDIBLE
    if audible.mean() < 0.05:
        return [Tag("silence", _share(1 - float(audible.mean())), {"audible_share": round(float(audible.mean()), 3)})]
    pauses, voicing = signals.pauses[audible], signals.voicing[audible]
    speech = float(((pauses >= _PAUSES) | (voicing >= _VOICING)).mean())
    music = float(((pauses < _NO_PAUSES) & (voicing < _STEADY)).mean())
    found = []
    if speech >= 0.5:
        found.append(Tag("speech", _share(speech), {"seconds_share": round(speech, 3)}))
    if music >= 0.6:
        found.append(Tag("music", _share(music), {"seconds_share": round(music, 3)}))
    return found


def _share(share: float) -> float:
    return round(min(_SURE, share), 3)


def _colours(signals: Signals, seen: Flags) -> list[Tag]:
    cells = signals.looks[seen].reshape(-1, 3)
    if not len(cells):
        return []
    names, counts = np.unique([colour(*cell[::-1]) for cell in cells], return_counts=True)
    shares = {str(name): float(count) / len(cells) for name, count in zip(names, counts, strict=True)}
    return [
        Tag(f"colour-{name}", _share(share), {"share": round(share, 3)})
        for name, share in shares.items()
        if share >= _DOMINANT
    ]


#: Where a hue (0 to 1) ends and the next begins.
_HUES: Final = (
    (0.045, "red"), (0.11, "orange"), (0.19, "yellow"), (0.46, "green"), (0.54, "cyan"), (0.72, "blue"),
    (0.80, "purple"), (0.93, "pink"), (1.01, "red"),
)  # fmt: skip


def colour(red: float, green: float, blue: float) -> str:
    """The everyday word for a colour given by its components from 0 to 1."""
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    if value < 0.18:
        return "black"
    if saturation < 0.18:
        return "white" if value > 0.82 else "grey"
    name = next(name for end, name in _HUES if hue < end)
    return "brown" if name in ("orange", "red") and value < 0.55 and saturation < 0.8 else name
