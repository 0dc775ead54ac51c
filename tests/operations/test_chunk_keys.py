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
        (_SOFTWARE, ["385dfa09fd2ce658e1d7abfb6ec755ba", "cc614a069f5633d5c173647e6a6554d8"]),
        (_GPU, ["a1c37008226201a404f0415bbe134ced", "49f7e34242935910e9ff99072eadd7e5"]),
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
    assert [task.key for task in tasks] == ["fc35f3f730a045f0aaf8c8334312fc5f", *keys]


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
                "ee06966d613d1f3dc8c005e9211db2ab",
                "e5a5c11f1d321be877af7f64d3068a27",
                "90755df0f0c3f459f1a5e53d1dd1a20e",
            ],
        ),
        (
            Encoding(encoder="h264_nvenc"),
            [
                "6de4f375feeb89865d3273acffc92c5d",
                "c53b1685ed792c6ed8ffbe6387d841cf",
                "df8eb5d6aeb11b2ebb2b824f02ff703b",
            ],
        ),
    ],
)
def test_of_a_film(encoding: Encoding, keys: list[str]) -> None:
    options = {"bf": concat.DELAY}
    sequence = FrameSequence("segment 1", _FRAMES, 75, Fraction(25), graph=lambda first: first, options=options)
    assert sequence.chunk_keys(sequence.chunk_bounds(25), encoding, _BUILD) == keys
