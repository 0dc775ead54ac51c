"""What is wrong with a finished file, or otherwise than in its source: a kind, the figures, and a sentence of them.

Programs compare kinds and figures; what people read is made of them here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from reelmill.errors import EncryptedVideo, FileMissing, InputError, NotAVideo

#: What a file has, or should have: a number, a name, a width and a height, or several names.
Value = str | int | float | tuple[int, int] | tuple[str, ...]


class FindingKind(StrEnum):
    """What kind of thing is wrong, or otherwise than in the source."""

    # The file as a whole.
    MISSING = "missing"
    NOT_A_VIDEO = "not_a_video"
    ENCRYPTED = "encrypted"
    UNREADABLE = "unreadable"
    DAMAGED = "damaged"
    NO_FRAMES = "no_frames"
    DISORDERED = "disordered"
    CUT_SHORT = "cut_short"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    INDEX_AT_END = "index_at_end"
    OTHER_BYTES = "other_bytes"
    NOTHING = "nothing"

    # Its tracks.
    CODEC = "codec"
    LEVEL = "level"
    PIXEL_FORMAT = "pixel_format"
    SIZE = "size"
    SHAPE = "shape"
    TOO_SMALL = "too_small"
    AUDIO_CODEC = "audio_codec"
    AUDIO_TRACKS = "audio_tracks"
    SUBTITLE_TRACKS = "subtitle_tracks"
    SUBTITLE_LANGUAGE = "subtitle_language"
    SUBTITLE_EMPTY = "subtitle_empty"
    SUBTITLE_LINE = "subtitle_line"
    CHAPTERS = "chapters"
    CHAPTER_TIME = "chapter_time"
    CHAPTER_TITLE = "chapter_title"

    # When its frames are shown.
    FRAME_COUNT = "frame_count"
    LAST_FRAME = "last_frame"
    FRAME_TIME = "frame_time"
    NO_KEYFRAME = "no_keyframe"
    NO_LOOP = "no_loop"

    # What its frames show.
    BLACK = "black"
    PLAIN = "plain"
    NEGATIVE = "negative"
    UPSIDE_DOWN = "upside_down"
    MIRRORED = "mirrored"
    TURNED = "turned"
    QUARTER_TURNED = "quarter_turned"
    CROPPED = "cropped"
    SHRUNK = "shrunk"
    SHIFTED = "shifted"
    OTHER_FRAME = "other_frame"
    COARSE = "coarse"
    MISPLACED = "misplaced"
    RETIMED = "retimed"
    FIELD_ORDER = "field_order"
    COLOURLESS = "colourless"
    OTHER_COLOURS = "other_colours"
    TOO_MUCH_CONTRAST = "too_much_contrast"
    TOO_LITTLE_CONTRAST = "too_little_contrast"
    DARKER = "darker"
    BRIGHTER = "brighter"
    OTHER_MATRIX = "other_matrix"

    # What it declares of its colours.
    NO_BT709 = "no_bt709"
    HDR_DECLARED = "hdr_declared"
    HDR_NOT_MAPPED = "hdr_not_mapped"
    HDR_UNDECLARED = "hdr_undeclared"
    HDR_TRANSFER = "hdr_transfer"
    HDR_PRIMARIES = "hdr_primaries"
    HDR_MATRIX = "hdr_matrix"
    HDR_DEPTH = "hdr_depth"
    SDR_TAGS = "sdr_tags"
    SDR_FORMAT = "sdr_format"
    MATRIX = "matrix"
    WASHED_OUT = "washed_out"

    # Its audio.
    AUDIO_UNDECODABLE = "audio_undecodable"
    AUDIO_BEGIN = "audio_begin"
    AUDIO_END = "audio_end"
    AUDIO_HOLE = "audio_hole"
    OUT_OF_SYNC = "out_of_sync"
    DRIFTING = "drifting"
    SILENT = "silent"
    MUTED = "muted"
    OTHER_AUDIO = "other_audio"
    QUIETER = "quieter"
    LOUDER = "louder"
    CLIPPED = "clipped"
    DEAD_CHANNEL = "dead_channel"
    MUTED_CHANNEL = "muted_channel"
    SWAPPED_CHANNELS = "swapped_channels"

    # Its source.
    SOURCE_CUT_SHORT = "source_cut_short"
    SOURCE_DAMAGED = "source_damaged"
    SOURCE_MENDED = "source_mended"
    CONSTANT_RATE = "constant_rate"


_Kind = FindingKind

#: The sentence of each kind, without its full stop. ``{audio}`` is the track's name, ``{than}`` what was wanted.
_SENTENCES: Final[dict[FindingKind, str]] = {
    _Kind.MISSING: "{text}",
    _Kind.NOT_A_VIDEO: "{text}",
    _Kind.ENCRYPTED: "{text}",
    _Kind.UNREADABLE: "{text}",
    _Kind.DAMAGED: "{text}",
    _Kind.NO_FRAMES: "no frame decodes",
    _Kind.DISORDERED: "its frames go back in time",
    _Kind.CUT_SHORT: "it promises {wanted:.1f} s and holds {got:.1f} s",
    _Kind.TOO_SHORT: "it holds {got:.2f} s of the {wanted:.2f} s wanted",
    _Kind.TOO_LONG: "it holds {got:.2f} s rather than the {wanted:.2f} s wanted",
    _Kind.INDEX_AT_END: "its index stands at the end, so that no player can start before all of it has come",
    _Kind.OTHER_BYTES: "it is not the same as the original",
    _Kind.NOTHING: "it is empty",
    _Kind.CODEC: "its codec is {got}, not {wanted}",
    _Kind.LEVEL: "its level is {got}, and browsers play {wanted} at most",
    _Kind.PIXEL_FORMAT: "its pixels are {got}, not {wanted}",
    _Kind.SIZE: "it is {got}, not {wanted}",
    _Kind.SHAPE: "it is shown as {got}, the source as {wanted}",
    _Kind.TOO_SMALL: "it is only {got}, where the source is {wanted}",
    _Kind.AUDIO_CODEC: "its audio is {got}, not {wanted}",
    _Kind.AUDIO_TRACKS: "{got} audio tracks {than}",
    _Kind.SUBTITLE_TRACKS: "{got} text subtitle tracks {than}",
    _Kind.SUBTITLE_LANGUAGE: "subtitle track {track} is in {got}, not {wanted}",
    _Kind.SUBTITLE_EMPTY: "subtitle track {track} is empty, the source's is not",
    _Kind.SUBTITLE_LINE: "subtitle track {track} shows a line at {at:.2f} s, where the source shows none",
    _Kind.CHAPTERS: "{got} chapters {than}",
    _Kind.CHAPTER_TIME: "chapter {text!r} begins at {got:.2f} s, in the source at {wanted:.2f} s",
    _Kind.CHAPTER_TITLE: "chapter {wanted!r} of the source is called {got!r}",
    _Kind.FRAME_COUNT: "{got} frames {than}",
    _Kind.LAST_FRAME: "its last frame begins after {got:.3f} s, that of the source after {wanted:.3f} s",
    _Kind.FRAME_TIME: "a frame stands {milliseconds:.0f} ms away from where the source has it, at {at:.2f} s",
    _Kind.NO_KEYFRAME: "it begins with no keyframe",
    _Kind.NO_LOOP: "it does not loop",
    _Kind.BLACK: "{frame} is black where the source's is not",
    _Kind.PLAIN: "{frame} is one plain colour where the source's is not",
    _Kind.NEGATIVE: "{frame} is the negative of the source's",
    _Kind.UPSIDE_DOWN: "{frame} is the source's upside down",
    _Kind.MIRRORED: "{frame} is the source's mirrored",
    _Kind.TURNED: "{frame} is the source's turned by half",
    _Kind.QUARTER_TURNED: "{frame} is the source's turned by a quarter",
    _Kind.CROPPED: "{frame} shows only a part of the source's",
    _Kind.SHRUNK: "{frame} shows the source's smaller than it, with something around it",
    _Kind.SHIFTED: "{frame} shows the source's shifted",
    _Kind.OTHER_FRAME: "{frame} is not the source's",
    _Kind.COARSE: "{frame} keeps less of the source's detail than a copy should",
    _Kind.MISPLACED: "around {at:.1f} s its frames are repeated or in another order than the source's",
    _Kind.RETIMED: "around {at:.1f} s it shows each of the source's frames too {way}, by {far:.0f} of them",
    _Kind.FIELD_ORDER: "around {at:.1f} s its fields are in another order than the source's: "
    "what moves jumps back and forth",
    _Kind.COLOURLESS: "{frame} has no colour where the source's has",
    _Kind.OTHER_COLOURS: "{frame} has other colours than the source's",
    _Kind.TOO_MUCH_CONTRAST: "{frame} has too much contrast: its levels are of full range, and it declares limited",
    _Kind.TOO_LITTLE_CONTRAST: "{frame} has too little contrast: its levels are of limited range, and it declares full",
    _Kind.DARKER: "{frame} is much darker than the source's",
    _Kind.BRIGHTER: "{frame} is much brighter than the source's",
    _Kind.OTHER_MATRIX: "{frame} has its colours in another matrix than it declares",
    _Kind.NO_BT709: "it does not declare BT.709",
    _Kind.HDR_DECLARED: "it declares HDR ({got}), and the source is not HDR",
    _Kind.HDR_NOT_MAPPED: "it declares HDR ({got}), and it was to be tone-mapped",
    _Kind.HDR_UNDECLARED: "the source is HDR ({wanted}) and it does not declare it",
    _Kind.HDR_TRANSFER: "its HDR transfer is declared as {got}, the source's is {wanted}",
    _Kind.HDR_PRIMARIES: "its HDR primaries is declared as {got}, the source's is {wanted}",
    _Kind.HDR_MATRIX: "its HDR matrix is declared as {got}, the source's is {wanted}",
    _Kind.HDR_DEPTH: "HDR needs {wanted} bits and it has {got}",
    _Kind.SDR_TAGS: "it was tone-mapped and does not declare BT.709 (primaries/transfer/matrix {got}, not {wanted})",
    _Kind.SDR_FORMAT: "it was tone-mapped and is not 8 bit in limited range ({got})",
    _Kind.MATRIX: "its colours are declared in another matrix ({got}) than the source's ({wanted})",
    _Kind.WASHED_OUT: "its pixels are those of the HDR source, not tone-mapped, and it declares standard range: "
    "it looks washed out",
    _Kind.AUDIO_UNDECODABLE: "{audio} does not decode",
    _Kind.AUDIO_BEGIN: "{audio} begins {got:.2f} s in",
    _Kind.AUDIO_END: "{audio} ends after {got:.2f} s of {wanted:.2f} s",
    _Kind.AUDIO_HOLE: "{audio} has a hole of {milliseconds:.0f} ms at {at:.2f} s",
    _Kind.OUT_OF_SYNC: "{audio} is {milliseconds:.0f} ms {way} {where}",
    _Kind.DRIFTING: "{audio} drifts against the video: it is {milliseconds:.0f} ms {way} around {at:.1f} s",
    _Kind.SILENT: "{audio} is silent throughout, where the source sounds",
    _Kind.MUTED: "{audio} is silent from {at:.1f} to {until:.1f} s, where the source sounds",
    _Kind.OTHER_AUDIO: "{audio} is not that of the source {at:.2f} s in, or far off",
    _Kind.QUIETER: "{audio} is {far:.0f} dB quieter than the source's",
    _Kind.LOUDER: "{audio} is {far:.0f} dB louder than the source's",
    _Kind.CLIPPED: "{audio} is clipped from {at:.1f} s on: it is too loud for its format",
    _Kind.DEAD_CHANNEL: "{audio} has no {channels} channel, where the source's sounds",
    _Kind.MUTED_CHANNEL: "{audio} has a silent {channels} channel from {at:.1f} to {until:.1f} s, "
    "where the source's sounds",
    _Kind.SWAPPED_CHANNELS: "{audio} has its {channels} channels swapped",
    _Kind.SOURCE_CUT_SHORT: "the source is cut short: it promises {wanted:.1f} s and holds {got:.1f} s",
    _Kind.SOURCE_DAMAGED: "the source is damaged ({text}), so that frames and times cannot be compared with it",
    _Kind.SOURCE_MENDED: "the source is read from a mended copy: {text}",
    _Kind.CONSTANT_RATE: "{got} frames where the source has {wanted}: its rate was made a constant {rate:.3f} a second",
}

_PLACES: Final = {"start": "at the start", "middle": "in the middle", "end": "at the end"}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or otherwise than in the source; seconds count from the first frame."""

    kind: FindingKind
    got: Value | None = None  # what the file has or is; of audio out of sync, seconds late, and levels in dB
    wanted: Value | None = None  # what it should have or be
    limit: float | None = None  # how far the one may be from the other
    track: int | None = None  # audio or subtitle track, from 1; None: it is the only one
    channels: tuple[str, ...] = ()  # of that track, as people call them
    at: float | None = None  # where it is, or begins
    until: float | None = None  # where it ends
    place: str | None = None  # "start", "middle" or "end" of the film
    frames: int | None = None  # how many of the frames compared are so
    compared: int | None = None  # how many were
    rate: float | None = None  # frames a second
    against_source: bool = False  # ``wanted`` is what the source has, rather than what was asked for
    text: str = ""  # in words of a decoder, a file or a person

    @property
    def sentence(self) -> str:
        """A clause for people, without a full stop."""
        others = (self.frames or 1) - 1
        seen = f", and {others} more of the {self.compared} compared" if others else ""
        words = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        far = abs(self.got) if isinstance(self.got, int | float) else 0.0
        clause = _SENTENCES[self.kind].format(
            **words | {"text": self.text.rstrip("."), "channels": " and ".join(self.channels)},
            where=_PLACES.get(self.place or "", "somewhere" if self.at is None else f"at {self.at:.1f} s"),
            audio="its audio" if self.track is None else f"audio track {self.track}",
            frame="its frame" if self.at is None else f"its frame at {self.at:.1f} s",
            than=f"where {'the source has ' if self.against_source else ''}{_plain(self.wanted)}"
            f"{'' if self.against_source else ' were wanted'}",
            far=far,
            milliseconds=1000 * far,
            way="late" if isinstance(self.got, int | float) and self.got > 0 else "early",
        )
        return clause + seen

    def __str__(self) -> str:
        return self.sentence

    def to_json(self) -> dict[str, Any]:
        """Kind, sentence and what else is known, in plain values."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in known.items()}
        left_out: tuple[Any, ...] = (None, "", [], False)
        data = {name: value for name, value in plain.items() if name != "kind" and not _is_one_of(value, left_out)}
        return {"kind": str(self.kind), "sentence": self.sentence, **data}


def _is_one_of(value: Any, others: tuple[Any, ...]) -> bool:
    """Zero is no False here."""
    return any(value == other and type(value) is type(other) for other in others)


def _plain(value: Any) -> Any:
    """A value as a sentence names it: 160x120, or one name and another."""
    if isinstance(value, tuple):
        return ("x" if value and isinstance(value[0], int) else " and ").join(map(str, value))
    return value


def in_words(findings: Iterable[Finding]) -> str:
    """All of them in one line for people, without a full stop."""
    return "; ".join(finding.sentence for finding in findings)


def not_usable(error: Exception) -> Finding:
    """The finding that a file does not open, or cannot be read to its end.

    Args:
        error: what opening it raised.

    Returns:
        The finding, in the error's words.
    """
    kinds = (
        (FileMissing, _Kind.MISSING), (NotAVideo, _Kind.NOT_A_VIDEO), (EncryptedVideo, _Kind.ENCRYPTED),
        (InputError, _Kind.UNREADABLE),
    )  # fmt: skip
    kind = next((kind for of, kind in kinds if isinstance(error, of)), _Kind.DAMAGED)
    return Finding(kind, text=str(error))
