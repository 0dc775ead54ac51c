"""The colours of a web copy: declared and true, by the pixels of coloured bars."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.errors import CapabilityError
from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.commands import filters, gif
from reelmill.ffmpeg.commands.still import still
from reelmill.ffmpeg.commands.web_copy import reencode
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.process.run import FfmpegRunner
from reelmill.ffmpeg.reading.decode import decoded_seek_point
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.ffmpeg.verify import Expectation, Source, verify
from tests.clips import clip, ffmpeg
from tests.ffmpeg.golden import info
from tests.refusals import refused

_FAST = Encoding(preset="ultrafast", crf=10)
_BT709, _NTSC, _PAL = (1, 1, 1), (6, 6, 6), (5, 6, 5)
_LOSSLESS = ("-c:v", "ffv1")


def _copy(source: Path, encoding: Encoding = _FAST) -> Path:
    target = source.with_name("copy.mp4")
    FfmpegRunner(find_ffmpeg()).run(reencode(source, probe(source), target, encoding))
    return target


def _made(path: Path) -> tuple[tuple[int, int, int], list[int]]:
    """What a file declares (primaries, transfer, matrix), and luma and chroma in the middle of its first frame."""
    video = probe(path).video
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        planes = [
            np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size) for plane in frame.planes
        ]
    middle = [int(plane[plane.shape[0] // 2, frame.width // (2 if not n else 4)]) for n, plane in enumerate(planes)]
    return (video.primaries, video.transfer, video.matrix), middle


def _plain(path: Path, size: str, pixels: str, *options: str, colour: str = "red") -> Path:
    ffmpeg(
        "-f", "lavfi", "-i", f"color={colour}:s={size}:r=5:d=0.4", "-vf", f"format={pixels}", *_LOSSLESS, *options, path
    )
    return path


@pytest.mark.parametrize(
    ("size", "tags", "red"),
    [("1280x720", _BT709, [63, 102, 240]), ("640x480", _NTSC, [81, 90, 240]), ("720x576", _PAL, [81, 90, 240])],
)
def test_rgb_gets_the_matrix_of_its_size(tmp_path: Path, size: str, tags: tuple[int, int, int], red: list[int]) -> None:
    source = _plain(tmp_path / "a.mkv", size, "bgr0")
    made = _copy(source)
    assert _made(made)[0] == tags
    assert _made(made)[1] == pytest.approx(red, abs=2)
    verify(made, Expectation(frames=2, source=Source(source, probe(source))))


@pytest.mark.parametrize(("size", "tags"), [("1280x720", _BT709), ("640x480", _NTSC), ("720x576", _PAL)])
def test_what_declares_nothing_is_declared_by_its_size_and_left_as_it_is(
    tmp_path: Path, size: str, tags: tuple[int, int, int]
) -> None:
    source = tmp_path / "a.mp4"
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        f"color=0x3050A0:s={size}:r=5:d=0.4",
        "-pix_fmt",
        "yuv420p",
        "-c:v",
        "mpeg4",
        "-q",
        "2",
        source,
    )
    before, after = _made(source), _made(_copy(source))
    assert before[0] == (2, 2, 2)
    assert after[0] == tags
    assert after[1] == pytest.approx(before[1], abs=2)


def test_what_declares_its_colours_keeps_them_whatever_its_size(tmp_path: Path) -> None:
    """A small copy of a large film is in BT.709, whatever small films usually are."""
    options = ("-vf", "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709")
    made = _copy(clip(tmp_path / "a.mp4", options=options))
    assert _made(made)[0] == _BT709


def test_colours_of_bt2020_in_standard_range_become_those_of_bt709(tmp_path: Path) -> None:
    source = tmp_path / "a.mkv"
    narrow = "zscale=matrixin=bt709:transferin=bt709:primariesin=bt709:rangein=limited"
    ffmpeg(
        "-f", "lavfi", "-i", "color=0xB03020:s=160x90:r=5:d=0.4", "-vf",
        f"scale=out_color_matrix=bt709,format=yuv420p,{narrow}:matrix=bt2020nc:transfer=bt709:primaries=bt2020,"
        "format=yuv420p10le", *_LOSSLESS, source,
    )  # fmt: skip
    assert (probe(source).video.matrix, probe(source).video.hdr) == (9, None)
    made = _copy(source)
    tags, middle = _made(made)
    assert tags == _BT709
    with av.open(str(made)) as container:
        shown = next(container.decode(video=0)).reformat(format="rgb24", src_colorspace="ITU709").to_ndarray()[45, 80]
    assert list(shown) == pytest.approx([0xB0, 0x30, 0x20], abs=6), middle
    verify(made, Expectation(frames=2, source=Source(source, probe(source))))


def test_what_is_transparent_lies_over_black(tmp_path: Path) -> None:
    source = tmp_path / "a.mov"
    ffmpeg("-f", "lavfi", "-i", "color=white@0.0:s=160x90:r=5:d=0.4,format=rgba", "-c:v", "qtrle", source)
    assert probe(source).video.pixel_format in ("argb", "rgba")
    made = _copy(source)
    assert _made(made)[1] == pytest.approx([16, 128, 128], abs=2)
    verify(made, Expectation(frames=2, source=Source(source, probe(source))))


@pytest.mark.parametrize("declared", ["bt709", "unknown"])
def test_red_of_high_definition_is_red_in_images_whether_its_matrix_is_declared_or_not(
    tmp_path: Path, declared: str
) -> None:
    source, image, colours, film = (tmp_path / name for name in ("a.mkv", "a.jpg", "a.png", "a.gif"))
    graph = f"format=bgr0,scale=out_color_matrix=bt709,format=yuv420p,setparams=colorspace={declared}"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=1280x720:r=5:d=0.4", "-vf", graph, *_LOSSLESS, source)
    facts, begin, step = probe(source), decoded_seek_point(source, Fraction(0)), gif.Step(64, 36, 5)
    assert facts.video.matrix == (1 if declared == "bt709" else 2)
    segment = gif.GifSegment(source, facts, Fraction(0), Fraction(2, 5), begin)
    for command in (
        still(source, facts, begin, image, width=320, keyframe=False),
        gif.palette(segment, step, colours),
        gif.film(segment, step, colours, film, stop=1_000_000),
    ):
        FfmpegRunner(find_ffmpeg()).run(command)
    for made in (image, film):
        with av.open(str(made)) as container:
            pixel = next(container.decode(video=0)).to_ndarray(format="rgb24")[18, 32]
        assert pixel.tolist() == pytest.approx([255, 0, 0], abs=20), made.name  # 233 and 216 in the other matrix


def _pq(path: Path, grey: float, *, display: int | None, content: int | None, tagged: bool = True) -> Path:
    """A plain grey of so much of PQ's scale, in HDR10 that declares its display and its content, in cd/m2."""
    light = [f"max-cll={content},100"] if content else []
    if display:
        light.append(f"master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L({display * 10000},1)")
    tags = ("colorprim=bt2020", "transfer=smpte2084", "colormatrix=bt2020nc") if tagged else ()
    luma = round(64 + 876 * grey)
    parameters = ":".join(["log-level=error", *light, *tags])
    ffmpeg(
        "-f", "lavfi", "-i", f"color=black:s=160x90:r=5:d=0.4,format=yuv420p10le,lutyuv=y={luma}:u=512:v=512",
        "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", parameters, "-tag:v", "hvc1", path,
    )  # fmt: skip
    return path


