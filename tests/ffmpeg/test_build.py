from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from reelmill.ffmpeg import codecs
from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.commands import filters, montage, web_copy
from reelmill.ffmpeg.commands.filters import Cell, GridForm
from reelmill.ffmpeg.commands.montage import Montage
from reelmill.ffmpeg.commands.still import still
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.geometry import web_size
from reelmill.ffmpeg.process.run import FfmpegRunner, Limits
from reelmill.ffmpeg.reading.decode import check_whole, decoded_seek_point
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.reading.seeking import SeekPoint
from tests.clips import clip, ffmpeg
from tests.ffmpeg.golden import info, readable

_NVENC = codecs.H264.encoders[1]
_GOLDEN = Path(__file__).parent / "golden"


_SOURCE, _TARGET = Path("/in put/-a:b.mkv"), Path("/out.mp4")
_HDR_PHONE = info((), transfer=18, rotation=90, interlaced=True, width=161, height=121)
_CELLS = [Cell(Path(f"/{index}.mp4"), info()) for index in range(4)]

_COMMANDS = {
    "reencode": web_copy.reencode(
        _SOURCE, info(("aac", "ac3"), ("subrip", "hdmv_pgs_subtitle", "ass")), _TARGET, Encoding()
    ),
    "reencode_hdr": web_copy.reencode(_SOURCE, _HDR_PHONE, _TARGET, Encoding()),
    "reencode_nvenc": web_copy.reencode(_SOURCE, info(), _TARGET, Encoding(encoder="h264_nvenc", max_kbit=2500)),
    "still_keyframe": still(_SOURCE, info(), SeekPoint(Fraction(1, 3)), _TARGET, width=320, keyframe=True),
    "still_first": still(_SOURCE, info(), SeekPoint(Fraction(0)), _TARGET, width=320, keyframe=False),
    "still_exact": still(_SOURCE, info(), SeekPoint(Fraction(1, 3)), _TARGET, width=320, keyframe=False),
    "quad": filters.grid(_CELLS, _TARGET, Encoding(), GridForm(2, (1280, 720), Fraction(30), Fraction(5), [0, 3])),
    "quad_silent": filters.grid(_CELLS, _TARGET, Encoding(), GridForm(2, (1280, 720), Fraction(30), Fraction(5))),
    "montage": montage.joined(
        Montage(_SOURCE, info(), [(Fraction(0), Fraction(1)), (Fraction(5), Fraction(13, 2))]), _TARGET, Encoding()
    ),
}


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_golden(name: str) -> None:
    assert readable(_COMMANDS[name]) == (_GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_every_golden_is_a_commands() -> None:
    assert {path.stem for path in _GOLDEN.iterdir()} == set(_COMMANDS)


@pytest.mark.parametrize(
    ("crf", "quality"), [(0, 1), (18, 19), (19, 22), (23, 26), (28, 31), (29, 31), (36, 37), (51, 51)]
)
def test_nvenc_quality(crf: int, quality: int) -> None:
    assert _NVENC.quality.at(crf) == quality


def test_nvenc_quality_never_gets_better_with_a_higher_crf() -> None:
    qualities = [_NVENC.quality.at(crf) for crf in range(52)]
    assert qualities == sorted(qualities)
    assert min(qualities) >= 0
    assert max(qualities) <= 51


def test_every_preset_has_one_of_nvenc() -> None:
    presets = list(_NVENC.presets)
    options = [Encoding(encoder="h264_nvenc", preset=preset).options() for preset in presets]
    assert all("crf" not in found and found["rc"] == "vbr" and found["b:v"] == 0 for found in options)
    assert [found["preset"] for found in options] == sorted(found["preset"] for found in options)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (Fraction(0), "0.000000"),
        (Fraction(1, 3), "0.333333"),
        (Fraction(2, 3), "0.666667"),
        (Fraction(1001, 30000), "0.033367"),
        (Fraction(36000), "36000.000000"),
        (Fraction(1, 10_000_000), "0.000000"),
    ],
)
def test_seconds(time: Fraction, text: str) -> None:
    assert filters.seconds(time) == text


