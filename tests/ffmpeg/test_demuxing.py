"""Files in which tracks come that their beginning does not name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.demuxing import demuxed
from reelmill.ffmpeg.reading.packet_index import read_index
from reelmill.ffmpeg.reading.probe import open_media
from tests.clips import clip
from tests.patched import joined_flash
from tests.words import ROOT, modules


@pytest.fixture
def begun_anew(tmp_path: Path) -> Path:
    """A Flash video whose header comes again in its middle, as a track of its own, since it is not at the beginning."""
    part = clip(tmp_path / "a.flv", seconds=2)
    return joined_flash(tmp_path / "both.flv", part, part, after=2.5)


def test_a_track_that_comes_later_is_no_error(begun_anew: Path) -> None:
    report = check_whole(begun_anew)
    assert (report.frames, report.errors) == (100, ())
    assert len(read_index(begun_anew).times) == 100


def test_each_track_is_asked_for_what_is_left(begun_anew: Path) -> None:
    with open_media(begun_anew) as container:
        packets = list(demuxed(container, container.streams.video))
        assert [packet.size == 0 for packet in packets] == [False] * 100 + [True]


def test_all_packets_come_from_there() -> None:
    """PyAV's own way raises at the end of such a file."""
    own = {
        module.relative_to(ROOT).as_posix()
        for module in modules("reelmill")
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "demux"
    }
    assert own == {"reelmill/ffmpeg/reading/demuxing.py"}
