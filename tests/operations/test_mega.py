from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.catalogue.models import Video
from reelmill.errors import TooFewVideos, WrongParameter
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import probe
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.compile_mega import Layout, compile_mega, how_many
from tests.clips import generated
from tests.operations.library import add_all
from tests.refusals import refused

#: Grey levels of sixteen sources, far enough apart to tell.
GREYS = [16 + 14 * n for n in range(16)]


def _seconds(number: int) -> float:
    return 0.6 + number / 25


@pytest.fixture
def many(bench: Workbench) -> list[Video]:
    """Sixteen videos of 0.6 to 1.2 s, each of its own grey, every other one with a tone of its own."""
    videos = []
    for number, grey in enumerate(GREYS):
        path = bench.root.folder("inbox") / f"{number:02}.mp4"
        tone = ["-f", "lavfi", "-i", f"sine=frequency={300 + 100 * number}:duration=3"] if number % 2 else []
        source = ("-f", "lavfi", "-i", f"color=0x{grey:02x}{grey:02x}{grey:02x}:s=160x90:r=25", *tone)
        encoding = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
        videos.append(generated(path, *source, "-t", f"{_seconds(number):.2f}", *encoding))
    return add_all(bench, videos)


def _ids(videos: list[Video]) -> list[str]:
    return [str(video.id) for video in videos]


def _greys(path: Path, columns: int) -> list[float]:
    """Mean of the middle of each cell in the first frame, row by row."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="gray")
    height, width = frame.shape[0] // columns, frame.shape[1] // columns
    cells = [(row, column) for row in range(columns) for column in range(columns)]
    return [
        float(np.mean(frame[(r * height + height // 4) : (r * height + height // 2), c * width + 50 : c * width + 150]))
        for r, c in cells
    ]


def _tones(path: Path) -> set[int]:
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        wave = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    spectrum = np.abs(np.fft.rfft(wave))
    return {f for f in range(300, 1900, 100) if spectrum[round(f * len(wave) / rate)] > 0.2 * spectrum.max()}


@pytest.mark.parametrize(("layout", "columns", "audio", "heard"), [("3x3", 3, 2, {400}), ("4x4", 4, "mix", None)])
def test_every_video_is_in_its_cell(
    bench: Workbench, many: list[Video], layout: Layout, columns: int, audio: int, heard: set[int] | None
) -> None:
    chosen = many[: columns**2]
    made = compile_mega(bench, _ids(chosen), layout=layout, audio=audio)
    path = bench.root.path / made.path
    assert probe(path).video.display_size == (1920, 1080)
    assert check_whole(path).clean
    assert made.duration == pytest.approx(_seconds(0), abs=0.03)
    shown = _greys(path, columns)
    assert sorted(shown) == shown  # in the order given
    assert len({round(grey / 4) for grey in shown}) == columns**2
    assert _tones(path) == (heard or {300 + 100 * n for n in range(1, 16, 2)})
    assert made.sources == tuple(video.path for video in chosen)


def test_a_video_may_be_in_several_cells(bench: Workbench, many: list[Video]) -> None:
    ids = _ids(many)[1::2][:3] * 3
    made = compile_mega(bench, ids, layout="3x3", audio="mix")
    assert _greys(bench.root.path / made.path, 3) == pytest.approx([*GREYS[1:7:2]] * 3, abs=2)
    assert check_whole(bench.root.path / made.path).errors == ()


def test_the_longest_decides_where_that_is_asked_for(bench: Workbench, many: list[Video]) -> None:
    made = compile_mega(bench, _ids(many[:9]), layout="3x3", length="longest", audio=0)
    assert made.duration == pytest.approx(_seconds(8), abs=0.03)
    assert probe(bench.root.path / made.path).audio_tracks == 0


def test_a_sequence_takes_any_number_in_their_order(bench: Workbench, many: list[Video]) -> None:
    made = compile_mega(bench, _ids(many), layout="sequence")
    assert made.duration == pytest.approx(sum(map(_seconds, range(16))), abs=0.3)
    with av.open(str(bench.root.path / made.path)) as container:
        greys = [int(np.mean(frame.to_ndarray(format="gray"))) for frame in container.decode(video=0)]
    assert greys == sorted(greys)
    assert len(set(greys)) == 16


def test_the_same_again_is_found_and_the_same_seed_picks_the_same(bench: Workbench, many: list[Video]) -> None:
    first = compile_mega(bench, layout="sequence", count=5, seed=4)
    again = compile_mega(bench, layout="sequence", count=5, seed=4)
    assert (first.reused, again.reused, again.sources) == (False, True, first.sources)
    assert len(set(first.sources)) == 5


@pytest.mark.parametrize(
    ("layout", "count", "given", "number"),
    [("3x3", None, None, 9), ("4x4", 16, 16, 16), ("sequence", None, None, 20), ("sequence", 7, None, 7),
     ("sequence", None, 3, 3)],
)  # fmt: skip
def test_how_many(layout: Layout, count: int | None, given: int | None, number: int) -> None:
    assert how_many(layout, count, given) == number


@pytest.mark.parametrize(
    ("layout", "count", "given", "parameter"),
    [("3x3", 4, None, "layout"), ("4x4", None, 9, "layout"), ("sequence", 5, 4, "count")],
)  # fmt: skip
def test_numbers_that_do_not_fit(layout: Layout, count: int | None, given: int | None, parameter: str) -> None:
    with refused(WrongParameter, parameter=parameter):
        how_many(layout, count, given)


def test_too_few_and_no_such_cell(bench: Workbench, many: list[Video]) -> None:
    with refused(TooFewVideos, needed=20, held=16):
        compile_mega(bench, layout="sequence")
    with refused(WrongParameter, parameter="audio", value=10):
        compile_mega(bench, _ids(many[:9]), layout="3x3", audio=10)
