from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from reelmill.ffmpeg import build, montage
from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.build import H264, Cell
from reelmill.ffmpeg.decode import check_whole, shown_at
from reelmill.ffmpeg.probe import MediaInfo, VideoTrack, probe
from reelmill.ffmpeg.run import FfmpegRunner, Limits
from tests.clips import clip, ffmpeg

_GOLDEN = Path(__file__).parent / "golden"


def _info(audio: Sequence[str] = ("aac",), subtitles: Sequence[str] = (), **track: Any) -> MediaInfo:
    facts: dict[str, Any] = {
        "index": 0,
        "codec": "h264",
        "profile": "High",
        "width": 640,
        "height": 360,
        "rotation": 0,
        "sample_aspect": Fraction(1),
        "frame_rate": Fraction(30000, 1001),
        "frames": 300,
        "pixel_format": "yuv420p",
        "full_range": False,
        "transfer": 1,
        "interlaced": False,
        "start": Fraction(0),
        "duration": Fraction(10),
    }
    video = VideoTrack(**(facts | track))
    return MediaInfo("mp4", None, 1, Fraction(10), None, video, tuple(audio), tuple(subtitles))


_SOURCE, _TARGET = Path("/in put/-a:b.mkv"), Path("/out.mp4")
_HDR_PHONE = _info((), transfer=18, rotation=90, interlaced=True, width=161, height=121)
_CELLS = [Cell(Path(f"/{index}.mp4"), _info()) for index in range(4)]

_COMMANDS = {
    "reencode": build.reencode(_SOURCE, _info(("aac", "ac3"), ("subrip", "hdmv_pgs_subtitle", "ass")), _TARGET, H264()),
    "reencode_hdr": build.reencode(_SOURCE, _HDR_PHONE, _TARGET, H264()),
    "reencode_nvenc": build.reencode(_SOURCE, _info(), _TARGET, H264(encoder="h264_nvenc", max_kbit=2500)),
    "still_keyframe": build.still(_SOURCE, _info(), _TARGET, at=Fraction(1, 3), width=320, keyframe=True),
    "still_first": build.still(_SOURCE, _info(), _TARGET, at=Fraction(0), width=320, keyframe=False),
    "still_exact": build.still(_SOURCE, _info(), _TARGET, at=Fraction(1, 3), width=320, keyframe=False),
    "quad": build.grid(
        _CELLS, _TARGET, H264(), columns=2, size=(1280, 720), rate=Fraction(30), length=Fraction(5), sound=[0, 3]
    ),
    "quad_silent": build.grid(
        _CELLS, _TARGET, H264(), columns=2, size=(1280, 720), rate=Fraction(30), length=Fraction(5), sound=[]
    ),
    "montage": montage.joined(
        _SOURCE, _info(), [(Fraction(0), Fraction(1)), (Fraction(5), Fraction(13, 2))], _TARGET, H264()
    ),
}


