"""Video codecs: one row for each, with a row for each encoder of it. All that is special to a codec stands here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from reelmill.ffmpeg.levels import HIGHEST, LEVELS, Level
from reelmill.hardware.backends import NVENC, SOFTWARE, Backend


@dataclass(frozen=True)
class Quality:
    """An encoder's own scale of constant quality, by x264's crf (0, the best, to 51)."""

    option: str = "crf"
    offsets: tuple[tuple[int, int], ...] = ((51, 0),)  # what is added to a crf, by upper bound of the crf
    lowest: int = 0
    highest: int = 51

    def at(self, crf: int) -> int:
        """The value of ``option`` for x264's ``crf``."""
        offset = next((offset for limit, offset in self.offsets if crf <= limit), 0)
        return max(self.lowest, min(self.highest, crf + offset))


@dataclass(frozen=True)
class GstEncoder:
    """An encoder as an element of GStreamer, for loads."""

    element: str
    package: str  # of Debian: gstreamer1.0-plugins-<package>
    options: str  # with {kbit} or {bits} a second, and {interval} frames between keyframes
    threads: Literal["as asked", "always", "never"] = "never"  # whether the number of threads is set


@dataclass(frozen=True)
class VideoEncoder:
    """One encoder of a codec, as ffmpeg names it and takes its options."""

    name: str
    backend: Backend
    presets: Mapping[str, str | int]  # its own, by x264's
    preset_option: str = "preset"
    quality: Quality = Quality()
    fixed: Mapping[str, Any] = field(default_factory=dict)  # options of every encode at constant quality
    ceiling: Mapping[str, int] = field(default_factory=lambda: {"maxrate": 1, "bufsize": 2})  # times the kbit/s
    begin_option: str | None = None  # for the bits in a decoder's buffer where an encode begins; None: it takes none
    forced_keyframes: Mapping[str, Any] = field(default_factory=dict)  # options that make them whole
    profile: str | None = None  # the most that its encodes use
    keyframe_interval: int = 250  # frames, by default, where no scene changes
    live: Mapping[str, Any] = field(default_factory=dict)  # options of an encode for a load
    least_size: tuple[int, int] = (2, 2)  # pixels
    gst: GstEncoder | None = None


@dataclass(frozen=True)
class Codec:
    """A way to code video, whatever encodes it."""

    name: str  # as a probe has it
    short: str  # as the name of a load scenario has it
    title: str  # as people know it
    encoders: tuple[VideoEncoder, ...]  # the one in software first
    bits_a_pixel: float  # of its software encoder at crf 23 of x264's scale; each 6 steps halve them
    #: Of the way it is used: raised whenever what any of its encoders makes would come out otherwise, so that what was
    #: made before never mixes with what is made now. ``tests/ffmpeg/test_profile_versions.py`` holds it to that.
    version: int = 1
    profiles: tuple[str, ...] = ()  # that browsers play, by the family's name; empty: none
    highest_level: int = 0  # that browsers surely play, as a decoder's context has it
    levels: tuple[Level, ...] = ()  # its own, of which an encode is given the lowest that holds it
    in_band: str = "null"  # bitstream filters that put parameter sets before each keyframe
    untagged: str | None = None  # bitstream filter that declares of colours that they are not known
    container: Literal["mp4", "webm"] = "mp4"  # of the file of a load
    streamed_in: frozenset[str] = frozenset()  # ffmpeg's names of the containers for streams that carry it
    gst_parser: str | None = None

    @property
    def software(self) -> VideoEncoder:
        """Its encoder in software."""
        return self.encoders[0]

    def encoder_by(self, backend: Backend) -> VideoEncoder | None:
        """Its encoder of a back end; None where there is none."""
        return next((encoder for encoder in self.encoders if encoder.backend == backend), None)


_X264_PRESETS: Final = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
)  # fmt: skip


def _presets(*own: str | int) -> dict[str, str | int]:
    """An encoder's presets by x264's, from the fastest to the slowest."""
    return dict(zip(_X264_PRESETS, own, strict=True))


