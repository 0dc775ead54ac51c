"""What is cut out of a video is what the video shows then, frame by frame, whatever its container.

Each clip's frames show their number and its audio clicks at every second, so that what comes out says where it is from.
"""

from __future__ import annotations

import shutil
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from reelmill.analysis.frames.frame_reader import read_frames as analysed
from reelmill.analysis.frames.seek_reader import SeekingReader, keyframes
from reelmill.catalogue.models import Video
from reelmill.errors import WrongParameter
from reelmill.ffmpeg.commands.montage import TimeRange
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.packet_index import read_index
from reelmill.ffmpeg.reading.probe import open_media, probe
from reelmill.ffmpeg.reading.random_access import enterable
from reelmill.ffmpeg.reading.seeking import seek_points
from reelmill.ffmpeg.trials.encode_prediction import command
from reelmill.ffmpeg.verify import Expectation
from reelmill.ffmpeg.verify.matches.colours import percentiles
from reelmill.operations.chunk_store.readable import ReadableVideo
from reelmill.operations.context import Workbench
from reelmill.operations.derived import previews
from reelmill.operations.films.film_work import FilmWork
from reelmill.operations.films.segments import cut
from reelmill.operations.jobs.compile_gif import compile_gif
from reelmill.operations.jobs.compile_random import compile_random
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from reelmill.operations.publishing.publish import Product
from reelmill.operations.publishing.workspace import workspace
from reelmill.report import NullReport
from tests.clips import ffmpeg
from tests.counted import GOP, INDEXED, RATE, UNINDEXED, Clock, clicks, clock, counted, number, numbers, of_jpeg
from tests.operations.library import add
from tests.pictures import pictures
from tests.refusals import refused

#: Moments a little after a click: in the middle of a GOP, and in the last one.
_MIDDLE: Final = Fraction(501, 100)
_LAST: Final = Fraction(1101, 100)
_FAST: Final = Encoding(preset="ultrafast", crf=18)

