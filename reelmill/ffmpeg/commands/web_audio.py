"""The audio of a web copy: each track in one or two channels that every browser plays, and in 5.1 besides where asked.

Filters are options of the output rather than a graph, so that languages and dispositions go with the tracks.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from av.audio.layout import AudioLayout

from reelmill.ffmpeg.commands.filters import AAC, CEILING, seconds, without_holes
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.reading.tracks import AudioTrack, by_position

#: AAC of 5.1. Source: Apple, HLS authoring specification, 2.6, and what films are sold with.
SURROUND_RATE: Final = "384k"
#: Samples a second at most: browsers resample what is more, and some refuse it.
_MOST_RATE: Final = 48_000
_STEREO: Final = ("FL", "FR")
_SURROUND: Final = ("FL", "FR", "FC", "LFE", "BL", "BR")
#: -3 dB, by which what comes from the middle or from around goes into left and right (ITU-R BS.775, annex 4): as loud
#: in both together as it was alone, so that a dialogue is not lost.
_MINUS_3: Final = 0.7071
_UNKNOWN: Final = "NONE"
#: On which side those are whose names end otherwise.
_SIDES: Final = {"FLC": "L", "FRC": "R"}
#: A track begins within this of the file, in seconds.
_ASIDE: Final = Fraction(1, 10_000)


def surround_tracks(info: MediaInfo, encoding: Encoding) -> tuple[AudioTrack, ...]:
    """The audio tracks of a video of which its copy has one in 5.1, too: those that are that, or more."""
    return tuple(track for track in info.audio if len(_channels(track)) >= len(_SURROUND)) if encoding.surround else ()


def web_audio(media: Any, info: MediaInfo, encoding: Encoding) -> tuple[list[Any], dict[str, Any]]:
    """Every audio track that decodes, in one or two channels; then those of 5.1.

    Args:
        media: the video as an input of ffmpeg-python, read from its beginning.
        info: its facts.
        encoding: how its copy is encoded.

    Returns:
        The streams in the order in which they are written, and the options of the output.
    """
    around = surround_tracks(info, encoding)
    wanted = [(track, _STEREO) for track in info.audio] + [(track, _SURROUND) for track in around]
    options: dict[str, Any] = dict(AAC) if wanted else {}
    for number, (track, channels) in enumerate(wanted):
        options[f"filter:a:{number}"] = ",".join(audio_filters(track, channels))
        if channels is _SURROUND:
            options |= {f"b:a:{number}": SURROUND_RATE, f"disposition:a:{number}": 0}
    return [media[f"a:{track.index}"] for track, _ in wanted], options


def audio_filters(track: AudioTrack, channels: Sequence[str] = _STEREO, *, whole: bool = True) -> list[str]:
    """What a track goes through before it is encoded.

    Args:
        track: of the source.
        channels: into which more of them are mixed.
        whole: whether it is read from its beginning.

    Returns:
        Filters as ffmpeg takes them.
    """
    found, mixed = [], len(_channels(track)) > len(channels)
    if not mixed and (taken := by_position(track.layout)) is not None:
        layout, count = taken
        found.append(f"channelmap=map={'|'.join(map(str, range(count)))}:channel_layout={layout}")
    if whole and track.untimed and track.start is not None and track.start > _ASIDE:
        # A decoder gives something before the track's own first time: ffmpeg would put that at the file's beginning.
        found.append(f"atrim=start={seconds(track.start - _ASIDE)}")
    if mixed:
        # Some audio changes its channels on the way; by then the mix is made for these.
        layout = "" if by_position(track.layout) or _UNKNOWN in track.channels else f":channel_layouts={track.layout}"
        found += [f"aformat=sample_fmts=fltp{layout}", _pan(_channels(track), channels)]
        found.append(f"alimiter=limit={CEILING}:level=0:latency=1")
    rate = f"{_MOST_RATE}:" if track.rate > _MOST_RATE else ""
    filling = ":".join(f"{name}={value}" for name, value in without_holes(track).items())
    return [*found, f"aresample={rate}{filling}"]


def _channels(track: AudioTrack) -> tuple[str, ...]:
    """Their names; those of the usual layout of as many where they have none."""
    taken = by_position(track.layout)
    if taken is None and _UNKNOWN not in track.channels:
        return track.channels
    layout = AudioLayout(f"{len(track.channels)}c" if taken is None else taken[0])
    return tuple(channel.name for channel in layout.channels)


def _pan(source: Sequence[str], target: Sequence[str]) -> str:
    """The filter that mixes channels into fewer."""
    mixed: dict[str, list[str]] = {name: [] for name in target}
    for number, name in enumerate(source):
        for into, share in _shares(name, source, target):
            mixed[into].append(f"{share:.4f}*c{number}")
    if not any(mixed.values()):  # nobody knows which is which
        mixed = {name: [f"c{number}"] for number, name in enumerate(target)}
    layout = "stereo" if len(target) == len(_STEREO) else "5.1"
    return f"pan={layout}|" + "|".join(f"{name}={'+'.join(terms)}" for name, terms in mixed.items() if terms)


def _shares(name: str, source: Sequence[str], target: Sequence[str]) -> list[tuple[str, float]]:
    """Into which channels one goes, and how much of it: front as it is, middle and what is around by 3 dB less."""
    if name in ("LFE", "LFE2"):  # what only shakes; in two channels it would drown the rest
        return [("LFE", 1.0)] if "LFE" in target and name == "LFE" else []
    if name == "FC":
        return [("FC", 1.0)] if "FC" in target else [("FL", _MINUS_3), ("FR", _MINUS_3)]
    if name in _STEREO:
        return [(name, 1.0)]
    behind = "BL" in target and not name.startswith(("F", "TF"))
    into = "B" if behind else "F"
    side = _SIDES.get(name, name[-1])
    if side == "C":
        share = _MINUS_3 if behind else _MINUS_3**2
        return [(f"{into}L", share), (f"{into}R", share)]
    alone = behind and sum(other in ("BL", "SL") for other in source) == 1 and name[0] in "BS"
    return [(f"{into}{side}", 1.0 if alone else _MINUS_3)] if side in ("L", "R") else []