#: NVENC's presets: p1 (fastest) to p7 (slowest).
_NVENC_PRESETS: Final = _presets("p1", "p1", "p2", "p3", "p4", "p4", "p5", "p6", "p7")
_NVENC_FIXED: Final = {"rc": "vbr", "b:v": 0}
_NVENC_LIVE: Final = {"preset": "p4", "rc": "cbr"}  # p4 is its default
#: The smallest frame every NVENC takes. Source: nvEncGetEncodeCaps, WIDTH_MIN and HEIGHT_MIN of H.264.
_NVENC_LEAST: Final = (146, 50)
_WHOLE: Final = {"forced-idr": 1}

#: Options of bitstream filters for colours that are not known (ITU-T H.273).
UNKNOWN_COLOURS: Final = "colour_primaries=2:transfer_characteristics=2:matrix_coefficients=2"

#: Options for encoding live. Source: each encoder's own advice for it (trac.ffmpeg.org/wiki/Encode/VP8 and VP9,
#: x264 and x265 --fullhelp).
_VPX_LIVE: Final = {"deadline": "realtime", "cpu-used": 8}
_VPX_GST: Final = "target-bitrate={bits} end-usage=cbr deadline=1 cpu-used=8 keyframe-max-dist={interval}"
_X26X_GST: Final = "bitrate={kbit} speed-preset=%s key-int-max={interval}"

H264: Final = Codec(
    name="h264",
    short="h264",
    title="H.264",
    encoders=(
        VideoEncoder(
            "libx264",
            SOFTWARE,
            presets=_presets(*_X264_PRESETS),
            begin_option="rc_init_occupancy",
            forced_keyframes=_WHOLE,
            profile="high",
            live={"preset": "veryfast"},
            gst=GstEncoder("x264enc", "ugly", _X26X_GST % "veryfast", threads="as asked"),
        ),
        VideoEncoder(
            "h264_nvenc",
            NVENC,
            presets=_NVENC_PRESETS,
            # NVENC has no crf. Source of the offsets: none is published; these are our own starting values, a little on
            # the side of fewer bits in the middle, where x264's psycho-visual options save the most. Not yet measured
            # on a GPU: see the changelog.
            quality=Quality("cq", offsets=((18, 1), (28, 3), (35, 2), (51, 1))),
            fixed=_NVENC_FIXED,
            forced_keyframes=_WHOLE,
            profile="high",
            live=_NVENC_LIVE,
            least_size=_NVENC_LEAST,
        ),
    ),
    bits_a_pixel=0.1,  # 2.8 Mbit/s at 720p30: our own figure, of films and of camera footage
    version=3,
    # "High 10" and "High 4:2:2" are others.
    profiles=("Constrained Baseline", "Baseline", "Main", "High", "Progressive High", "Constrained High"),
    highest_level=HIGHEST.number,
    levels=LEVELS,
    in_band="h264_mp4toannexb,dump_extra=freq=keyframe",
    untagged=f"h264_metadata={UNKNOWN_COLOURS}",
    streamed_in=frozenset({"flv", "mpegts"}),
    gst_parser="h264parse",
)

#: Its quality is x264's five steps later (trac.ffmpeg.org/wiki/Encode/H.265, "CRF"); NVENC's offset is not measured.
HEVC: Final = Codec(
    name="hevc",
    short="h265",
    title="H.265",
    encoders=(
        VideoEncoder(
            "libx265",
            SOFTWARE,
            presets=_presets(*_X264_PRESETS),
            quality=Quality(offsets=((51, 5),)),
            fixed={"x265-params": "log-level=error"},  # it writes its settings as warnings
            forced_keyframes=_WHOLE,
            live={"preset": "ultrafast", "x265-params": "log-level=error"},
            gst=GstEncoder("x265enc", "bad", _X26X_GST % "ultrafast"),
        ),
        VideoEncoder(
            "hevc_nvenc",
            NVENC,
            presets=_NVENC_PRESETS,
            quality=Quality("cq", offsets=((51, 5),)),
            fixed=_NVENC_FIXED,
            forced_keyframes=_WHOLE,
            live=_NVENC_LIVE,
            least_size=_NVENC_LEAST,
        ),
    ),
    bits_a_pixel=0.06,
    in_band="hevc_mp4toannexb,dump_extra=freq=keyframe",
    untagged=f"hevc_metadata={UNKNOWN_COLOURS}",
    # FLV in its enhanced form (veovera.org, Enhanced RTMP v1); MPEG-TS by ISO/IEC 13818-1, table 2-34.
    streamed_in=frozenset({"flv", "mpegts"}),
    gst_parser="h265parse",
)

