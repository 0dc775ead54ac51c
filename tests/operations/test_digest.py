"""A digest on disk: as long as asked, from where it says, with the sound that belongs to it, made once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from sqlmodel import select

from reelmill.analysis.frames.time_ranges import TimeRange
from reelmill.analysis.scoring.signals import measure
from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos.scenes import scenes_of
from reelmill.errors import InputError, UnknownVideo, WrongParameter
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import probe
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.digest import digest
from reelmill.parallel import Result, Work, ignore
from reelmill.troubles import Flaw
from tests.clips import clip, ffmpeg, promising
from tests.operations.library import add, taken
from tests.refusals import refused


def _lively_in_the_middle(path: Path, *, sound: bool = True, size: str = "160x120") -> Path:
    """24 s: still, then 6 s of motion and tone from 10 s on, then still."""
    still, lively = f"color=teal:s={size}:r=25", f"testsrc2=s={size}:r=25"
    inputs = [
        "-f",
        "lavfi",
        "-t",
        "10",
        "-i",
        still,
        "-f",
        "lavfi",
        "-t",
        "6",
        "-i",
        lively,
        "-f",
        "lavfi",
        "-t",
        "8",
        "-i",
        still,
    ]
    tone = ["-f", "lavfi", "-i", "aevalsrc='if(between(t,10,16),0.4*sin(2000*t),0)':d=24"] if sound else []
    maps = ["-map", "[v]", *(["-map", "3:a"] if sound else [])]
    ffmpeg(
        *inputs,
        *tone,
        "-filter_complex",
        "[0][1][2]concat=n=3[v]",
        *maps,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        path,
    )
    return path


def test_the_lively_part_is_what_remains(bench: Workbench) -> None:
    video = add(bench, _lively_in_the_middle(bench.root.folder("inbox") / "a b.mp4"))
    result = digest(bench, str(video.id), target_length=6)
    assert result.path == "digests/a b-digest.mp4"
    assert all(10 <= segment.start < segment.end <= 16 for segment in result.segments)
    assert "motion" in result.segments[0].reason
    with session() as opened:
        rows = scenes_of(opened, opened.get_one(Video, video.id))
    assert [row.starts_at for row in rows] == [0, 10, 16]
    assert max(rows, key=lambda row: row.score or 0) is rows[1]
    made = bench.root.path / result.path
    report = check_whole(made)
    assert report.clean
    assert report.frames == 150
    assert abs(float(report.content or 0) - 6) <= 0.05
    # Its pictures move and its sound is loud all the way, so they come from where it says, and together.
    signals = measure(TimeRange(str(made), 0, 6))
    assert signals.motion[1:].min() > 0.01
    assert signals.loudness.min() > -20


def test_spread_evenly_it_shows_the_still_parts_too(bench: Workbench) -> None:
    video = add(bench, _lively_in_the_middle(bench.root.folder("inbox") / "a.mp4"))
    result = digest(bench, str(video.id), target_length=6, include_highlights=False)
    assert result.segments[0].start < 10
    assert result.segments[-1].end > 16
    assert abs(result.duration - 6) <= 0.1


def test_each_picture_is_the_sources_at_the_time_it_says(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "count.mp4", seconds=20, size="320x240"))
    result = digest(bench, str(video.id), target_length=8, include_highlights=False)
    shown = 0
    for segment, row in zip(result.segments, taken(result.path), strict=True):
        assert (row.source, row.source_start, row.source_end) == (video.path, segment.start, segment.end)
        assert row.starts_at == pytest.approx(shown / 25)
        first = _frame(bench.root.path / result.path, shown)
        start = round(segment.start * 25)
        near = {at: _frame(bench.root.path / video.path, at) for at in range(start - 2, start + 3)}
        assert min(near, key=lambda at: float(np.abs(first - near[at]).mean())) == start
        shown += round((segment.end - segment.start) * 25)


@pytest.mark.parametrize(
    ("size", "sound", "shown"),
    [("120x160", True, (120, 160)), ("161x121", False, (162, 122))],
    ids=["portrait", "mute"],
)
def test_odd_sources(bench: Workbench, size: str, sound: bool, shown: tuple[int, int]) -> None:
    path = bench.root.folder("inbox") / "odd.mkv"
    video = add(
        bench,
        clip(
            path,
            seconds=5,
            size=size,
            sound=int(sound),
            options=["-vf", f"scale={size.replace('x', ':')}", "-pix_fmt", "yuv444p"],
        ),
    )
    info = probe(bench.root.path / digest(bench, str(video.id), target_length=3).path)
    assert (info.video.width, info.video.height) == shown
    assert info.audio_tracks == int(sound)


@pytest.mark.parametrize("length", [3, 60])
def test_a_video_no_longer_than_the_digest_is_left_as_it_is(bench: Workbench, length: float) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "short.mp4", seconds=3))
    result = digest(bench, str(video.id), target_length=length)
    assert (result.video_id, result.path, result.segments) == (video.id, video.path, ())
    assert result.skipped == f"it lasts 3.0 s, no longer than the {length} s asked for; ask for less"
    assert result.result_card().title == f"{video.path} was left as it is: {result.skipped}"
    assert not list(bench.root.folder("digests").iterdir())
    with session() as opened:
        assert len(opened.exec(select(Video)).all()) == 1


def test_a_promise_is_not_filled_with_a_frozen_picture(bench: Workbench, tmp_path: Path) -> None:
    made = clip(tmp_path / "short.mkv", seconds=4)
    video = add(bench, promising(made, bench.root.folder("inbox") / "long.mkv", seconds=200))
    result = digest(bench, str(video.id), target_length=60)
    assert 4 <= result.duration <= 5.1
    assert check_whole(bench.root.path / result.path).clean


@pytest.mark.parametrize("highlights", [True, False])
def test_a_slide_show_shows_the_slide_that_was_on(bench: Workbench, highlights: bool) -> None:
    path = bench.root.folder("inbox") / "slides.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=d=40:r=1/5:s=160x120", "-f", "lavfi", "-i", "sine=d=40",
           "-c:v", "libx264", path)  # fmt: skip
    result = digest(bench, str(add(bench, path).id), target_length=8, include_highlights=highlights)
    made = bench.root.path / result.path
    report = check_whole(made)
    assert report.frames == 200
    assert abs(float(report.content or 0) - 8) <= 0.05
    at = 0
    for segment in result.segments:
        shown = _frame(made, at)
        slides = [float(np.abs(_frame(path, number) - shown).mean()) for number in range(8)]
        assert int(np.argmin(slides)) == int(segment.start // 5)
        at += round((segment.end - segment.start) * 25)


def test_over_many_stretches_sound_and_picture_stay_together(bench: Workbench) -> None:
    path = bench.root.folder("inbox") / "clap.mp4"
    flash = "drawbox=color=white:t=fill:enable='between(mod(t,1),0.5,0.6)'"
    beep = "aevalsrc='if(between(mod(t,1),0.5,0.6),0.5*sin(6000*t),0)':d=120"
    ffmpeg("-f", "lavfi", "-i", "color=black:s=160x120:r=30000/1001:d=120", "-f", "lavfi", "-i", beep,
           "-vf", flash, "-c:v", "libx264", "-preset", "ultrafast", path)  # fmt: skip
    result = digest(bench, str(add(bench, path).id), target_length=40, include_highlights=False)
    assert len(result.segments) >= 6
    assert abs(float(check_whole(bench.root.path / result.path).content or 0) - 40) <= 0.05
    flashes, beeps = _claps(bench.root.path / result.path)
    assert len(flashes) >= 30
    # A stretch may begin inside a flash, whose beep then fades in: that one tells nothing.
    apart = sorted(float(np.abs(beeps - flash).min()) for flash in flashes)
    assert apart[len(apart) * 8 // 10] <= 0.045


def test_twice_gives_one_file_and_one_record(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "once.mp4", seconds=6))
    first = digest(bench, str(video.id), target_length=3)
    second = digest(bench, str(video.id), target_length=3, fan_out=_nothing_left_to_do)
    assert second.reused
    assert first.cost is not None
    assert (first.cost.bytes_out, first.cost.vmaf, first.cost.efficiency) == (first.size, None, None)
    assert second.cost is None
    assert (second.video_id, second.path, second.segments) == (first.video_id, first.path, first.segments)
    with session() as opened:
        assert len(opened.exec(select(Video)).all()) == 2
    assert [path.name for path in (bench.root.path / "digests").iterdir()] == ["once-digest.mp4"]


def _nothing_left_to_do(
    _function: Callable[[Work], Result], _works: Sequence[Work], _done: Callable[[Result], None] = ignore
) -> list[Result]:
    raise AssertionError("a digest that is there must not be analysed again")


def test_what_cannot_be_done_says_so(bench: Workbench) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "x.mp4"))
    with refused(WrongParameter, parameter="target_length", value=0):
        digest(bench, str(video.id), target_length=0)
    with refused(UnknownVideo, name="seventeen"):
        digest(bench, "seventeen")
    (bench.root.folder("inbox") / "y.mp4").write_bytes(b"")
    broken = add(bench, bench.root.folder("inbox") / "y.mp4")
    with refused(InputError, path="inbox/y.mp4", flaw=Flaw.INVALID):
        digest(bench, str(broken.id))
    assert not list((bench.root.path / "digests").iterdir())


def _frame(path: Path, number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index == number:
                return np.asarray(frame.to_ndarray(format="gray"), np.float32)
    raise AssertionError(f"{path.name} has no picture {number}")


def _claps(path: Path) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[Any]]]:
    """Seconds at which the picture turns white, and at which the sound sets in."""
    with av.open(str(path)) as container:
        seen = [
            (frame.time or 0.0, frame.to_ndarray(format="gray").mean() > 100) for frame in container.decode(video=0)
        ]
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    rate = frames[0].sample_rate
    loud = np.abs(np.concatenate([frame.to_ndarray()[0] for frame in frames])) > 0.1
    smooth = np.convolve(loud, np.ones(rate // 100), "same") > 0
    heard = np.flatnonzero(np.diff(smooth.astype(int)) == 1) / rate + (frames[0].time or 0.0) + 0.005
    flashes = [now for (_, dark), (now, white) in itertools.pairwise(seen) if white and not dark]
    return np.array(flashes), heard
