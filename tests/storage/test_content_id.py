from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from reelmill.storage.content_id import MOST_READ, content_id, samples
from tests.clips import clip

_LARGE = 8 * 1024 * 1024


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _box(name: bytes, data: bytes) -> bytes:
    return (8 + len(data)).to_bytes(4, "big") + name + data


def test_it_is_of_what_a_file_holds_and_of_nothing_else(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(_LARGE)
    first, second = _written(tmp_path / "a.mp4", data), _written(tmp_path / "b.mkv", data)
    os.utime(second, (1, 1))
    assert content_id(first) == content_id(second)
    os.link(first, tmp_path / "linked")
    assert content_id(tmp_path / "linked") == content_id(first)
    assert content_id(first) != content_id(_written(tmp_path / "shorter", data[:-1]))
    assert len(content_id(first)) == 32


@pytest.mark.parametrize("where", [0, 200_000, _LARGE * 2 // 5 + 1000, _LARGE - 1])
def test_an_edit_in_a_sample_that_keeps_size_and_time_is_seen(tmp_path: Path, where: int) -> None:
    path = _written(tmp_path / "a", bytes(_LARGE))
    before, stat = content_id(path), path.stat()
    with path.open("r+b") as file:
        file.seek(where)
        file.write(b"x")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert content_id(path) != before


@pytest.mark.parametrize("first", [b"ftyp", b"wide"])
@pytest.mark.parametrize("long_header", [False, True])
def test_the_index_of_an_mp4_counts_wherever_it_is(tmp_path: Path, first: bytes, long_header: bool) -> None:
    """Which bytes each frame has stands there, and nowhere else in so many words."""

    def mp4(index: bytes) -> bytes:
        frames = bytes(3_000_000)
        media = (
            b"\0\0\0\x01mdat" + (16 + len(frames)).to_bytes(8, "big") + frames if long_header else _box(b"mdat", frames)
        )
        return _box(first, bytes(16)) + media + _box(b"moov", index) + _box(b"free", bytes(2_000_000))

    index = bytearray(1_000_000)
    before = content_id(_written(tmp_path / "a.mp4", mp4(bytes(index))))
    index[100] = 1
    assert content_id(_written(tmp_path / "b.mp4", mp4(bytes(index)))) != before
    index[100], index[-1] = 0, 1
    assert content_id(_written(tmp_path / "c.mp4", mp4(bytes(index)))) != before


@pytest.mark.parametrize(
    "data", [b"", b"x", b"\0\0\0\x08ftyp", b"\0\0\0\0moov" + bytes(MOST_READ), b"\xff" * MOST_READ * 2]
)
def test_whatever_a_file_holds_it_has_one(tmp_path: Path, data: bytes) -> None:
    assert len(content_id(_written(tmp_path / "a.mp4", data))) == 32


def test_a_megabyte_is_read_at_most() -> None:
    for size in (MOST_READ + 1, 10**7, 10**12):
        ranges = samples(size, (size // 3, min(size, size // 3 + 10**6)))
        assert sum(end - begin for begin, end in ranges) <= MOST_READ <= 1.05e6
        assert all(0 <= begin <= end <= size for begin, end in ranges)
        assert len(ranges) < 10


def test_two_encodes_of_the_same_frames_differ(tmp_path: Path) -> None:
    one, other = (clip(tmp_path / f"{crf}.mp4", seconds=0.2, size="64x48", options=["-crf", crf]) for crf in ("1", "2"))
    assert content_id(one) != content_id(other)


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        content_id(tmp_path / "gone")
