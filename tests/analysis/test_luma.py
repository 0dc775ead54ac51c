"""What is left undecoded changes nothing in what is found."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.analysis.scenes import gop, gop_activity, luma_thumbnails, selective_decode
from reelmill.analysis.scenes.cuts import cuts
from reelmill.analysis.scenes.fades import blends
from reelmill.analysis.scenes.luma_thumbnails import LumaThumbnails, luma_thumbnail
from tests.clips import clip, ffmpeg

END = Fraction(1000)
RATE = Fraction(25)
#: A room and a street, each moving a little, and their grain.
_ENDS = "x0=20:y0=30:x1=300:y1=150"  # else drawn at random, as colours are
ROOM = (
    f"gradients=s=320x180:r=25:{_ENDS}:n=4:c0=0xe06040:c1=0x80b0ff:c2=0x40c080:c3=0xffe080:speed=0.02,"
    "noise=alls=3:all_seed=1:allf=t"
)
STREET = "mandelbrot=s=320x180:r=25:start_scale=0.5:end_scale=0.4:end_pts=400,noise=alls=3:all_seed=1:allf=t"
DARK = f"gradients=s=320x180:r=25:{_ENDS}:n=2:c0=0x101010:c1=0x181818:speed=0.01,noise=alls=4:all_seed=2:allf=t"

X264 = ["-c:v", "libx264", "-preset", "veryfast"]
ENCODERS = {
    "its choice of keyframes": (".mp4", X264),
    "no keyframe at a cut": (".mp4", [*X264, "-g", "50", "-sc_threshold", "0"]),
    "one keyframe": (".mkv", [*X264, "-g", "9999", "-sc_threshold", "0"]),
    "hardly any bits": (".mp4", [*X264, "-g", "75", "-sc_threshold", "0", "-b:v", "150k", "-maxrate", "150k",
                                 "-bufsize", "150k"]),
    "many pictures between": (".mp4", ["-c:v", "libx264", "-bf", "8", "-b_strategy", "2", "-crf", "32"]),
    "none between": (".mp4", [*X264, "-bf", "0"]),
    "HEVC": (".mp4", ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=40"]),
    "MPEG-2": (".ts", ["-c:v", "mpeg2video", "-q:v", "5", "-bf", "2", "-g", "12"]),
    "MPEG-4": (".mp4", ["-c:v", "mpeg4", "-q:v", "5", "-bf", "2", "-g", "60"]),
    "keyframes only": (".mov", ["-c:v", "mjpeg", "-q:v", "4"]),
    "fields": (".mp4", [*X264, "-flags", "+ilme+ildct", "-x264-params", "tff=1"]),
}  # fmt: skip


Encode = Callable[[str, str, float], Path]


@pytest.fixture(scope="module")
def encode(tmp_path_factory: pytest.TempPathFactory) -> Encode:
    """Encodes the first seconds of a graph by one of the encoders; what a graph shows is drawn once."""
    folder, drawn = tmp_path_factory.mktemp("luma"), dict[tuple[str, float], Path]()

    def encoded(graph: str, encoder: str, seconds: float) -> Path:
        plain = drawn.setdefault((graph, seconds), folder / f"{len(drawn)}.nut")
        if not plain.exists():
            ffmpeg("-filter_complex", f"{graph},format=yuv420p", "-t", str(seconds), "-c:v", "rawvideo", plain)
        suffix, options = ENCODERS[encoder]
        path = folder / f"{plain.stem} {encoder}{suffix}"
        ffmpeg("-i", plain, *options, path)
        return path

    return encoded


def _found(seen: LumaThumbnails) -> tuple[list[Fraction], list[tuple[Fraction, Fraction]]]:
    """Cuts, and fades with their overlapping parts joined."""
    hard = cuts(seen.luma)
    fades: list[tuple[Fraction, Fraction]] = []
    for first, last in blends(seen.luma, hard, RATE):
        begin, end = seen.times[first], seen.times[last]
        if fades and begin <= fades[-1][1]:
            fades[-1] = (fades[-1][0], max(end, fades[-1][1]))
        else:
            fades.append((begin, end))
    return [seen.times[at] for at in hard], fades


def _assert_as_if_all_were_decoded(path: Path) -> LumaThumbnails:
    seen, whole = (
        selective_decode.thumbnails(path, Fraction(0), END),
        selective_decode.decode_all(path, Fraction(0), END),
    )
    assert seen.times == whole.times
    (hard, soft), (all_hard, all_soft) = _found(seen), _found(whole)
    assert hard == all_hard
    assert len(soft) == len(all_soft)
    for fade, same in zip(soft, all_soft, strict=True):
        assert [float(time) for time in fade] == pytest.approx([float(time) for time in same], abs=0.3)
    return seen


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_look_elsewhere_and_back_is_seen(encode: Encode, encoder: str) -> None:
    graph = f"{ROOM}[a];{STREET}[b];[a][b]overlay=enable='between(t,2.4,3.56)+between(t,6.8,7.16)'"
    seen = _assert_as_if_all_were_decoded(encode(graph, encoder, 10))
    found = [float(cut) for cut in _found(seen)[0]]
    # Where bits are scarce, a keyframe may look like a cut, to whoever decodes all as well.
    assert all(any(abs(cut - at) < 0.021 for cut in found) for at in (2.4, 3.6, 6.8, 7.2))


@pytest.mark.parametrize("encoder", ["no keyframe at a cut", "none between", "HEVC"])
def test_a_short_look_elsewhere_is_seen_wherever_gops_end(encode: Encode, encoder: str) -> None:
    looks = [(27, 33), (80, 87), (134, 143), (185, 198), (231, 251)]  # first frame, and the one after the last
    when = "+".join(f"between(n,{first},{end - 1})" for first, end in looks)
    graph = f"{ROOM}[a];{STREET}[b];[a][b]overlay=enable='{when}'"
    seen = _assert_as_if_all_were_decoded(encode(graph, encoder, 12))
    assert {cut * RATE for cut in _found(seen)[0]} >= {Fraction(at) for look in looks[1:] for at in look}


@pytest.mark.parametrize("encoder", ["its choice of keyframes", "one keyframe", "none between", "HEVC"])
@pytest.mark.parametrize("colour", ["black", "green"])
def test_a_plain_frame_takes_hardly_a_bit_and_is_seen(encode: Encode, encoder: str, colour: str) -> None:
    plain = f"color={colour}:s=320x180:r=25"
    looks = [(40, 70), (120, 141), (190, 196), (230, 280)]  # first frame, and the one after the last
    when = "+".join(f"between(n,{first},{end - 1})" for first, end in looks)
    graph = f"{ROOM}[a];{plain}[b];[a][b]overlay=enable='{when}'"
    seen = _assert_as_if_all_were_decoded(encode(graph, encoder, 12))
    assert {cut * RATE for cut in _found(seen)[0]} >= {Fraction(at) for look in (looks[0], looks[3]) for at in look}


@pytest.mark.parametrize("encoder", ["its choice of keyframes", "no keyframe at a cut", "hardly any bits", "HEVC"])
@pytest.mark.parametrize("duration", [0.6, 1.0])
def test_a_fade_is_seen_wherever_gops_end(encode: Encode, encoder: str, duration: float) -> None:
    graph = (
        f"{ROOM},trim=end=5[a];{STREET},trim=end=6[b];{ROOM},trim=end=5[c];"
        f"[a][b]xfade=duration={duration}:offset=3.7[d];[d][c]xfade=duration={duration}:offset=8.1"
    )
    seen = _assert_as_if_all_were_decoded(encode(graph, encoder, 12))
    assert any(begin < 8.7 and end > 8.1 for begin, end in _found(seen)[1])


@pytest.mark.parametrize("encoder", ["its choice of keyframes", "no keyframe at a cut", "HEVC"])
def test_cuts_in_the_dark_flashes_and_black(encode: Encode, encoder: str) -> None:
    graph = (
        f"{DARK},trim=end=3[a];{ROOM},trim=end=3,fade=out:st=2:d=0.9[b];color=s=320x180:r=25,trim=end=1[c];"
        f"{STREET},trim=end=3,drawbox=color=white:t=fill:enable='between(n,30,31)'[d];[a][b][c][d]concat=n=4"
    )
    _assert_as_if_all_were_decoded(encode(graph, encoder, 10))


@pytest.mark.parametrize("begin", [0.5, 0.92])
def test_what_was_cut_out_of_one_gop_as_it_was_is_seen(tmp_path: Path, begin: float) -> None:
    """Phones trim so: the edit list begins after the only keyframe."""
    cut = tmp_path / "cut.mov"
    ffmpeg("-ss", str(begin), "-i", clip(tmp_path / "a.mp4", seconds=1, gop=250, sound=0), "-c", "copy", cut)
    assert len(_assert_as_if_all_were_decoded(cut)) == round(25 * (1 - begin))


def test_of_a_quiet_shot_next_to_nothing_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    still = "smptebars=s=320x180:r=25,noise=alls=6:all_seed=3:allf=t"
    path = tmp_path / "a.mp4"
    ffmpeg("-f", "lavfi", "-i", still, "-t", "20", "-pix_fmt", "yuv420p", *X264, "-g", "100", path)
    decoded: list[int] = []

    def counting(frame: av.VideoFrame) -> luma_thumbnails.Luma:
        decoded.append(1)
        return luma_thumbnail(frame)

    monkeypatch.setattr(selective_decode, "luma_thumbnail", counting)
    monkeypatch.setattr(gop, "luma_thumbnail", counting)
    assert len(selective_decode.thumbnails(path, Fraction(0), END)) == 500
    assert len(decoded) < 100


def test_a_thumbnail_is_the_frame_made_small(tmp_path: Path) -> None:
    for name, options in {
        "a.mp4": ["-pix_fmt", "yuv420p"],
        "full.mp4": ["-vf", "scale=out_range=full", "-pix_fmt", "yuvj420p", "-color_range", "pc"],
        "ten.mp4": ["-pix_fmt", "yuv422p10le"],
        "rgb.mkv": ["-pix_fmt", "rgb24", "-c:v", "ffv1"],
    }.items():
        codec = [] if "-c:v" in options else ["-c:v", "libx264", "-crf", "12"]
        ffmpeg("-f", "lavfi", "-i", "mandelbrot=s=640x354:r=25", "-frames:v", "1", *options, *codec, tmp_path / name)
        with av.open(str(tmp_path / name)) as container:
            frame = next(container.decode(video=0))
        small = frame.to_ndarray(width=48, height=27, format="gray", interpolation="AREA").ravel().astype(np.float32)
        assert np.abs(luma_thumbnail(frame) - small).mean() < 4, name
        assert abs(float(luma_thumbnail(frame).mean() - small.mean())) < 1, name


def test_packets_show_where_a_scene_may_begin() -> None:
    calm = np.tile([900, 100, 300, 100], 20)
    sizes = np.concatenate(([8000], calm))
    assert gop_activity.Course(sizes, 8000).goes_on(1, 13)
    assert gop_activity.Course(sizes, 8000).returns(1)
    assert not gop_activity.Course(sizes, 8000).spikes.any()
    sizes[41] = 5000
    course = gop_activity.Course(sizes, 8000)
    assert not course.goes_on(1, 13)
    assert not course.returns(1)
    assert course.returns(42)
    assert np.flatnonzero(course.spikes)[0] == 41
    assert not gop_activity.Course(sizes, 80_000).returns(1), (
        "it may be one of another scene, which is as simple as ours"
    )
    assert gop_activity.Course(np.concatenate(([80_000], sizes[1:])), 80_000).returns(1), (
        "too little for a scene to begin with"
    )
    assert gop_activity.Course(np.concatenate(([8000], calm)), 8000).calm(13)
    sizes[30:34] = 10
    assert not gop_activity.Course(sizes, 0).goes_on(1, 13), "it may have become black"
