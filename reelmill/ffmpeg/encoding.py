"""How frames become a video stream: which encoder, how hard it tries, and how good the result is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reelmill.ffmpeg.codecs import WEB, Codec, VideoEncoder, codec_of, encoder_named


@dataclass(frozen=True)
class Encoding:
    """How frames are encoded; a preset and a quality mean the same whatever the encoder."""

    encoder: str = WEB.software.name  # ffmpeg's name of it
    preset: str = "medium"  # x264's, or one of the encoder's own
    crf: int = 23  # on x264's scale
    max_kbit: int | None = None  # kbit/s, over two seconds
    threads: int | None = None

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

    def options(self) -> dict[str, Any]:
        """ffmpeg's output options."""
        row = self.row
        options: dict[str, Any] = {
            "c:v": row.name,
            "pix_fmt": "yuv420p",
            row.preset_option: row.presets.get(self.preset, self.preset),
            row.quality.option: row.quality.at(self.crf),
            **row.fixed,
        }
        if self.max_kbit is not None:
            options |= {option: f"{times * self.max_kbit}k" for option, times in row.ceiling.items()}
        if self.threads is not None:
            options["threads"] = self.threads
        return options
