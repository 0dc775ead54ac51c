"""The keys of chunks stay what they are from version to version: what an earlier one has stored is found again."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest

from reelmill.catalogue.models import Video
from reelmill.ffmpeg.commands import concat
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.planning.chunk_plan import Chunk
from reelmill.ffmpeg.reading.probe import MediaInfo, VideoTrack
from reelmill.ffmpeg.reading.stream_copy import Form
from reelmill.ffmpeg.reading.tracks import AudioTrack
from reelmill.operations.chunk_store.encode_chunks import ChunkSource, chunk_tasks
from reelmill.operations.chunk_store.film_chunks import FrameSequence, single_key
from reelmill.operations.context import content_id
from reelmill.operations.films.sequence_plan import audio_recipe, frames_recipe

_CONTENT_ID: Final[dict[str, Any]] = {
    "id": "00000000-0000-0000-0000-000000000007", "size": 1000, "mtime_ns": 10**18,
}  # fmt: skip
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
_FRAMES: Final = "72e1b1784c4e042532aa5c6d1948b75b"


@pytest.mark.parametrize(
    ("encoding", "keys"),
    [
        (_SOFTWARE, ["f8fe5f2cea05896d0be5dfbc03948d9e", "73c47d1d25cf7d82887daa8bfdf6b589"]),
        (_GPU, ["e222b2f18e7b22f5f72f20e53a1ecfa8", "f2e27a9183f732564b72e1b4d6da60ed"]),
    ],
)
@pytest.mark.parametrize("threads", [None, 3])
def test_of_an_encode(encoding: Encoding, keys: list[str], threads: int | None) -> None:
    chunks = [
        Chunk(0, 0, 38_400, None, 75, 37_888, "aa"),
        Chunk(1, 38_400, None, Fraction(3), 50, 25_088, "bb"),
    ]
    source = ChunkSource(_CONTENT_ID, "inbox/a.mp4", _INFO, Fraction(1, 12_800))
    tasks = chunk_tasks(source, chunks, replace(encoding, threads=threads), _BUILD)
    assert [task.key for task in tasks] == ["0b31131030bd9b2e3e3492be6260c127", *keys]


def test_a_track_that_is_not_the_first_has_keys_of_its_own(tmp_path: Path) -> None:
    """Chunks that were made of one track are never joined with those of another, nor is anything else found again."""
    path, video = tmp_path / "a.mp4", Video(
        path="inbox/a.mp4", directory_type="inbox", filename="a.mp4", title="a", size=1, mtime_ns=1
    )  # fmt: skip
    path.write_bytes(b"a")
    first, second = content_id(video, path, 0), content_id(video, path, 1)
    assert (set(first), second) == ({"id", "size", "mtime_ns"}, first | {"track": 1})
    chunk = Chunk(0, 0, None, None, 75, 37_888, "aa")
    keys = [
        {task.key for task in chunk_tasks(ChunkSource(of, "a.mp4", _INFO, Fraction(1)), [chunk], _SOFTWARE, _BUILD)}
        for of in (first, second)
    ]
    assert keys[0].isdisjoint(keys[1])


def test_of_what_a_sequence_is_made_of() -> None:
    form = Form(640, 360, Fraction(25), 1)
    assert frames_recipe(_CONTENT_ID, form, 75) == _FRAMES
    audio = audio_recipe(_CONTENT_ID, begin=Fraction(1, 2), samples=48_000)
    assert audio == "d57dddbd6aeb63a1ccda042407cabd73"
    assert single_key(audio, _BUILD) == "0ed9f8814c53240f3b42a6cb6e55280d"


@pytest.mark.parametrize(
    ("encoding", "keys"),
    [
        (
            Encoding(threads=2),
            [
                "c8d94863cf985a849a3c572832d46743",
                "843bb7e94a84352faa16ffe4e7425e61",
                "bb7e3d5c37c911a5053fc783b26a7274",
            ],
        ),
        (
            Encoding(encoder="h264_nvenc"),
            [
                "8686b13adbf3fa2d9e928f04c278311e",
                "703e6aaa7549c7c5fc014ec126b00c7f",
                "013c49b0fbcf61759bbbcba453e0e576",
            ],
        ),
    ],
)
def test_of_a_film(encoding: Encoding, keys: list[str]) -> None:
    options = {"bf": concat.DELAY}
    sequence = FrameSequence("segment 1", _FRAMES, 75, Fraction(25), graph=lambda first: first, options=options)
    assert sequence.chunk_keys(sequence.chunk_bounds(25), encoding, _BUILD) == keys