@pytest.mark.parametrize(
    ("track", "size"),
    [
        ({"width": 161, "height": 121}, (162, 122)),
        ({"width": 1, "height": 1}, (2, 2)),
        ({"width": 640, "height": 360, "rotation": 90}, (360, 640)),
        ({"width": 640, "height": 360, "rotation": 180}, (640, 360)),
        ({"width": 720, "height": 576, "sample_aspect": Fraction(16, 15)}, (768, 576)),
        ({"width": 720, "height": 480, "sample_aspect": Fraction(8, 9), "rotation": 270}, (480, 640)),
    ],
)
def test_web_size(track: dict[str, Any], size: tuple[int, int]) -> None:
    assert web_size(info(**track)) == size


# What the commands make of frames whose truth is known.

_RED, _GREEN, _BLUE, _WHITE, _BLACK = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
_NAMES = {_RED: "red", _GREEN: "green", _BLUE: "blue", _WHITE: "white"}
_FAST = Encoding(preset="ultrafast")


def _run(command: Sequence[str]) -> None:
    FfmpegRunner(find_ffmpeg()).run(command, limits=Limits(stall=30))


def _colour(path: Path, colour: tuple[int, int, int], *, seconds: float = 1, size: str = "160x120") -> Path:
    source = f"color={_NAMES[colour]}:size={size}:rate=25:duration={seconds}"
    ffmpeg("-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", path)
    return path