def test_hdr_is_mapped_by_the_peak_that_it_declares_and_nothing_says_hdr_any_more(tmp_path: Path) -> None:
    """0.9 of PQ is 3900 cd/m2: white where the content ends at 1000, and not where it goes on to 10,000."""
    lumas: dict[int | None, list[int]] = {}
    for display, content in ((1000, None), (4000, None), (10_000, 1000)):
        source = _pq(tmp_path / f"{display}.mp4", 0.75, display=display, content=content)
        made = _copy(source)
        tags, middle = _made(made)
        assert tags == _BT709
        lumas.setdefault(probe(source).video.peak, []).append(middle[0])
        with av.open(str(made)) as container:
            first = next(container.decode(video=0))
            assert first.side_data.get("MASTERING_DISPLAY_METADATA") is None
            assert first.side_data.get("CONTENT_LIGHT_LEVEL") is None
        assert not any(box in made.read_bytes() for box in (b"mdcv", b"clli"))
    assert set(lumas) == {1000, 4000}
    assert max(lumas[4000]) < min(lumas[1000]) - 8
    assert lumas[1000][0] == pytest.approx(lumas[1000][1], abs=2)


def test_pq_whose_tags_were_lost_is_known_by_what_else_it_declares(tmp_path: Path) -> None:
    source = _pq(tmp_path / "lost.mp4", 0.5, display=1000, content=900, tagged=False)
    whole = _pq(tmp_path / "whole.mp4", 0.5, display=1000, content=900)
    assert probe(source).video.hdr == "pq"
    found = [_made(_copy(one)) for one in (source, whole)]
    assert found[0][0] == _BT709
    assert found[0][1] == pytest.approx(found[1][1], abs=2)


