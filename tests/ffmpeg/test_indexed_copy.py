"""Flash videos without an index, and their copies with one."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from reelmill.ffmpeg.reading.flash_index import sought_from_start
from reelmill.ffmpeg.reading.packet_index import ShapesChange, index_or_reason, read_index
from reelmill.ffmpeg.reading.probe import open_media, probe
from reelmill.ffmpeg.reading.source_reading import PacketTimes
from reelmill.ffmpeg.remux.indexed_copy import copied_with_index
from tests.clips import ffmpeg
from tests.patched import joined_flash


def _flash(folder: Path, name: str, *options: str, seconds: int = 6, size: str = "64x48", rate: int = 44_100) -> Path:
    made = folder / name
    ffmpeg(
        "-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d={seconds}", "-f", "lavfi", "-i", f"sine=r={rate}:d={seconds}",
        "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", "2", "-c:a", "aac", *options, made,
    )  # fmt: skip
    return made


@pytest.mark.parametrize("start", [0, 5, 1000])
def test_each_seek_reads_from_the_start_where_a_header_names_no_keyframes(tmp_path: Path, start: int) -> None:
    at = ("-output_ts_offset", str(start))
    plain = _flash(tmp_path, "a.flv", *at, seconds=20)
    indexed = _flash(tmp_path, "b.flv", *at, "-flvflags", "add_keyframe_index", seconds=20)
    assert [sought_from_start(path, probe(path)) for path in (plain, indexed)] == [True, False]


def test_other_containers_have_an_index_or_need_none(tmp_path: Path) -> None:
    for name in ("a.mkv", "a.mp4", "a.ts"):
        path = _flash(tmp_path, name, seconds=2)
        assert not sought_from_start(path, probe(path))


def _decoded(path: Path) -> list[list[tuple[float, bytes]]]:
    """The frames and the audio of a file, each with when it is shown or heard."""
    with open_media(path) as container:
        found = [one for one in container.decode() if isinstance(one, av.VideoFrame | av.AudioFrame)]
    return [
        [(round(one.time or 0.0, 3), one.to_ndarray().tobytes()) for one in found if isinstance(one, kind)]
        for kind in (av.VideoFrame, av.AudioFrame)
    ]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-output_ts_offset", "1000"),
        ("-an",),
        ("-c:v", "flv1", "-bf", "0", "-c:a", "mp3"),
        ("-c:v", "flv1", "-bf", "0", "-c:a", "adpcm_swf"),
    ],
    ids=" ".join,
)
def test_a_copy_has_an_index_and_is_else_as_its_source(tmp_path: Path, options: tuple[str, ...]) -> None:
    source, target, taken = _flash(tmp_path, "a.flv", *options), tmp_path / "copied", PacketTimes()
    assert copied_with_index(source, target, taken)
    assert taken.whole
    assert not sought_from_start(target, probe(target))
    assert read_index(target) == read_index(source)
    assert _decoded(target) == _decoded(source)
    assert len(_decoded(target)[0]) == 150


def test_headers_that_come_on_the_way_are_kept(tmp_path: Path) -> None:
    """As of a stream that was taken up again with frames of another size and audio of another rate."""
    parts = [_flash(tmp_path, "a.flv"), _flash(tmp_path, "b.flv", size="48x64", rate=48_000)]
    source, target = joined_flash(tmp_path / "both.flv", *parts, after=6.5), tmp_path / "copied"
    assert copied_with_index(source, target)
    assert isinstance(index_or_reason(target), ShapesChange)
    with open_media(target) as container:
        frames = [frame for frame in container.decode(video=0) if isinstance(frame, av.VideoFrame)]
    assert [(frame.width, frame.height) for frame in frames] == [(64, 48)] * 150 + [(48, 64)] * 150


def test_what_would_not_be_the_same_is_no_copy(tmp_path: Path) -> None:
    """A clock that begins anew, and a file that ends in mid-packet, of which the copy would not say so."""
    first = _flash(tmp_path, "a.flv")
    anew = joined_flash(tmp_path / "anew.flv", first, first, after=0.0)
    cut = tmp_path / "cut.flv"
    cut.write_bytes(first.read_bytes()[: first.stat().st_size * 2 // 3])
    assert not copied_with_index(anew, tmp_path / "copied")
    assert not copied_with_index(cut, tmp_path / "copied")
