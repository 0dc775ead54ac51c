"""How frames become a video stream: which encoder, how hard it tries, and how good the result is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Any, Final

from reelmill.ffmpeg.codecs import WEB, Codec, VideoEncoder, codec_of, encoder_named
from reelmill.ffmpeg.levels import level_for

#: Seconds from one keyframe to the next at most, so that a player can seek, and a stream be cut, as finely at any frame
#: rate. Source: Apple's HLS authoring specification, 1.10; YouTube's and Twitch's advice for streams.
KEYFRAME_SECONDS: Final = 2
#: The number of the way web copies are made; another one whenever their streams, tracks or tags come out otherwise, so
#: that chunks and copies of two ways are never taken for one another.
WEB_FORM: Final = 2
#: How full of bits a decoder's buffer is where an encode begins that is given no figure for it.
_FULL: Final = Fraction(9, 10)
#: Seconds of the ceiling that a decoder's buffer holds where a chunk begins: enough for a keyframe.
_HELD: Final = Fraction(1, 2)
#: The most of its rate that a chunk gives for them; only chunks of a second or two, shorter than any, need more.
_GIVEN: Final = Fraction(1, 2)

#: Up to this quality every frame keeps its detail; and so many bits a pixel never hold it below that: H.264 needs 0.1
#: for film and more for sport or grain.
_GOOD_CRF: Final = 28
_ENOUGH_BITS: Final = 0.15


@dataclass(frozen=True)
class Encoding:
    """How frames are encoded; a preset and a quality mean the same whatever the encoder."""

    encoder: str = WEB.software.name  # ffmpeg's name of it
    preset: str = "medium"  # x264's, or one of the encoder's own
    crf: int = 23  # on x264's scale
    max_kbit: int | None = None  # kbit/s, over two seconds
    threads: int | None = None
    max_height: int = 0  # of a web copy, see ``geometry.web_size``
    surround: bool = False  # a web copy gets a further audio track of 5.1 for each of more channels
    encoder_asked: bool = False  # for this very one: what another makes is not what is wanted

    @property
    def codec(self) -> Codec:
        """What comes out."""
        codec = codec_of(self.encoder)
        assert codec is not None, self.encoder
        return codec

    @property
    def row(self) -> VideoEncoder:
        """The encoder's row in the table of codecs."""
        row = encoder_named(self.encoder)
        assert row is not None, self.encoder
        return row

    def spares_detail(self, width: int, height: int, rate: float) -> bool:
        """Whether so little is asked for that frames may lose detail, by quality or by bits for each pixel.

        Args:
            width: of its frames, in pixels.
            height: the same.
            rate: frames a second.

        Returns:
            True where it may; that its frames keep their detail is not promised then.
        """
        bits = None if self.max_kbit is None else 1000 * self.max_kbit / (width * height * rate)
        return self.crf > _GOOD_CRF or (bits is not None and bits < _ENOUGH_BITS)

    def options(self) -> dict[str, Any]:
        """ffmpeg's output options."""
        row = self.row
        options: dict[str, Any] = {
            "c:v": row.name,
            "pix_fmt": "yuv420p",
            row.preset_option: row.presets.get(self.preset, self.preset),
            row.quality.option: row.quality.at(self.crf),
            **row.fixed,
            "force_key_frames": f"expr:gte(t,n_forced*{KEYFRAME_SECONDS})",
            **row.forced_keyframes,
        }
        if row.profile is not None:
            options["profile:v"] = row.profile
        if self.max_kbit is not None:
            options |= {option: f"{times * self.max_kbit}k" for option, times in row.ceiling.items()}
        if self.threads is not None:
            options["threads"] = self.threads
        return options

    def wanted(self) -> dict[str, Any]:
        """How frames are wanted, for recipes, whichever of the codec's encoders makes them, in however many threads."""
        return {
            "codec": self.codec.name,
            "version": self.codec.version,
            "preset": self.preset,
            "crf": self.crf,
            "max_kbit": self.max_kbit,
        }

    def former_options(self) -> Sequence[dict[str, Any]]:
        """What stood for ``wanted`` in recipes before (0.3): the options of whichever encoder a node had."""
        rows = (self.row,) if self.encoder_asked else self.codec.encoders
        threads = {None, self.threads}
        return [replace(self, encoder=row.name, threads=count).options() for row in rows for count in threads]

    def of_copy(self) -> dict[str, Any]:
        """What else a web copy depends on, for its recipe."""
        return {"max_height": self.max_height, "surround": self.surround}

    def bounds(self, size: tuple[int, int], rate: Fraction) -> dict[str, Any]:
        """The level, where the codec's encodes are given one, and as many frames between keyframes as their time has.

        Args:
            size: of the frames, in pixels.
            rate: of them, per second.

        Returns:
            ffmpeg's output options.
        """
        frames = ceil(KEYFRAME_SECONDS * rate)
        options = {"g": frames} if frames > self.row.keyframe_interval else {}
        if not self.codec.levels:
            return options
        kbit = self.max_kbit or 0
        return options | {"level": level_for(size, rate, kbit, self.row.ceiling.get("bufsize", 0) * kbit).name}

    def chunk_ceiling(self, seconds: Fraction, *, first: bool = False) -> dict[str, Any]:
        """The ceiling of a chunk, so that chunks in a row keep that of the whole.

        Each encoder begins with bits in the buffer that the one before may have spent, too. Let the whole's buffer hold
        ``W`` seconds of the ceiling, and ``h`` of them where a chunk of ``T`` seconds begins. With ``W - h`` as the
        chunk's buffer and ``1 - h / T`` of the ceiling as its rate, the whole's buffer never holds less than the
        chunk's: it gains ``h`` on it in the chunk's time, or is full and ahead by ``h`` anyway. So the next chunk finds
        ``h`` again. The first one begins with nine tenths of its own buffer, while the whole has as much of its: it is
        behind by no more than a tenth of ``h``.

        Args:
            seconds: of the chunk.
            first: no other comes before it.

        Returns:
            ffmpeg's output options that replace those of ``options``; none where there is no ceiling with a buffer.
        """
        whole = self.row.ceiling.get("bufsize", 0)
        if self.max_kbit is None or not whole or seconds <= 0:
            return {}
        begin = self.row.begin_option
        held = min(_HELD if begin else _FULL * whole / 2, _GIVEN * seconds)
        given = (1 - _FULL) * held if first else held
        ceiling = self.max_kbit * 1000
        begun = {begin: f"{int(ceiling * held)}"} if begin and not first else {}
        buffer = whole - held if begin else held / _FULL
        return {"maxrate": f"{int(ceiling * (1 - given / seconds))}", "bufsize": f"{int(ceiling * buffer)}", **begun}
