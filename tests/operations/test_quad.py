from __future__ import annotations

import shutil
import uuid
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.catalogue.models import Video
from reelmill.errors import InputError, NameTaken, OutsideMediaRoot, TooFewVideos, WrongParameter
from reelmill.ffmpeg.commands.filters import Cell
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import probe
from reelmill.operations.context import Workbench
from reelmill.operations.films.grid import Length, plan
from reelmill.operations.jobs.compile_quad import AudioChoice, compile_quad
from reelmill.troubles import Flaw
from tests.clips import clip, ffmpeg, generated
from tests.operations.library import add, add_all, taken
from tests.refusals import refused

#: Colour, size, frames per second, seconds and tone of the four sources; the third has no audio.
SOURCES = [
    ("red", "160x120", "25", 0.8, 400),
    ("lime", "90x160", "30", 1.2, 800),
    ("blue", "320x180", "30000/1001", 1.6, None),
    ("white", "64x64", "10", 1, 1600),
]


@pytest.fixture
def four(bench: Workbench) -> list[Video]:
    videos = []
    for colour, size, rate, seconds, tone in SOURCES:
        path = bench.root.folder("inbox") / f"{colour}.mp4"
        audio = ["-f", "lavfi", "-i", f"sine=frequency={tone}:duration={seconds}"] if tone else []
        source = ("-f", "lavfi", "-i", f"color={colour}:s={size}:r={rate}:d={seconds}", *audio)
        generated(path, *source, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
        videos.append(path)
    return add_all(bench, videos)


def _ids(videos: list[Video]) -> list[str]:
    return [str(video.id) for video in videos]


def _frame(path: Path, number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index == number:
                return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    raise AssertionError(f"no frame {number}")


def _tones(path: Path) -> set[int]:
    """Which of the sources' tones are heard, by the spectrum."""
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        wave = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    spectrum = np.abs(np.fft.rfft(wave))
    frequencies = np.fft.rfftfreq(len(wave), 1 / rate)
    peak = {tone: spectrum[np.abs(frequencies - tone) < 10].max() for tone in (400, 800, 1600)}
    return {tone for tone, value in peak.items() if value > 0.1 * max(peak.values())}


def test_videos_that_declare_no_matrix_make_a_grid_that_does(bench: Workbench) -> None:
    """Their brightness is another number there, and shows the same."""
    sizes = ("160x120", "120x160", "320x180", "64x64")
    clips = [clip(bench.root.folder("inbox") / f"{size}.mp4", size=size, seconds=0.4) for size in sizes]
    result = compile_quad(bench, _ids([add(bench, path) for path in clips]))
    video = probe(bench.root.path / result.path).video
    assert (video.primaries, video.transfer, video.matrix) == (1, 1, 1)  # BT.709


def test_each_video_is_whole_in_its_cell(bench: Workbench, four: list[Video]) -> None:
    result = compile_quad(bench, _ids(four))
    path = bench.root.path / result.path
    info, report = probe(path), check_whole(path)
    assert (info.video.width, info.video.height, info.video.frame_rate) == (1920, 1080, Fraction(30))
    assert report.clean
    assert taken(result.path) == [(video.path, 0, 0.8, 0, 0.8, cell) for cell, video in enumerate(four)]
    assert report.frames == 24  # as long as the shortest, 0.8 s, at the fastest source's rate
    frame = _frame(path, 12)
    for (top, left), rgb in {
        (270, 480): (254, 0, 0),
        (270, 1440): (0, 255, 0),
        (810, 480): (0, 0, 254),
        (810, 1440): (255,) * 3,
    }.items():
        assert np.abs(frame[top, left].astype(int) - rgb).max() <= 6
    # The upright phone video stands between black bars, its height full, its width a sixteenth of nine.
    row = frame[270, 960:1920].astype(int)
    green = np.flatnonzero((row[:, 1] > 200) & (row[:, 0] < 60))
    assert abs(len(green) - 540 * 90 / 160) <= 3
    assert abs((green[0] + green[-1]) / 2 - 480) <= 2


@pytest.mark.parametrize(
    ("audio", "heard"), [(1, {400}), (2, {800}), (4, {1600}), ("mix", {400, 800, 1600}), (0, None), (3, None)]
)
def test_the_audio_that_was_asked_for(
    bench: Workbench, four: list[Video], audio: AudioChoice, heard: set[int] | None
) -> None:
    path = bench.root.path / compile_quad(bench, _ids(four), audio=audio).path
    if heard is None:
        assert probe(path).audio_tracks == 0
    else:
        assert _tones(path) == heard


def test_the_longest_keeps_the_others_standing(bench: Workbench, four: list[Video]) -> None:
    result = compile_quad(bench, _ids(four), length="longest")
    assert result.duration == pytest.approx(1.6, abs=0.05)
    last = _frame(bench.root.path / result.path, 46)
    assert np.abs(last[270, 480].astype(int) - (254, 0, 0)).max() <= 6


def test_a_seed_picks_the_same_again(bench: Workbench, four: list[Video]) -> None:
    for number in range(4):
        add(bench, clip(bench.root.folder("inbox") / f"more {number}.mp4", seconds=0.6))
    first, second = compile_quad(bench, seed=5), compile_quad(bench, seed=5)
    assert (second.reused, second.sources, second.path) == (True, first.sources, first.path)
    assert first.cost is not None
    assert first.cost.cpu_seconds > 0
    assert first.cost.bytes_out == first.size
    assert second.cost is None
    assert len(set(first.sources)) == 4
    assert any(compile_quad(bench, seed=seed).sources != first.sources for seed in (6, 7))
    # Without a seed the job's own id is the seed, so that a retry picks the same.
    job = Workbench(root=bench.root, transcoder=bench.transcoder, report=bench.report, run_id=uuid.uuid4())
    assert compile_quad(job).sources == compile_quad(job).sources


def test_a_chosen_path_is_kept_and_never_overwritten(bench: Workbench, four: list[Video]) -> None:
    assert compile_quad(bench, _ids(four), target="compilations/mine.mp4").path == "compilations/mine.mp4"
    before = (bench.root.path / "compilations/mine.mp4").read_bytes()
    with refused(NameTaken, path="compilations/mine.mp4"):
        compile_quad(bench, _ids(four[::-1]), target="compilations/mine.mp4")
    assert (bench.root.path / "compilations/mine.mp4").read_bytes() == before


@pytest.mark.parametrize(
    ("target", "refusal"),
    [
        ("../out.mp4", refused(OutsideMediaRoot, path="../out.mp4")),
        ("/etc/out.mp4", refused(OutsideMediaRoot, path="/etc/out.mp4")),
        ("compilations/out.txt", refused(WrongParameter, parameter="target", value="compilations/out.txt")),
        ("out.mp4", refused(OutsideMediaRoot, path="out.mp4")),
        (".reelmill/work/out.mp4", refused(OutsideMediaRoot, path=".reelmill/work/out.mp4")),
    ],
)
def test_a_path_that_may_not_be(bench: Workbench, four: list[Video], target: str, refusal: refused) -> None:
    with refusal:
        compile_quad(bench, _ids(four), target=target)


def test_too_few(bench: Workbench, four: list[Video]) -> None:
    with refused(WrongParameter, parameter="video_ids", value=3):
        compile_quad(bench, _ids(four[:3]))
    (bench.root.path / four[0].path).unlink()
    add(bench, bench.root.path / four[1].path)  # a scan that finds the first one gone
    with refused(TooFewVideos, needed=4, held=3):
        compile_quad(bench)


@pytest.mark.parametrize(("length", "seconds"), [("shortest", 1), ("longest", 3)])
def test_the_plan(tmp_path: Path, length: Length, seconds: int) -> None:
    paths = [clip(tmp_path / f"{n}.mp4", seconds=n, rate=rate) for n, rate in ((1, 25), (2, 24), (3, 120), (2, 30))]
    decided = plan([Cell(path, probe(path)) for path in paths], length, "mix")
    assert abs(decided.length - seconds) < Fraction(1, 20)
    assert decided.rate == 60
    assert decided.heard == (0, 1, 2, 3)


def test_a_video_without_a_word_of_how_long_it_is(bench: Workbench, four: list[Video]) -> None:
    path = bench.root.folder("inbox") / "live.webm"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=d=1:s=64x64", "-c:v", "libvpx", "-f", "webm", "-live", "1", path)
    video = add(bench, path)
    assert video.duration is None
    with refused(InputError, path=str(path), flaw=Flaw.NO_LENGTH):
        compile_quad(bench, [str(video.id), *_ids(four[1:])])


@pytest.mark.real_media
def test_any_four_real_clips(bench: Workbench, real_media: Path) -> None:
    names = ["cursed-vfr.mp4", "rotated_hdr_video.mov", "interlaced_480i.mpg", "video_with_rectangular_samples.mp4"]
    for name in names:
        shutil.copy(real_media / name, bench.root.folder("inbox"))
    videos = [add(bench, bench.root.folder("inbox") / name) for name in names]
    result = compile_quad(bench, _ids(videos), audio=3)
    report = check_whole(bench.root.path / result.path)
    assert report.clean
    assert report.content is not None
    assert abs(report.content - Fraction(5, 3)) < Fraction(1, 10)