def _readable(command: Sequence[str]) -> str:
    """An option and its value on a line, a filter on a line."""
    text = ""
    for word in command:
        option = word.startswith("-") and len(word) > 1
        break_before = "\n" if text and (option or word == command[-1]) else "" if option else " "
        text += break_before + word.replace(";", ";\n  ")
    return text + "\n"


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_golden(name: str) -> None:
    assert _readable(_COMMANDS[name]) == (_GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_every_golden_is_a_commands() -> None:
    assert {path.stem for path in _GOLDEN.iterdir()} == set(_COMMANDS)


@pytest.mark.parametrize(
    ("crf", "quality"), [(0, 1), (18, 19), (19, 22), (23, 26), (28, 31), (29, 31), (36, 37), (51, 51)]
)
def test_nvenc_quality(crf: int, quality: int) -> None:
    assert build.nvenc_cq(crf) == quality


def test_nvenc_quality_never_gets_better_with_a_higher_crf() -> None:
    qualities = [build.nvenc_cq(crf) for crf in range(52)]
    assert qualities == sorted(qualities)
    assert min(qualities) >= 0
    assert max(qualities) <= 51


def test_every_preset_has_one_of_nvenc() -> None:
    presets = list(build.NVENC_PRESETS)
    options = [H264(encoder="h264_nvenc", preset=preset).options() for preset in presets]
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
    assert build.seconds(time) == text


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
    assert build.web_size(_info(**track)) == size


# What the commands make of pictures whose truth is known.

_RED, _GREEN, _BLUE, _WHITE, _BLACK = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
_NAMES = {_RED: "red", _GREEN: "green", _BLUE: "blue", _WHITE: "white"}
_FAST = H264(preset="ultrafast")


def _run(command: Sequence[str]) -> None:
    FfmpegRunner(find_ffmpeg()).run(command, limits=Limits(stall=30))


def _colour(path: Path, colour: tuple[int, int, int], *, seconds: float = 1, size: str = "160x120") -> Path:
    source = f"color={_NAMES[colour]}:size={size}:rate=25:duration={seconds}"
    ffmpeg("-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", path)
    return path


def _pictures(path: Path) -> list[Any]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def _is(pixel: Any, colour: tuple[int, int, int]) -> bool:
    return bool(np.all(np.abs(pixel.astype(int) - np.array(colour)) < 60))


def test_a_turned_phone_clip_comes_out_upright(tmp_path: Path) -> None:
    """The top of the shown picture is red: whoever turns it the wrong way, or not, has red elsewhere."""
    shown, stored = tmp_path / "shown.mp4", tmp_path / "stored.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "color=blue:size=96x160:rate=25:duration=0.2,drawbox=0:0:96:80:red:fill"),
        *("-vf", "transpose=cclock", "-pix_fmt", "yuv420p", shown),
    )
    ffmpeg("-display_rotation", "-90", "-i", shown, "-c", "copy", stored)
    assert probe(stored).video.rotation == 90
    _run(build.reencode(stored, probe(stored), tmp_path / "web.mp4", _FAST))
    _run(build.still(stored, probe(stored), tmp_path / "still.jpg", at=Fraction(0), width=96, keyframe=False))
    for result in (tmp_path / "web.mp4", tmp_path / "still.jpg"):
        picture = _pictures(result)[0]
        assert picture.shape == (160, 96, 3)
        assert _is(picture[20, 48], _RED)
        assert _is(picture[140, 48], _BLUE)


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red, green, blue for a second each, a keyframe at 0 and at 2 only."""
    source = tmp_path_factory.mktemp("traffic") / "traffic.mp4"
    parts = "color=red:64x64:25:1[a];color=green:64x64:25:1[b];color=blue:64x64:25:1[c];[a][b][c]concat=n=3"
    ffmpeg(
        *("-filter_complex", parts, "-g", "50", "-sc_threshold", "0", "-force_key_frames", "2"),
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
def test_a_still_is_the_picture_of_its_time(
    traffic: Path, tmp_path: Path, at: Fraction, colour: tuple[int, int, int], keyframe: tuple[int, int, int]
) -> None:
    info = probe(traffic)
    for name, exact, wanted in (("exact.jpg", True, colour), ("keyframe.jpg", False, keyframe)):
        _run(build.still(traffic, info, tmp_path / name, at=at, width=32, keyframe=not exact))
        (picture,) = _pictures(tmp_path / name)
        assert picture.shape == (32, 32, 3)
        assert _is(picture[16, 16], wanted), name


@pytest.mark.parametrize(
    ("at", "begun"), [("0", "0"), ("0.99", "0.96"), ("1", "1"), ("1.0399", "1"), ("2.99", "2.96"), ("100", "2.96")]
)
def test_the_picture_on_show_began_then(traffic: Path, at: str, begun: str) -> None:
    assert shown_at(traffic, Fraction(at)) == Fraction(begun)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Cell]:
    """Red wide, green tall, blue short (half a second), white with sound."""
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


@pytest.mark.parametrize("sound", [[], [3]])
def test_quad(cells: list[Cell], tmp_path: Path, sound: list[int]) -> None:
    target = tmp_path / "quad.mp4"
    _run(
        build.grid(cells, target, _FAST, columns=2, size=(320, 240), rate=Fraction(30), length=Fraction(1), sound=sound)
    )
    report = check_whole(target)
    assert report.clean
    assert (report.frames, report.span) == (30, Fraction(1))
    assert probe(target).audio_tracks == len(sound)
    for picture in (_pictures(target)[1], _pictures(target)[-1]):  # the short one stays on its last picture
        assert picture.shape == (240, 320, 3)
        for (row, column), colour in (((60, 80), _RED), ((60, 240), _GREEN), ((180, 80), _BLUE), ((180, 240), _WHITE)):
            assert _is(picture[row, column], colour)
        assert _is(picture[5, 80], _BLACK)  # above the wide one
        assert _is(picture[60, 165], _BLACK)  # beside the tall one


def test_montage_takes_the_stretches_in_the_order_given(tmp_path: Path) -> None:
    source, target = tmp_path / "source.mp4", tmp_path / "montage.mp4"
    colours = ";".join(f"color={name}:64x64:25:2[{name}]" for name in ("red", "green", "blue"))
    graph = f"{colours};[red][green][blue]concat=n=3[v];sine=duration=6[a]"
    ffmpeg(
        *("-filter_complex", graph, "-map", "[v]", "-map", "[a]", "-g", "150", "-sc_threshold", "0"),
        *("-pix_fmt", "yuv420p", source),
    )
    parts = [(Fraction(22, 5), Fraction(27, 5)), (Fraction(2, 5), Fraction(4, 5)), (Fraction(2), Fraction(13, 5))]
    _run(montage.joined(source, probe(source), parts, target, _FAST))
    report = check_whole(target)
    assert report.clean
    assert (report.frames, report.span) == (50, Fraction(2))
    assert float(report.content or 0) == pytest.approx(2, abs=0.05)
    middles = [picture[32, 32] for picture in _pictures(target)]
    wanted = [_BLUE] * 25 + [_RED] * 10 + [_GREEN] * 15
    assert [i for i, (pixel, colour) in enumerate(zip(middles, wanted, strict=True)) if not _is(pixel, colour)] == []


def test_names_mean_nothing_to_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = clip(tmp_path / "-in:put %03d 'x'\n🎬.mkv", seconds=0.2)
    target = tmp_path / "-out:put %03d.mp4"
    _run(build.reencode(source, probe(source), target, _FAST))
    assert probe(target).video.frames == 5
    picture = tmp_path / "100%d -still.jpg"
    _run(build.still(source, probe(source), picture, at=Fraction(0), width=32, keyframe=False))
    assert picture.is_file()
