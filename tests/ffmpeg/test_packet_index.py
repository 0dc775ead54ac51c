"""The packet index: by the tables of an mp4 what its packets have, and hardly anything read for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.ffmpeg.reading import packet_index
from reelmill.ffmpeg.reading.packet_index import Index, read_index
from tests.clips import cut_off, ffmpeg
from tests.ffmpeg.sources import CUT
from tests.processes import bytes_read


def _by_packets(path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    with monkeypatch.context() as patched:
        patched.setattr(packet_index, "samples_of", lambda *_: None)
        return read_index(path)


@pytest.mark.parametrize("kind", sorted(CUT))
def test_the_tables_have_what_the_packets_have(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = CUT[kind](tmp_path)
    assert read_index(path) == _by_packets(path, monkeypatch)


@pytest.mark.parametrize(
    "options", [["-bf", "0"], ["-movflags", "+negative_cts_offsets"], ["-movflags", "+frag_keyframe"]]
)
def test_whatever_tables_there_are(tmp_path: Path, options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "a.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=4", "-f", "lavfi", "-i", "sine=d=4", "-c:v", "libx264",
        "-preset", "veryfast", "-g", "25", *options, made,
    )  # fmt: skip
    assert read_index(made) == _by_packets(made, monkeypatch)


def test_hardly_anything_of_an_mp4_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=20,noise=alls=40:allf=t", "-c:v", "libx264", "-qp", "18",
        "-preset", "ultrafast", "-g", "25", path,
    )  # fmt: skip
    before = bytes_read()
    assert len(read_index(path).order) == 500
    assert bytes_read() - before < path.stat().st_size / 4


def test_an_mp4_whose_end_is_missing_is_read_to_where_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, short = tmp_path / "front.mp4", tmp_path / "short.mp4"
    ffmpeg("-i", CUT["closed"](tmp_path), "-c", "copy", "-movflags", "+faststart", whole)
    cut_off(whole, short, keep=0.7)
    found = read_index(short)
    assert len(found.order) < len(read_index(whole).order)
    assert found == _by_packets(short, monkeypatch)
