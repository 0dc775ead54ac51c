"""What a web copy is by the words of ``reencode``: its lines, its bits a second, its subtitles beside it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from reelmill.doctor.inventory import Inventory, compare
from reelmill.errors import WrongParameter
from reelmill.ffmpeg.codecs import AV1, H264
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.planning.ladder import ladder_kbit
from reelmill.ffmpeg.planning.web_ready import web_facts
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import Transcoder, TranscoderOptions
from reelmill.ffmpeg.trials.vmaf import comparison
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.clip_generate import clip_generate
from reelmill.operations.jobs.reencode import reencode, web_encoding
from reelmill.operations.recipe import SourceContent
from reelmill.operations.web_copies.ceiling import ceiling_notes, with_ceiling
from reelmill.operations.web_copies.plan import PlanOptions, plan_files
from reelmill.operations.web_copies.result import as_made, copy_recipe
from reelmill.operations.web_copies.skip_or_remux import without_encoding
from tests.clips import clip, ffmpeg
from tests.ffmpeg.golden import info
from tests.operations.library import add
from tests.refusals import refused

_NO_LIMIT = float("inf")


@pytest.mark.parametrize(
    ("size", "rate", "source", "kbit"),
    [
        ((1920, 1080), 25, _NO_LIMIT, 8_000),
        ((1920, 1080), 60, _NO_LIMIT, 12_000),
        ((1920, 1080), 39, _NO_LIMIT, 10_000),
        ((1280, 720), 30, _NO_LIMIT, 5_000),
        ((640, 360), 30, _NO_LIMIT, 1_000),
        ((320, 180), 30, _NO_LIMIT, 250),
        ((16, 16), 30, _NO_LIMIT, 50),
        ((1920, 1080), 25, 3_000.4, 3_000),
    ],
)
def test_the_ladder_gives_what_a_size_and_a_rate_are_worth_and_never_more_than_the_source_has(
    size: tuple[int, int], rate: int, source: float, kbit: int
) -> None:
    assert ladder_kbit(size, Fraction(rate), H264, source) == kbit
    if source == _NO_LIMIT and kbit > 50:
        assert ladder_kbit(size, Fraction(rate), AV1, source) == kbit / 2


def test_a_ceiling_that_costs_quality_is_said_in_a_sentence(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mkv", size="640x360", rate=30, sound=0, options=["-qp", "0"])
    info, facts = probe(source), web_facts(source)
    assert with_ceiling(Encoding(max_kbit=0), info, facts).max_kbit == 1000
    assert ceiling_notes(Encoding(max_kbit=0), info, facts) == ceiling_notes(Encoding(max_kbit=1000), info, facts) == ()
    (note,) = ceiling_notes(Encoding(max_kbit=400), info, facts)
    assert {"400", "640x360", "1000"} <= set(note.split())
    (planned,) = plan_files([source], PlanOptions(Transcoder(), Encoding(max_kbit=400), samples=False)).videos
    assert planned.changed[-1] == note


def test_a_bit_rate_that_shows_nothing_is_refused() -> None:
    with refused(WrongParameter, parameter="target_bitrate", value=49):
        web_encoding(Transcoder(), target_bitrate=49)


def test_recipes_name_what_is_made() -> None:
    ways: list[dict[str, Any]] = [{}, {"max_height": 720}, {"surround": True}, {"max_kbit": 0}, {"max_kbit": 2000}]
    content = SourceContent("00", "a", 1, 1)
    assert len({copy_recipe(content, Encoding(**way)) for way in ways}) == len(ways)


def test_recipes_do_not_name_how_it_happens() -> None:
    """Neither threads, nor the encoder a node has, nor when and under what name the source was found."""
    content, way = SourceContent("00", "a", 1, 1), Encoding(max_kbit=2000)
    found = copy_recipe(content, way)
    assert copy_recipe(replace(content, video_id="b", size=2, mtime_ns=2), way) == found
    for other in (replace(way, threads=3), replace(way, encoder="h264_nvenc")):
        assert (copy_recipe(content, other), copy_recipe(content, other).names) == (found, found.names)
    asked = [copy_recipe(content, replace(way, encoder=row.name, encoder_asked=True)) for row in H264.encoders]
    assert asked == [found, found]  # the work of each is locked for all
    assert [recipe.names for recipe in asked] == [(name,) for name in found.names]
    assert copy_recipe(replace(content, track=1), way) != found


@pytest.mark.parametrize(
    ("rate", "filters"), [(Fraction(60_000, 1001), "send_field"), (Fraction(24_000, 1001), "decimate")]
)
def test_a_copy_of_a_telecined_video_is_measured_by_the_frames_that_it_has(rate: Fraction, filters: str) -> None:
    facts = as_made(info(interlaced=True, telecined=True), rate)
    line = " ".join(comparison(Path("a.mp4"), Path("b.mkv"), facts, (640, 360), Path("log"), 1))
    assert [name for name in ("send_field", "decimate") if name in line] == [filters]


def test_a_copy_has_the_lines_wanted_and_its_texts_beside_it(bench: Workbench, tmp_path: Path) -> None:
    texts, source = tmp_path / "a.srt", bench.root.folder("inbox") / "a.mkv"
    texts.write_text("1\n00:00:00,200 --> 00:00:00,800\nGrüße\n")
    plain = clip(tmp_path / "a.mp4", size="320x180")
    ffmpeg("-i", plain, "-i", texts, "-map", "0", "-map", "1", "-c", "copy", "-metadata:s:s:0", "language=deu", source)
    video = add(bench, source)
    result = reencode(bench, str(video.id), preset="ultrafast", max_height=90, target_bitrate=0)
    made = probe(bench.root.path / result.path)
    assert (made.video.width, made.video.height) == (160, 90)
    assert "it is scaled from 320x180 to 160x90" in result.changed
    beside = bench.root.path / "playback/a.1.deu.vtt"
    assert beside.read_text(encoding="utf-8").startswith("WEBVTT\n")
    assert "Grüße" in beside.read_text(encoding="utf-8")
    assert compare([], Inventory(bench.root).files(), recorded=frozenset, owners=frozenset).orphans == (
        result.path,
    )  # which the texts are with
    beside.unlink()
    assert reencode(bench, str(video.id), preset="ultrafast", max_height=90, target_bitrate=0).reused
    assert beside.exists()
    assert without_encoding(bench, str(video.id), target_bitrate=2000, max_height=90) is None
    of_site = replace(bench, transcoder=Transcoder(TranscoderOptions(max_height=90)))
    assert without_encoding(of_site, str(video.id), target_bitrate=2000) is None
    assert reencode(of_site, str(video.id), preset="ultrafast", target_bitrate=0).reused
    remuxed = without_encoding(of_site, str(video.id), target_bitrate=2000, max_height=1080)
    assert remuxed is not None
    assert (bench.root.path / remuxed.path).with_suffix(".1.deu.vtt").exists()


@pytest.mark.parametrize("chunk_seconds", [1000, 1])
def test_a_film_has_no_labels_of_its_source_and_a_keyframe_every_two_seconds(
    bench: Workbench, tmp_path: Path, chunk_seconds: int
) -> None:
    source = bench.root.folder("inbox") / "phone.mov"
    ffmpeg(
        "-i", clip(tmp_path / "a.mp4", seconds=6, rate=10, size="64x48", gop=100), "-c", "copy",
        "-metadata", "comment=for Ann", "-metadata", "location=+48.20+016.37/", source,
    )  # fmt: skip
    video = add(bench, source)
    job = replace(bench, chunk_seconds=Fraction(chunk_seconds))
    (made,) = clip_generate(job, str(video.id), count=1, length=5).clips
    film = bench.root.path / made.path
    for told in (b"Ann", b"48.2"):
        assert told in source.read_bytes()
        assert told not in film.read_bytes()
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size and packet.is_keyframe]
        keys = [float((packet.pts or 0) * (packet.time_base or 0)) for packet in packets]
    assert max(after - before for before, after in pairwise([*keys, 5.0])) <= 2.01