Clips = Callable[[str], tuple[Path, Clock]]


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Each clip and its clock, made when it is first asked for."""
    folder, made = tmp_path_factory.mktemp("counted"), dict[str, tuple[Path, Clock]]()

    def clip(name: str) -> tuple[Path, Clock]:
        if name not in made:
            path = counted(folder, name)
            made[name] = path, clock(path)
        return made[name]

    return clip


def _added(bench: Workbench, path: Path) -> Video:
    """In the library, under a name that a scan takes: nobody scans for ``.h264``, and files have wrong names."""
    target = bench.root.folder("inbox") / (f"{path.name}.m2v" if path.suffix == ".h264" else path.name)
    shutil.copyfile(path, target)
    return add(bench, target)


def _film(bench: Workbench, path: Path, spans: Sequence[TimeRange]) -> Path:
    """A film of segments, as clips, digests and scenes are cut."""
    video, key = _added(bench, path), "0" * 16
    source = bench.source(video)
    with workspace(bench.root, key, bench.report) as folder:
        product = Product(path="clips/cut.mp4", recipe=key, expected=Expectation(), title="cut")
        work = FilmWork(bench, _FAST, folder, product)
        film = cut(work, ReadableVideo(video, source, probe(source), bench.content(video)), spans, NullReport())
    return bench.root.path / film.video.path


def _gif(bench: Workbench, path: Path, at: Fraction) -> list[int]:
    asked = {"start": float(at), "duration": 8 / RATE}
    return numbers(bench.root.path / compile_gif(bench, str(_added(bench, path).id), width=160, fps=RATE, **asked).path)


def _still(bench: Workbench, path: Path, at: Fraction) -> list[int]:
    made = thumbnail(bench, str(_added(bench, path).id), timestamp=float(at), width=160)
    return [of_jpeg((bench.root.path / made.path).read_bytes())]


def _preview(_: Workbench, path: Path, at: Fraction) -> list[int]:
    return [of_jpeg(previews.of_video(path, float(at)))]


def _tile(_: Workbench, path: Path, at: Fraction) -> list[int]:
    with SeekingReader(path, keyframes(path).times) as reader:
        still = reader.at(at)
        assert still is not None
        return [number(still.frame.to_ndarray(format="gray"))]


@pytest.mark.parametrize("container", [*UNINDEXED, *INDEXED])
def test_a_film_shows_and_sounds_what_its_source_does_then(bench: Workbench, clips: Clips, container: str) -> None:
    path, shown = clips(container)
    spans = [(at - Fraction(1, 5), at + Fraction(1, 5)) for at in (_MIDDLE, _LAST)]
    film = _film(bench, path, spans)
    firsts = [shown.near(start) for start, _ in spans]
    assert numbers(film) == [first + step for first in firsts for step in range(10)]
    heard = [
        at - float(shown.times[first]) + place * 0.4
        for place, ((start, end), first) in enumerate(zip(spans, firsts, strict=True))
        for at in clicks(path)
        if start < at < end
    ]
    assert clicks(film) == pytest.approx(heard, abs=1 / RATE)
    assert len(heard) == (0 if container in ("m2v", "h264") else 2)


#: Makes a product; and whether it begins with the frame nearest to the moment, or else the one on show.
_PRODUCTS: Final = {"gif": (_gif, True), "still": (_still, False), "preview": (_preview, False), "tile": (_tile, False)}


@pytest.mark.parametrize("at", [_MIDDLE, _LAST], ids=["middle", "last GOP"])
@pytest.mark.parametrize("product", _PRODUCTS)
@pytest.mark.parametrize("container", UNINDEXED)
def test_what_is_made_of_a_moment_shows_it(
    bench: Workbench, clips: Clips, container: str, product: str, at: Fraction
) -> None:
    (path, shown), (make, nearest) = clips(container), _PRODUCTS[product]
    got = make(bench, path, at)
    first = shown.near(at) if nearest else shown.on_show(at)
    assert got == list(range(first, first + len(got)))
    assert len(got) == (8 if product == "gif" else 1)


@pytest.mark.parametrize("container", UNINDEXED)
def test_the_last_gop_is_analysed(clips: Clips, container: str) -> None:
    path, shown = clips(container)
    (seen,) = islice((frame for time, frame in analysed(path, 11, every=True) if time >= 11), 1)
    assert number(seen.to_ndarray(format="gray")) == bisect_left(shown.times, 11)


@pytest.mark.parametrize("container", ["avi", "flv", "ts", "mpg", "m2v"])
def test_a_film_from_the_beginning_begins_there(bench: Workbench, clips: Clips, container: str) -> None:
    path, _ = clips(container)
    shown = numbers(_film(bench, path, [(Fraction(0), Fraction(2, 5))]))
    assert shown in (list(range(10)), [0, *range(9)])  # where audio comes first, the first frame stands for it


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts"])
def test_a_segment_near_the_beginning_leaves_the_others_as_they_are(
    bench: Workbench, clips: Clips, container: str
) -> None:
    """It is read from the start, with the file's own times, which ffmpeg then keeps for all that it reads."""
    path, shown = clips(container)
    spans = [(Fraction(1, 10), Fraction(1, 2)), (_MIDDLE - Fraction(1, 5), _MIDDLE + Fraction(1, 5))]
    film = _film(bench, path, spans)
    firsts = [shown.near(start) for start, _ in spans]
    assert numbers(film) == [first + step for first in firsts for step in range(10)]
    (heard,) = [at for at in clicks(path) if spans[1][0] < at < spans[1][1]]
    assert clicks(film) == pytest.approx([heard - float(shown.times[firsts[1]]) + 0.4], abs=1 / RATE)


@pytest.mark.parametrize("container", ["ts", "mpg"])
def test_a_long_film_is_made_in_pieces_of_the_same_frames(bench: Workbench, clips: Clips, container: str) -> None:
    """Frames and audio are then read by commands of their own, which begin on one clock nevertheless."""
    path, shown = clips(container)
    bench = replace(bench, chunk_seconds=Fraction(1))
    spans = [(Fraction(471, 100), Fraction(611, 100)), (Fraction(1061, 100), Fraction(1181, 100))]
    film = _film(bench, path, spans)
    firsts = [shown.near(start) for start, _ in spans]
    assert numbers(film) == [*range(firsts[0], firsts[0] + 35), *range(firsts[1], firsts[1] + 30)]
    heard = [at - float(shown.times[firsts[0]]) for at in clicks(path)[5:7]]
    heard.append(clicks(path)[11] - float(shown.times[firsts[1]]) + 1.4)
    assert clicks(film) == pytest.approx(heard, abs=1 / RATE)


