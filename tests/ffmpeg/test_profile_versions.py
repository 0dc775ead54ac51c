"""The version of a codec's profile goes up with every change of what its encoders are given.

Recipes and the keys of chunks name that version. If it stayed, copies and chunks of the old way would be taken for ones
of the new.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any, Final

import ffmpeg
import pytest

from reelmill.ffmpeg.codecs import CODECS, WEB, Codec
from reelmill.ffmpeg.commands import chunk_commands, segment_muxer, web_copy
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.planning.chunk_plan import Chunk
from tests.ffmpeg.golden import info

#: Of each version, by codec: of what its encoders are given. Lines are only ever added, each with a higher version,
#: but that of a version that no release has had.
_DIGESTS: Final[dict[tuple[str, int], str]] = {
    ("h264", 1): "bb4e50b1671e6726",
    ("h264", 2): "1f87c55149f545af",  # films have levels, and the points of their frames beside them
    (
        "h264",
        3,
    ): "bcf8d7667a7ac8dd",  # chunks begin with less in the buffer, and keep more of the rate; holes in films are filled
    ("hevc", 1): "337b07175cb99988",
    ("av1", 1): "854bbc463d4dab46",
    ("vp9", 1): "57857ab586b17acc",
    ("vp8", 1): "2d820650144c14f2",
}
#: Of the command lines of films, which ``test_build`` holds to these.
_FILMS: Final = sorted((Path(__file__).parent / "golden").glob("[mq]*.txt"))


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_what_encoders_are_given_changes_with_the_version_alone(codec: Codec) -> None:
    given = _digest([*_options(codec), *(_commands() if codec is WEB else ())])
    assert given == _DIGESTS[codec.name, codec.version], (
        f"encodes of {codec.name} come out otherwise now: raise its version in codecs.py, and add its digest here"
    )


def _options(codec: Codec) -> Iterator[Any]:
    for row, preset, crf, kbit in product(codec.encoders, ("ultrafast", "medium", "slow"), (18, 23, 40), (None, 2000)):
        way = Encoding(encoder=row.name, preset=preset, crf=crf, max_kbit=kbit)
        bounds = [way.bounds(size, Fraction(rate)) for size in ((640, 360), (1920, 1080)) for rate in (25, 60, 240)]
        yield [way.options(), bounds, way.chunk_ceiling(Fraction(10))]


def _commands() -> Iterator[Any]:
    source, target = Path("/in.mkv"), Path("/out.mp4")
    for row, facts in product(WEB.encoders, (info(("ac3",), ("subrip",)), info(transfer=16), info(interlaced=True))):
        way, chunk = Encoding(encoder=row.name, max_kbit=2000, surround=True), Chunk(0, 0, 512, None, 50, 512, "0")
        yield web_copy.reencode(source, facts, target, way)
        yield chunk_commands.encode_chunk((source, facts), chunk, target, way, Fraction(1, 12_800))
        yield chunk_commands.audio_and_subtitles(source, facts, target, way)
        frames = ffmpeg.input("/in.mkv").video
        yield segment_muxer.encode_in_chunks(frames, [(0, 25), (25, 50)], Fraction(25), 25, Path("/folder"), way)
    yield segment_muxer.encode_audio(ffmpeg.input("/in.mkv").audio, target)
    yield from (path.read_text() for path in _FILMS)


def _digest(given: list[Any]) -> str:
    return hashlib.blake2b(json.dumps(given, default=str).encode(), digest_size=8).hexdigest()
