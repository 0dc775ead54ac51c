from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.catalogue.models import Video
from reelmill.errors import TooFewVideos, WrongParameter
from reelmill.ffmpeg.reading.audio.loudness import integrated_loudness
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.verify import faststart
from reelmill.operations.context import Workbench
from reelmill.operations.films.sequence_plan import LOUDNESS
from reelmill.operations.jobs.compile_random import MedleyResult, compile_random
from tests.clips import Notes, clip, ffmpeg, overwritten
from tests.operations.library import add, taken
from tests.refusals import refused

#: Name, source pattern, size, rate, seconds, tone's volume (None: no audio) and encoder options. The first three agree
#: in what is seen, though no two are made by the same settings.
CLIPS = {
    "a.mp4": ("testsrc2", "320x180", "25", 3, 4, ["-c:v", "libx264", "-preset", "medium"]),
    "b.mkv": ("mandelbrot", "320x180", "25", 2, 0.01, ["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main"]),
    "c.mp4": ("testsrc", "320x180", "25", 2, None, ["-c:v", "libx264", "-bf", "0", "-g", "10"]),
    "d.webm": ("testsrc", "160x90", "30", 2, 2, ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"]),
    "e.mp4": ("testsrc2", "180x320", "25", 2, 0.1, ["-c:v", "libx264"]),
}


def _make(folder: Path, name: str) -> Path:
    pattern, size, rate, seconds, volume, encoder = CLIPS[name]
    tone = [] if volume is None else ["-f", "lavfi", "-i", f"sine=frequency=500:duration={seconds},volume={volume}"]
    ffmpeg("-f", "lavfi", "-i", f"{pattern}=size={size}:rate={rate}", *tone, "-t", str(seconds), *encoder,
           "-pix_fmt", "yuv420p", "-shortest", folder / name)  # fmt: skip
    return folder / name


@pytest.fixture
def library(bench: Workbench) -> dict[str, Video]:
    folder = bench.root.folder("videos")
    folder.mkdir(parents=True)
    for name in CLIPS:
        _make(folder, name)
    return {name: add(bench, folder / name) for name in CLIPS}


def _frames(path: Path) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8) for frame in container.decode(video=0)]


def _times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [(frame.pts or 0) * (frame.time_base or Fraction(0)) for frame in container.decode(video=0)]


def _join(bench: Workbench, count: int, **options: object) -> MedleyResult:
    given = {"min_duration": 1.0, "max_duration": 10.0, "seed": 3, **options}
    return compile_random(bench, count=count, **given)  # type: ignore[arg-type]


def test_what_agrees_is_joined_frame_by_frame(bench: Workbench, library: dict[str, Video]) -> None:
    made = _join(bench, 4)
    path = bench.root.path / made.path
    copied = {Path(segment.source).name: segment.copied for segment in made.pieces}
    assert copied == {"a.mp4": True, "b.mkv": True, "c.mp4": True, "d.webm": False}
    assert made.copied == 3
    assert [(one.source, one.starts_at, one.source_start, one.cell) for one in taken(made.path)] == [
        (segment.source, segment.start, 0, None) for segment in made.pieces
    ]
    assert [one.ends_at for one in taken(made.path)] == [segment.start + segment.duration for segment in made.pieces]
    shown, rate = _frames(path), 25
    for segment in made.pieces:
        first, frames = round(segment.start * rate), round(segment.duration * rate)
        if segment.copied:
            for ours, theirs in zip(
                shown[first : first + frames], _frames(bench.root.path / segment.source), strict=True
            ):
                assert np.array_equal(ours, theirs)
        else:
            assert "vp8" in segment.why
            assert frames == 50
    assert len(shown) == sum(round(segment.duration * rate) for segment in made.pieces) == (3 + 2 + 2 + 2) * rate


def test_its_frames_follow_at_exact_times_and_it_plays_from_the_web(
    bench: Workbench, library: dict[str, Video]
) -> None:
    path = bench.root.path / _join(bench, 4).path
    assert _times(path) == [Fraction(n, 25) for n in range(9 * 25)]
    assert check_whole(path).clean
    assert faststart(path)
    assert probe(path).video.display_size == (320, 180)


def test_loud_and_quiet_are_levelled_and_what_has_no_audio_is_silent(
    bench: Workbench, library: dict[str, Video], tmp_path: Path
) -> None:
    made = _join(bench, 4)
    path = bench.root.path / made.path
    for number, segment in enumerate(made.pieces):
        audio = tmp_path / f"{number}.mka"
        begin, length = str(segment.start + 0.1), str(segment.duration - 0.2)
        ffmpeg("-ss", begin, "-t", length, "-i", path, "-vn", "-c:a", "pcm_s16le", audio)
        cut = tmp_path / f"{number}.mp4"  # the measure opens videos
        ffmpeg("-f", "lavfi", "-i", "color=s=16x16", "-i", audio, "-shortest", "-c:v", "libx264", "-c:a", "aac", cut)
        name = Path(segment.source).name
        if name == "c.mp4":
            assert segment.gain is None
            assert integrated_loudness(cut) <= -60
        elif name == "b.mkv":  # too quiet to be made as loud as the rest
            assert segment.gain == 20
        else:
            assert integrated_loudness(cut) == pytest.approx(LOUDNESS, abs=1)