def _frames(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def _is(pixel: Any, colour: tuple[int, int, int]) -> bool:
    return bool(np.all(np.abs(pixel.astype(int) - np.array(colour)) < 60))


def test_films_are_of_the_lowest_level_that_holds_them(tmp_path: Path) -> None:
    """x264 by itself takes 2.2 for these frames: at this preset it refers to sixteen of them."""
    source, way = clip(tmp_path / "clip.mp4", size="320x240", rate=5), Encoding(preset="veryslow")
    whole, quad, cell = tmp_path / "whole.mp4", tmp_path / "quad.mp4", Cell(source, probe(source))
    _run(montage.joined(Montage(source, cell.info, [(Fraction(0), Fraction(1))]), whole, way))
    _run(filters.grid([cell] * 4, quad, way, GridForm(2, (320, 240), Fraction(5), Fraction(1))))
    assert [probe(film).video.level for film in (whole, quad)] == [11, 11]


def test_a_turned_phone_clip_comes_out_upright(tmp_path: Path) -> None:
    """The top of the shown frame is red: whoever turns it the wrong way, or not, has red elsewhere."""
    shown, stored = tmp_path / "shown.mp4", tmp_path / "stored.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "color=blue:size=96x160:rate=25:duration=0.2,drawbox=0:0:96:80:red:fill"),
        *("-vf", "transpose=cclock", "-pix_fmt", "yuv420p", shown),
    )
    ffmpeg("-display_rotation", "-90", "-i", shown, "-c", "copy", stored)
    assert probe(stored).video.rotation == 90
    _run(web_copy.reencode(stored, probe(stored), tmp_path / "web.mp4", _FAST))
    _run(still(stored, probe(stored), SeekPoint(Fraction(0)), tmp_path / "still.jpg", width=96, keyframe=False))
    for result in (tmp_path / "web.mp4", tmp_path / "still.jpg"):
        frame = _frames(result)[0]
        assert frame.shape == (160, 96, 3)
        assert _is(frame[20, 48], _RED)
        assert _is(frame[140, 48], _BLUE)


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red, green, blue for a second each, a keyframe at 0 and at 2 only."""
    source = tmp_path_factory.mktemp("traffic") / "traffic.mp4"
    segments = "color=red:64x64:25:1[a];color=green:64x64:25:1[b];color=blue:64x64:25:1[c];[a][b][c]concat=n=3"
    ffmpeg(
        *("-filter_complex", segments, "-g", "50", "-sc_threshold", "0", "-force_key_frames", "2"),
        *("-pix_fmt", "yuv420p", source),
    )
    return source


@pytest.mark.parametrize(
    ("at", "colour", "keyframe"),
    [
        (Fraction(0), _RED, _RED),
        (Fraction(24, 25), _RED, _RED),
        (Fraction(1), _GREEN, _RED),
        (Fraction(49, 25), _GREEN, _RED),
        (Fraction(2), _BLUE, _BLUE),
        (Fraction(74, 25), _BLUE, _BLUE),
    ],
)
def test_a_still_is_the_frame_of_its_time(
    traffic: Path, tmp_path: Path, at: Fraction, colour: tuple[int, int, int], keyframe: tuple[int, int, int]
) -> None:
    info = probe(traffic)
    for name, exact, wanted in (("exact.jpg", True, colour), ("keyframe.jpg", False, keyframe)):
        _run(still(traffic, info, SeekPoint(at), tmp_path / name, width=32, keyframe=not exact))
        (frame,) = _frames(tmp_path / name)
        assert frame.shape == (32, 32, 3)
        assert _is(frame[16, 16], wanted), name


@pytest.mark.parametrize(
    ("at", "begun"), [("0", "0"), ("0.99", "0.96"), ("1", "1"), ("1.0399", "1"), ("2.99", "2.96"), ("100", "2.96")]
)
def test_the_frame_on_show_began_then(traffic: Path, at: str, begun: str) -> None:
    assert decoded_seek_point(traffic, Fraction(at)).shown == Fraction(begun)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Cell]:
    """Red wide, green tall, blue short (half a second), white with audio."""
    folder = tmp_path_factory.mktemp("cells")
    white = folder / "white.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "color=white:size=160x120:rate=25:duration=1", "-f", "lavfi", "-i", "sine=duration=1"),
        *("-pix_fmt", "yuv420p", white),
    )
    paths = [
        _colour(folder / "red.mp4", _RED, size="320x80"),
        _colour(folder / "green.mp4", _GREEN, size="80x320"),
        _colour(folder / "blue.mp4", _BLUE, seconds=0.5),
        white,
    ]
    return [Cell(path, probe(path)) for path in paths]


@pytest.mark.parametrize("heard", [[], [3]])
def test_quad(cells: list[Cell], tmp_path: Path, heard: list[int]) -> None:
    target = tmp_path / "quad.mp4"
    _run(filters.grid(cells, target, _FAST, GridForm(2, (320, 240), Fraction(30), Fraction(1), heard)))
    report = check_whole(target)
    assert report.clean
    assert (report.frames, report.video_length) == (30, Fraction(1))
    assert probe(target).audio_tracks == len(heard)
    for frame in (_frames(target)[1], _frames(target)[-1]):  # the short one stays on its last frame
        assert frame.shape == (240, 320, 3)
        for (row, column), colour in (((60, 80), _RED), ((60, 240), _GREEN), ((180, 80), _BLUE), ((180, 240), _WHITE)):
            assert _is(frame[row, column], colour)
        assert _is(frame[5, 80], _BLACK)  # above the wide one
        assert _is(frame[60, 165], _BLACK)  # beside the tall one


def test_montage_takes_the_segments_in_the_order_given(tmp_path: Path) -> None:
    source, target = tmp_path / "source.mp4", tmp_path / "montage.mp4"
    colours = ";".join(f"color={name}:64x64:25:2[{name}]" for name in ("red", "green", "blue"))
    graph = f"{colours};[red][green][blue]concat=n=3[v];sine=duration=6[a]"
    ffmpeg(
        *("-filter_complex", graph, "-map", "[v]", "-map", "[a]", "-g", "150", "-sc_threshold", "0"),
        *("-pix_fmt", "yuv420p", source),
    )
    segments = [(Fraction(22, 5), Fraction(27, 5)), (Fraction(2, 5), Fraction(4, 5)), (Fraction(2), Fraction(13, 5))]
    _run(montage.joined(Montage(source, probe(source), segments), target, _FAST))
    report = check_whole(target)
    assert report.clean
    assert (report.frames, report.video_length) == (50, Fraction(2))
    assert float(report.content or 0) == pytest.approx(2, abs=0.05)
    middles = [frame[32, 32] for frame in _frames(target)]
    wanted = [_BLUE] * 25 + [_RED] * 10 + [_GREEN] * 15
    assert [i for i, (pixel, colour) in enumerate(zip(middles, wanted, strict=True)) if not _is(pixel, colour)] == []


def test_names_mean_nothing_to_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clip(tmp_path / "-in:put %03d 'x'\n🎬.mkv", seconds=0.2)
    target = tmp_path / "-out:put %03d.mp4"
    _run(web_copy.reencode(source, probe(source), target, _FAST))
    assert probe(target).video.frames == 5
    frame = tmp_path / "100%d -still.jpg"
    _run(still(source, probe(source), SeekPoint(Fraction(0)), frame, width=32, keyframe=False))
    assert frame.is_file()
