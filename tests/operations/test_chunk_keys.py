"""The keys of chunks stay what they are from version to version: what an earlier one has stored is found again."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Final

import pytest

from reelmill.ffmpeg.commands import concat
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.planning.chunk_plan import Chunk
from reelmill.ffmpeg.reading.probe import MediaInfo, VideoTrack
from reelmill.ffmpeg.reading.stream_copy import Form
from reelmill.ffmpeg.reading.tracks import AudioTrack
from reelmill.operations.chunk_store.encode_chunks import ChunkSource, chunk_tasks
from reelmill.operations.chunk_store.film_chunks import FrameSequence, single_key
from reelmill.operations.films.sequence_plan import audio_recipe, frames_recipe
from reelmill.operations.recipe import SourceContent

_CONTENT: Final = SourceContent("0123456789abcdef" * 2, "00000000-0000-0000-0000-000000000007", 1000, 10**18)
_BUILD: Final = "n9.0"
_SOFTWARE: Final = Encoding(preset="veryfast", max_kbit=2000)
_GPU: Final = Encoding(encoder="h264_nvenc", crf=24)
_INFO: Final = MediaInfo(
    container="mp4", title=None, size=1000, duration=Fraction(5), bit_rate=None, subtitle_codecs=(),
    audio=(AudioTrack(0, "aac"),),
    video=VideoTrack(
        index=0, codec="h264", profile=None, width=640, height=360, rotation=0, sample_aspect=Fraction(1),
        frame_rate=Fraction(25), frames=125, pixel_format="yuv420p", full_range=False, transfer=1, interlaced=False,
        start=Fraction(0), duration=Fraction(5),
    ),
)  # fmt: skip
_FRAMES: Final = "ac872a97784490c78748cec575013f48"


@pytest.mark.parametrize(
    ("encoding", "keys"),
    [
        (_SOFTWARE, ["9e71870cce9b86a324d5859d0c3d2b2b", "31e7628e8ab0b78910ea83d58321a475"]),
        (_GPU, ["dfb810b75912857cec87b0a12e52e92d", "60b0a53da0822faac59324d5ea699342"]),
    ],
)
@pytest.mark.parametrize("threads", [None, 3])
def test_of_an_encode(encoding: Encoding, keys: list[str], threads: int | None) -> None:
    chunks = [
        Chunk(0, 0, 38_400, None, 75, 37_888, "aa"),
        Chunk(1, 38_400, None, Fraction(3), 50, 25_088, "bb"),
    ]
    source = ChunkSource(_CONTENT, "inbox/a.mp4", _INFO, Fraction(1, 12_800))
    tasks = chunk_tasks(source, chunks, replace(encoding, threads=threads), _BUILD)
    assert [task.key for task in tasks] == ["b8dbfcb653c72725c1c9e27957d66a67", *keys]


def test_a_track_that_is_not_the_first_has_keys_of_its_own() -> None:
    """Chunks that were made of one track are never joined with those of another, nor is anything else found again."""
    first, second = _CONTENT, replace(_CONTENT, track=1)
    chunk = Chunk(0, 0, None, None, 75, 37_888, "aa")
    keys = [
        {task.key for task in chunk_tasks(ChunkSource(of, "a.mp4", _INFO, Fraction(1)), [chunk], _SOFTWARE, _BUILD)}
        for of in (first, second)
    ]
    assert keys[0].isdisjoint(keys[1])


def test_of_what_a_sequence_is_made_of() -> None:
    form = Form(640, 360, Fraction(25), 1)
    assert frames_recipe(_CONTENT, form, 75) == _FRAMES
    audio = audio_recipe(_CONTENT, begin=Fraction(1, 2), samples=48_000)
    assert audio == "3999e2ead3867618674884cf10c02b50"
    assert single_key(audio, _BUILD) == "88d544ce830abbf5118f9d3c682c630a"


@pytest.mark.parametrize(
    ("encoding", "keys"),
    [
        (
            Encoding(threads=2),
            [
                "37eae9f2d44d8d5ddb6ce0003881cf05",
                "8f0ea757f54a1071355fa0ae41c24193",
                "9c37fe9559d03090a6745f6b48e30390",
            ],
        ),
        (
            Encoding(encoder="h264_nvenc"),
            [
                "1e3678613bad620d4f05db98a79da1c7",
                "0e636e338392dc498763d2d03fc97462",
                "7af2b024af1420177de8c6745888f500",
            ],
        ),
    ],
)
def test_of_a_film(encoding: Encoding, keys: list[str]) -> None:
    options = {"bf": concat.DELAY}
    sequence = FrameSequence("segment 1", _FRAMES, 75, Fraction(25), (640, 360), lambda first: first, options)
    assert sequence.chunk_keys(sequence.chunk_bounds(25), encoding, _BUILD) == keys