def test_the_same_again_finds_what_was_made_and_returns_the_same(bench: Workbench, library: dict[str, Video]) -> None:
    first, again = _join(bench, 3), _join(bench, 3)
    assert (first.reused, again.reused) == (False, True)
    assert first.cost is not None
    assert first.cost.cpu_seconds > 0
    assert first.cost.bytes_out == first.size
    assert again.cost is None
    assert (again.path, again.pieces) == (first.path, first.pieces)


def test_the_pick_meets_the_criteria(bench: Workbench, library: dict[str, Video]) -> None:
    upright = _join(bench, 1, orientation="portrait")
    assert [Path(segment.source).name for segment in upright.pieces] == ["e.mp4"]
    longest = _join(bench, 1, min_duration=2.5)
    assert [Path(segment.source).name for segment in longest.pieces] == ["a.mp4"]


def test_a_pick_that_cannot_be_met_is_an_error_with_what_there_is(bench: Workbench, library: dict[str, Video]) -> None:
    with refused(TooFewVideos, needed=3, held=1):
        _join(bench, 3, orientation="portrait")
    with refused(TooFewVideos, needed=9, held=4):
        _join(bench, 9)
    with refused(WrongParameter, parameter="min_duration", value=9.0):
        _join(bench, 1, min_duration=9.0, max_duration=2.0)


def test_frames_that_do_not_fit_are_encoded_into_the_form_of_the_others(
    bench: Workbench, library: dict[str, Video]
) -> None:
    made = _join(bench, 5, orientation="any")
    assert {Path(p.source).name for p in made.pieces if not p.copied} == {"d.webm", "e.mp4"}
    (segment,) = (segment for segment in made.pieces if segment.source.endswith("e.mp4"))
    assert "not those of the others" in segment.why
    frame = _frames(bench.root.path / made.path)[round((segment.start + 1) * 25)][:180]  # luma
    assert frame[:, :100].max() <= 20  # black beside it
    assert frame[:, 110:210].std() > 30


def test_where_nothing_can_be_copied_all_is_encoded(bench: Workbench) -> None:
    folder = bench.root.folder("videos")
    folder.mkdir(parents=True)
    for number in range(2):
        ffmpeg("-f", "lavfi", "-i", f"testsrc=size=162x90:rate={24 + number}:duration=1", "-c:v", "mpeg4",
               folder / f"{number}.avi")  # fmt: skip
        add(bench, folder / f"{number}.avi")
    made = _join(bench, 2)
    assert made.copied == 0
    info = probe(bench.root.path / made.path)
    assert (info.video.display_size, info.audio_tracks) == ((162, 90), 0)


def test_audio_stays_with_its_frames(bench: Workbench) -> None:
    """A flash and a beep at 1 s of each; in the second the audio track begins half a second before the frames."""
    folder = bench.root.folder("videos")
    folder.mkdir(parents=True)
    flash = "color=black:s=160x90:r=25:d=2,drawbox=t=fill:color=white:enable='between(t,1,1.19)'"
    beep = "aevalsrc='0.4*sin(2*PI*880*t)*between(t,1,1.2)':d=2:s=48000"
    ffmpeg("-f", "lavfi", "-i", flash, "-f", "lavfi", "-i", beep, "-c:v", "libx264", "-pix_fmt", "yuv420p",
           folder / "a.mp4")  # fmt: skip
    ffmpeg("-itsoffset", "0.5", "-f", "lavfi", "-i", flash, "-f", "lavfi", "-i", beep.replace("t,1,1.2", "t,1.5,1.7"),
           "-c:v", "libvpx", "-deadline", "realtime", folder / "b.webm")  # fmt: skip
    for name in ("a.mp4", "b.webm"):
        add(bench, folder / name)
    made = _join(bench, 2)
    assert made.copied == 1
    path = bench.root.path / made.path
    white = [frame[:90].mean() > 128 for frame in _frames(path)]
    flashes = [number / 25 for number, (was, now) in enumerate(zip([False, *white], white, strict=False)) if now > was]
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        wave = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    loud = np.abs(wave) > 0.2 * np.abs(wave).max()
    starts = [at / rate for at in np.flatnonzero(loud) if not loud[max(0, at - rate // 2) : at].any()]
    assert len(flashes) == len(starts) == 2
    for seen, heard in zip(flashes, starts, strict=True):
        assert heard == pytest.approx(seen, abs=1 / 25)


def test_what_does_not_play_joined_as_it_is_is_encoded_after_all(bench: Workbench) -> None:
    folder = bench.root.folder("videos")
    folder.mkdir(parents=True)
    notes = Notes()
    good = clip(folder / "good.mp4", seconds=2, sound=0)
    add(bench, overwritten(good, folder / "damaged.mp4", at=0.5, count=200))
    add(bench, clip(folder / "other.mp4", seconds=2, rate=25, sound=0))
    good.unlink()
    made = _join(replace(bench, report=notes), 2)
    assert made.copied == 0
    assert notes.said("every segment is encoded instead")
    assert check_whole(bench.root.path / made.path).clean