@pytest.mark.parametrize("first", ["frames", "audio"])
@pytest.mark.parametrize(("container", "source"), [("ts", "mkv"), ("mpg", "mxf")])
def test_a_sequence_keeps_audio_that_begins_at_another_time(
    bench: Workbench, clips: Clips, container: str, source: str, first: str
) -> None:
    (whole, _), late = clips(source), bench.root.folder("inbox") / f"late.{container}"
    frames, audio = (("0:v", "1:a"), ("1:v", "0:a"))[first == "audio"]
    maps = ("-map", frames, "-map", audio, "-c:v", "copy", "-c:a", "mp2")
    ffmpeg("-i", whole, "-itsoffset", "0.6", "-i", whole, *maps, late)
    video, begin = add(bench, late), clock(late).times[0]
    made = compile_random(bench, count=1, min_duration=1)
    assert made.pieces[0].source == video.path
    heard = [at - float(begin) for at in clicks(late) if 0.1 < at - float(begin) < 11]
    assert clicks(bench.root.path / made.path)[: len(heard)] == pytest.approx(heard, abs=1 / RATE)
    assert len(heard) >= 10


def test_a_real_recording_with_one_keyframe_in_ten_seconds(bench: Workbench, real_media: Path) -> None:
    source = real_media / "failing" / "longgop.ts"
    wanted = pictures(source)
    with open_media(source) as container:
        start = Fraction(container.start_time or 0, 1_000_000)
        times = [Fraction(frame.pts or 0) * (frame.time_base or 0) - start for frame in container.decode(video=0)]
    for at in (Fraction(5), times[-1] - Fraction(1, 2)):
        made = pictures(_film(bench, source, [(at, at + Fraction(8, RATE))]))
        first = min(range(len(times)), key=lambda number: abs(times[number] - at))
        for step, got in enumerate(made):
            near = range(first + step - 3, min(first + step + 4, len(wanted)))
            assert min(near, key=lambda number: float(np.abs(got - wanted[number]).mean())) == first + step
        for path in (bench.root.path / "clips").iterdir():
            path.unlink()


def test_a_keyframe_that_a_seek_passes_is_still_compared(tmp_path: Path, clips: Clips) -> None:
    """Whether decoding may begin at it was once answered by comparing nothing with nothing."""
    refreshed = tmp_path / "refreshed.ts"
    path, _ = clips("mp4")
    ffmpeg("-i", path, "-c:v", "libx264", "-g", "75", "-x264-params", "intra-refresh=1", "-bf", "2", "-an", refreshed)
    index = read_index(refreshed)
    later = [keyframe for keyframe in index.keyframes[1:] if not keyframe.certain]
    assert later
    assert not any(enterable(refreshed, index, keyframe) for keyframe in later)
    opened, _ = clips("open.ts")
    index = read_index(opened)
    later = [keyframe for keyframe in index.keyframes[1:] if not keyframe.certain]
    assert later
    assert all(enterable(opened, index, keyframe) for keyframe in later)


@pytest.mark.parametrize("make", [_gif, _still])
def test_a_moment_after_the_end_is_refused_where_no_length_is_said(
    bench: Workbench, clips: Clips, make: Callable[[Workbench, Path, Fraction], list[int]]
) -> None:
    path, _ = clips("m2v")
    with refused(WrongParameter, value=20.0):
        make(bench, path, Fraction(20))


@pytest.mark.parametrize("container", ["ts", "mpg", "mkv"])
def test_a_piece_encoded_for_a_prediction_begins_with_its_keyframe(
    tmp_path: Path, clips: Clips, container: str
) -> None:
    path, shown = clips(container)
    (seek_point,) = seek_points(path, [Fraction(8)])
    assert seek_point.keyframe == shown.times[2 * GOP]
    begin = replace(seek_point, shown=seek_point.keyframe)
    target = tmp_path / "piece.nut"
    ffmpeg(*command(path, probe(path), target, _FAST, begin, Fraction(2, 5)))
    assert numbers(target) == list(range(2 * GOP, 2 * GOP + 10))


def test_the_frame_whose_brightness_is_compared_is_the_one_on_show(clips: Clips) -> None:
    """A copy that was tone-mapped is told from one that was not by the same frames of both."""
    (stream, _), (file, _) = clips("ts"), clips("mp4")
    one, other = percentiles(stream, Fraction(5)), percentiles(file, Fraction(5))
    assert one is not None
    assert other is not None
    assert np.abs(one - other).max() < 8  # frame 125 or 126 of both; the next keyframe, 150, has other bits