#: Its quality: SVT-AV1's guide (Docs/CommonQuestions.md) has 35 for what is x264's 23 or so.
AV1: Final = Codec(
    name="av1",
    short="av1",
    title="AV1",
    encoders=(
        VideoEncoder(
            "libsvtav1",
            SOFTWARE,
            presets=_presets(12, 11, 10, 9, 8, 7, 6, 5, 4),
            quality=Quality(offsets=((18, 8), (28, 11), (51, 12)), lowest=1, highest=63),
            keyframe_interval=160,
            live={"preset": 10},
        ),
        VideoEncoder(
            "av1_nvenc",
            NVENC,
            presets=_NVENC_PRESETS,
            quality=Quality("cq", offsets=((51, 8),)),
            fixed=_NVENC_FIXED,
            forced_keyframes=_WHOLE,
            live=_NVENC_LIVE,
            least_size=_NVENC_LEAST,
        ),
    ),
    bits_a_pixel=0.05,
    untagged=f"av1_metadata={UNKNOWN_COLOURS.replace('colour', 'color')}",
)

#: Its quality: 31 for full HD, as Google advises (developers.google.com/media/vp9/settings/vod), for x264's 23.
VP9: Final = Codec(
    name="vp9",
    short="vp9",
    title="VP9",
    encoders=(
        VideoEncoder(
            "libvpx-vp9",
            SOFTWARE,
            presets=_presets(5, 5, 4, 4, 3, 2, 1, 1, 0),
            preset_option="cpu-used",
            quality=Quality(offsets=((51, 8),), highest=63),
            fixed={"deadline": "good", "row-mt": 1, "b:v": 0},
            ceiling={"b:v": 1},
            keyframe_interval=128,
            live=_VPX_LIVE | {"row-mt": 1},
            gst=GstEncoder("vp9enc", "good", _VPX_GST, threads="always"),  # it takes one unless it is given a number
        ),
    ),
    bits_a_pixel=0.067,
    container="webm",
)

#: libvpx has no quality below 4 for it, and holds every one under a bit rate.
VP8: Final = Codec(
    name="vp8",
    short="vp8",
    title="VP8",
    encoders=(
        VideoEncoder(
            "libvpx",
            SOFTWARE,
            presets=_presets(5, 5, 4, 4, 3, 2, 1, 1, 0),
            preset_option="cpu-used",
            quality=Quality(lowest=4, highest=63),
            fixed={"deadline": "good", "b:v": "100M"},
            ceiling={"b:v": 1},
            keyframe_interval=128,
            live=_VPX_LIVE,
            gst=GstEncoder("vp8enc", "good", _VPX_GST, threads="always"),
        ),
    ),
    bits_a_pixel=0.1,
    container="webm",
)

CODECS: Final = (H264, HEVC, AV1, VP9, VP8)

#: What web copies and films are made in.
WEB: Final = H264


def codec_named(name: str) -> Codec | None:
    """The codec that a probe names so; None where Reelmill cannot encode it."""
    return next((codec for codec in CODECS if codec.name == name), None)


def codec_called(short: str) -> Codec:
    """The codec that the name of a load scenario calls so."""
    return next(codec for codec in CODECS if codec.short == short)


def codec_of(encoder: str) -> Codec | None:
    """The codec of an encoder that ffmpeg names so; None where it is in no row."""
    return next((codec for codec in CODECS if any(row.name == encoder for row in codec.encoders)), None)


def encoder_named(name: str) -> VideoEncoder | None:
    """The encoder that ffmpeg names so; None where it is in no row."""
    return next((row for codec in CODECS for row in codec.encoders if row.name == name), None)


def encoders_by(backend: Backend) -> tuple[str, ...]:
    """ffmpeg's names of all encoders of a back end."""
    return tuple(row.name for codec in CODECS for row in codec.encoders if row.backend == backend)


def runs_on_gpu(encoder: str) -> bool:
    """Whether an encoder, as its engine names it, needs a GPU."""
    row = encoder_named(encoder)
    return row is not None and row.backend.vendor is not None