def _declare_dolby_vision(stream: Path) -> None:
    """Put the descriptor of profile 5 into the table of an MPEG-TS program with one track; ffmpeg writes none."""
    data, described = bytearray(stream.read_bytes()), bytes([0xB0, 8, 1, 0, 5 << 1, 0x0D, 0, 0, 0, 0])
    for place in range(0, len(data), 188):
        if data[place + 1 : place + 3] != b"\x50\x00":  # where a table begins, of ffmpeg's usual PID
            continue
        end = place + 8 + data[place + 7]
        table = data[place + 5 : end - 4] + described
        table[2], table[16] = table[2] + len(described), table[16] + len(described)
        checksum = 0xFFFFFFFF
        for bit in (byte >> shift & 1 for byte in table for shift in range(7, -1, -1)):
            checksum = checksum << 1 & 0xFFFFFFFF ^ (0x04C11DB7 if checksum >> 31 ^ bit else 0)
        table += checksum.to_bytes(4, "big")
        data[place + 5 : place + 5 + len(table)] = table
    stream.write_bytes(data)


def test_dolby_vision_without_another_layer_is_refused(tmp_path: Path) -> None:
    source = _pq(tmp_path / "a.mp4", 0.5, display=None, content=None, tagged=False)
    data = bytearray(source.read_bytes())
    place = data.index(b"hvcC") - 4
    assert data[place + 4 : place + 8] == b"hvcC"
    box = (8 + 24).to_bytes(4, "big") + b"dvcC" + bytes([1, 0, 5 << 1, 0x2D]) + bytes(20)
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hvc1"):
        at = data.index(name) - 4
        data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + len(box)).to_bytes(4, "big")
    data[place:place] = box
    source.write_bytes(data)
    ffmpeg("-i", source, "-c", "copy", "-strict", "unofficial", tmp_path / "a.mkv")
    ffmpeg("-i", source, "-c", "copy", tmp_path / "a.ts")
    assert probe(tmp_path / "a.ts").video.dolby_vision is None
    _declare_dolby_vision(tmp_path / "a.ts")
    assert [probe(tmp_path / f"a.{ending}").video.dolby_vision for ending in ("mkv", "ts")] == [5, 5]
    found = probe(source)
    assert found.video.dolby_vision == 5
    with refused(CapabilityError):
        Transcoder().require_tone_mapping(found)
    Transcoder().require_tone_mapping(info())


@pytest.mark.parametrize(("rate", "each"), [(25, 2), (50, 1)])
def test_each_field_becomes_a_frame_where_players_take_so_many(tmp_path: Path, rate: int, each: int) -> None:
    """Motion of 50 fields a second stays that: in every frame the bar is elsewhere."""
    source = tmp_path / "a.mkv"
    ffmpeg(
        "-f", "lavfi", "-i", f"color=black:s=160x96:r={2 * rate}:d=1",
        "-f", "lavfi", "-i", f"color=white:s=8x96:r={2 * rate}:d=1",
        "-filter_complex", "[0][1]overlay=x=3*n:shortest=1,interlace=scan=tff:lowpass=off", "-flags", "+ildct+ilme",
        *("-c:v", "mpeg2video", "-q", "2"), source,
    )  # fmt: skip
    found = probe(source)
    assert found.video.interlaced
    assert found.video.frame_rate == rate
    made = _copy(source)
    with av.open(str(made)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == each * rate
    times = [float(frame.time) for frame in frames if frame.time is not None]
    assert np.diff(times) == pytest.approx(1 / (each * rate), abs=0.001)
    bars = [
        float(np.average(np.arange(160), weights=frame.to_ndarray(format="gray")[48] > 128)) for frame in frames[5:20]
    ]
    assert np.diff(bars) == pytest.approx(3 if each == 2 else 6, abs=1.5)
    verify(made, Expectation(frames=len(frames), source=Source(source, found)))


def test_films_of_different_colours_are_in_one_matrix_and_declare_it(tmp_path: Path) -> None:
    """The same red of a small and of a large source, each in the matrix of its size, is the same red in a grid."""
    cells = []
    for number, (size, matrix) in enumerate((("1280x720", "bt709"), ("320x180", "smpte170m"), ("64x48", "bgr0"))):
        path = tmp_path / f"{number}.mkv"
        pixels = "format=bgr0" if matrix == "bgr0" else f"scale=out_color_matrix={matrix},format=yuv420p"
        ffmpeg("-f", "lavfi", "-i", f"color=red:s={size}:r=5:d=0.4,format=bgr0,{pixels}", *_LOSSLESS, path)
        cells.append(filters.Cell(path, probe(path)))
    target = tmp_path / "grid.mp4"
    form = filters.GridForm(2, (320, 180), Fraction(5), Fraction(2, 5))
    FfmpegRunner(find_ffmpeg()).run(filters.grid([*cells, cells[0]], target, _FAST, form))
    assert _made(target)[0] == _BT709
    with av.open(str(target)) as container:
        frame = next(container.decode(video=0))
        luma = np.frombuffer(bytes(frame.planes[0]), np.uint8).reshape(frame.height, frame.planes[0].line_size)
    assert [int(luma[y, x]) for y in (45, 135) for x in (80, 240)] == pytest.approx([63] * 4, abs=2)
