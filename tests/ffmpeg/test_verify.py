from __future__ import annotations

import gc
import itertools
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from reelmill.errors import OutputRejected
from reelmill.ffmpeg.binary import find_ffmpeg
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.frames.raster import Raster, raster
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.verify import (
    DetailAsked,
    Expectation,
    FilmSegment,
    Source,
    examine,
    faststart,
    frames_beside,
    frames_compared,
    lasts,
    verify,
    verify_intermediate,
)
from reelmill.ffmpeg.verify.source_frames import SourceFrame
from tests.clips import clip, cut_off, ffmpeg, hollow, overwritten
from tests.processes import bytes_read
from tests.refusals import data_of, rejected, the_one

_FRONT = ("-movflags", "+faststart")
_GOOD = Expectation(duration=Fraction(2), frames=50, size=(160, 120), audio_tracks=1, audio_throughout=True)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("good") / "good.mp4", seconds=2, options=_FRONT)


def test_a_good_file_passes_with_its_facts(good: Path) -> None:
    info = verify(good, _GOOD)
    assert (info.video.codec, info.video.frames, info.audio_tracks) == ("h264", 50, 1)


def test_what_is_left_open_is_not_asked(good: Path) -> None:
    assert verify(good, Expectation()).video.frames == 50


def _nothing(good: Path, bad: Path) -> None:
    bad.touch()


def _garbage(good: Path, bad: Path) -> None:
    bad.write_bytes(b"\xfe" * 50_000)


def _half(good: Path, bad: Path) -> None:
    cut_off(good, bad, keep=0.5)


def _without_index(good: Path, bad: Path) -> None:
    """What ffmpeg leaves when it is killed: no moov."""
    ffmpeg("-i", good, "-c", "copy", bad.with_suffix(".mov"))
    cut_off(bad.with_suffix(".mov"), bad, keep=0.8)


def _holes(good: Path, bad: Path) -> None:
    hollow(good, bad, start=0.4, end=0.6)


def _scratched(good: Path, bad: Path) -> None:
    overwritten(good, bad, at=0.5, count=2000)


def _other_codec(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-c:v", "mpeg4", "-c:a", "copy", bad)


def _smaller(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-vf", "scale=80:60", bad)


def _silent(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-an", "-c:v", "copy", bad)


def _second_audio(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-map", "0:v", "-map", "0:a", "-map", "0:a", "-c", "copy", bad)


def _short(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-t", "1.5", bad)


def _slow(good: Path, bad: Path) -> None:
    """Every frame is there, at the wrong time."""
    ffmpeg("-itsscale", "1.5", "-i", good, "-an", "-c", "copy", bad)


def _late_index(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-c", "copy", bad)


def _high_level(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-c", "copy", "-bsf:v", "h264_metadata=level=6.2", *_FRONT, bad)


def _more_colours(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-pix_fmt", "yuv444p", "-c:a", "copy", *_FRONT, bad)


def _other_audio(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-c:v", "copy", "-c:a", "mp3", *_FRONT, bad)


def _audio_ends_early(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-c:v", "copy", "-af", "atrim=end=1", *_FRONT, bad)


def _audio_begins_late(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-itsoffset", "0.5", "-t", "1.5", "-i", good, "-map", "0:v", "-map", "1:a", "-c", "copy", bad)


def _audio_with_a_hole(good: Path, bad: Path) -> None:
    gap = bad.with_suffix(".mkv")
    ffmpeg("-i", good, "-c:v", "copy", "-c:a", "aac", "-af", "aselect='not(between(t,0.8,1.2))'", gap)
    ffmpeg("-i", gap, "-c", "copy", *_FRONT, bad)


def _one_missing(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-vf", r"select=not(eq(n\,20))", "-fps_mode", "passthrough", bad)


def _audio_only(good: Path, bad: Path) -> None:
    ffmpeg("-i", good, "-vn", "-c", "copy", bad)


def _gone(good: Path, bad: Path) -> None:
    pass


def _about(value: float, by: float) -> Any:
    return pytest.approx(value, abs=by)


#: How a file is spoilt, and what is found of that: a kind, and what else is known.
_SPOILT: list[tuple[Callable[[Path, Path], None], FindingKind, dict[str, Any]]] = [
    (_nothing, FindingKind.NOT_A_VIDEO, {}),
    (_garbage, FindingKind.NOT_A_VIDEO, {}),
    (_half, FindingKind.TOO_SHORT, {"got": _about(1, 0.99), "wanted": 2.0, "limit": 0.1}),
    (_without_index, FindingKind.NOT_A_VIDEO, {}),
    (_holes, FindingKind.DAMAGED, {}),
    (_scratched, FindingKind.DAMAGED, {}),
    (_other_codec, FindingKind.CODEC, {"got": "mpeg4", "wanted": "h264"}),
    (_smaller, FindingKind.SIZE, {"got": [80, 60], "wanted": [160, 120]}),
    (_silent, FindingKind.AUDIO_TRACKS, {"got": 0, "wanted": 1}),
    (_second_audio, FindingKind.AUDIO_TRACKS, {"got": 2, "wanted": 1}),
    (_short, FindingKind.TOO_SHORT, {"got": _about(1.55, 0.05), "wanted": 2.0, "limit": 0.1}),
    (_slow, FindingKind.TOO_LONG, {"got": _about(3, 0.1), "wanted": 2.0, "limit": 0.1}),
    (_late_index, FindingKind.INDEX_AT_END, {}),
    (_high_level, FindingKind.LEVEL, {"got": 6.2, "wanted": 5.1}),
    (_more_colours, FindingKind.PIXEL_FORMAT, {"got": "yuv444p", "wanted": "yuv420p"}),
    (_other_audio, FindingKind.AUDIO_CODEC, {"wanted": "aac"}),
    (_audio_ends_early, FindingKind.AUDIO_END, {"got": _about(1.1, 0.2), "wanted": 2.0, "track": 1}),
    (_audio_begins_late, FindingKind.AUDIO_BEGIN, {"got": _about(0.5, 0.2), "wanted": 0.0, "track": 1}),
    (_audio_with_a_hole, FindingKind.AUDIO_HOLE, {"got": _about(0.4, 0.2), "at": _about(0.8, 0.2), "track": 1}),
    (_one_missing, FindingKind.FRAME_COUNT, {"got": 49, "wanted": 50}),
    (_audio_only, FindingKind.NOT_A_VIDEO, {}),
    (_gone, FindingKind.MISSING, {}),
]


@pytest.mark.parametrize(("spoil", "kind", "data"), _SPOILT, ids=[spoil.__name__[1:] for spoil, _, _ in _SPOILT])
def test_a_bad_file_is_thrown_away_with_its_reason(
    good: Path, tmp_path: Path, spoil: Callable[[Path, Path], None], kind: FindingKind, data: dict[str, Any]
) -> None:
    bad = tmp_path / "bad.mp4"
    spoil(good, bad)
    with pytest.raises(OutputRejected) as refusal:
        verify(bad, _GOOD)
    found = next(finding for finding in refusal.value.findings if finding.kind is kind)
    assert {name: data_of(found)[name] for name in data} == data
    assert refusal.value.retryable


def test_the_sentence_names_the_file_and_all_that_is_wrong_with_it(good: Path, tmp_path: Path) -> None:
    """And ends with one full stop, though some reasons have one of their own."""
    gone, small = tmp_path / "gone.mp4", tmp_path / "small.mp4"
    _smaller(good, small)
    for path in (gone, small):
        with pytest.raises(OutputRejected) as refusal:
            verify(path, _GOOD)
        sentence = str(refusal.value)
        assert sentence.startswith(f"{path.name}, just made, was thrown away: ")
        assert all(found.sentence in sentence for found in refusal.value.findings)
        assert sentence.endswith(".")
        assert not sentence.endswith("..")


@pytest.mark.parametrize("spoil", [_half, _holes, _scratched, _garbage, _nothing])
def test_damage_is_found_without_any_number_to_compare(
    good: Path, tmp_path: Path, spoil: Callable[[Path, Path], None]
) -> None:
    bad = tmp_path / "bad.mp4"
    spoil(good, bad)
    with pytest.raises(OutputRejected):
        verify(bad, Expectation())


def test_every_fault_is_named(good: Path) -> None:
    wanted = replace(_GOOD, codec="vp9", size=(2, 2), audio_tracks=3, frames=7, duration=Fraction(9))
    with pytest.raises(OutputRejected) as refusal:
        verify(good, wanted)
    assert {(found.kind, found.got, found.wanted) for found in refusal.value.findings} >= {
        (FindingKind.FRAME_COUNT, 50, 7),
        (FindingKind.CODEC, "h264", "vp9"),
        (FindingKind.SIZE, (160, 120), (2, 2)),
        (FindingKind.AUDIO_TRACKS, 1, 3),
    }
    assert FindingKind.TOO_SHORT in {found.kind for found in refusal.value.findings}
    assert all(found.sentence in str(refusal.value) for found in refusal.value.findings)


@pytest.mark.parametrize(
    ("content", "wanted", "good_enough"),
    [
        (Fraction(10), Fraction(10), True),
        (Fraction(99, 10), Fraction(10), True),
        (Fraction(989, 100), Fraction(10), False),
        (Fraction(1012, 100), Fraction(10), False),
        (Fraction(3564), Fraction(3600), True),
        (Fraction(3563), Fraction(3600), False),
        (Fraction(1, 10), Fraction(0), True),
        (None, Fraction(0), False),
    ],
)
def test_lasts(content: Fraction | None, wanted: Fraction, good_enough: bool) -> None:
    assert lasts(content, wanted) is good_enough


def test_faststart(good: Path, tmp_path: Path) -> None:
    assert faststart(good)
    late = tmp_path / "late.mp4"
    ffmpeg("-i", good, "-c", "copy", late)
    assert not faststart(late)


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"", False),
        (b"\0\0\0", False),
        (b"\0\0\0\x08free" * 3, False),
        (b"\0\0\0\x08free" + b"\0\0\0\x08moov", True),
        (b"\0\0\0\x01free" + (24).to_bytes(8, "big") + b"x" * 8 + b"\0\0\0\x08moov", True),
        (b"\0\0\0\x01free" + (24).to_bytes(8, "big") + b"x" * 8 + b"\0\0\0\x08mdat", False),
        (b"\0\0\0\0free" + b"\0\0\0\x08moov", False),
        (b"\0\0\0\x03free" + b"\0\0\0\x08moov", False),
    ],
)
def test_faststart_walks_the_boxes(tmp_path: Path, data: bytes, answer: bool) -> None:
    path = tmp_path / "boxes.mp4"
    path.write_bytes(data)
    assert faststart(path) is answer


def test_an_intermediate_file_is_probed_and_not_decoded(good: Path, tmp_path: Path) -> None:
    scratched, other = tmp_path / "scratched.mp4", tmp_path / "other.mp4"
    _scratched(good, scratched)
    _other_codec(good, other)
    assert verify_intermediate(scratched, _GOOD, "part 1").video.codec == "h264"
    for path, kind in ((other, FindingKind.CODEC), (tmp_path / "gone", FindingKind.MISSING)):
        with rejected(kind):
            verify_intermediate(path, _GOOD, "part 1")


def test_a_copy_is_counted_against_its_source(good: Path, tmp_path: Path) -> None:
    """What the encoder says is no proof: here nobody says how many there should be."""
    shorter, other, turned = tmp_path / "shorter.mp4", tmp_path / "other.mp4", tmp_path / "turned.mp4"
    ffmpeg("-i", good, "-t", "1", *_FRONT, shorter)
    ffmpeg("-i", good, "-vf", r"select=not(eq(n\,20))", "-fps_mode", "passthrough", *_FRONT, other)
    ffmpeg("-i", good, "-vf", "transpose", *_FRONT, turned)
    against = Expectation(source=Source(good, probe(good)))
    assert Finding(FindingKind.FRAME_COUNT, 25, 50, against_source=True) in examine(shorter, against).findings
    assert examine(other, against).findings == (Finding(FindingKind.FRAME_COUNT, 49, 50, against_source=True),)
    sizes = (120, 160), (160, 120)
    assert examine(turned, against).findings == (Finding(FindingKind.SHAPE, *sizes, against_source=True),)
    assert examine(good, against).ok


def test_a_frame_at_another_time_is_found(good: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    ffmpeg(
        *("-i", good, "-vf", r"setpts=if(gt(N\,29)\,PTS+0.12/TB\,PTS)"),
        *("-fps_mode", "passthrough", *_FRONT, made),
    )
    found = examine(made, Expectation(source=Source(good, probe(good)))).findings
    last, moved = the_one(found, FindingKind.LAST_FRAME), the_one(found, FindingKind.FRAME_TIME)
    assert (last["got"], last["wanted"]) == (pytest.approx(2.08), pytest.approx(1.96))
    assert moved["got"] == pytest.approx(0.12)
    assert moved["limit"] < moved["got"]


def test_a_variable_rate_made_constant_is_a_note(tmp_path: Path) -> None:
    source, made = tmp_path / "source.mp4", tmp_path / "made.mp4"
    plain = clip(tmp_path / "plain.mp4", seconds=2, sound=0)
    ffmpeg(
        *("-i", plain, "-vf", r"select=lt(n\,20)+not(mod(n\,7))+eq(n\,49)", "-fps_mode", "passthrough"),
        *("-bf", "0", source),
    )
    ffmpeg("-i", source, "-vf", "fps=25", "-t", "2", *_FRONT, made)
    proof = examine(made, Expectation(source=Source(source, probe(source))))
    assert proof.findings == ()
    (note,) = proof.notes
    assert note == Finding(FindingKind.CONSTANT_RATE, 50, 25, rate=25.0, against_source=True)


def test_frames_beside_their_times_are_not_late_by_one(tmp_path: Path) -> None:
    """The first frame of a phone's video stands for half as long as the others; its copy is at a constant rate."""
    made, source = clip(tmp_path / "made.mp4", seconds=2, sound=0, size="256x144"), tmp_path / "source.mp4"
    times = "setts=ts='if(eq(N,0),TS,TS-0.02/TB)':duration='if(eq(N,0),DURATION/2,DURATION)'"
    ffmpeg("-i", made, "-c", "copy", "-bsf:v", times, source)
    proof = examine(made, Expectation(source=Source(source, probe(source)), faststart=False))
    assert proof.findings == ()


def test_a_damaged_source_is_noted_and_not_counted_against(good: Path, tmp_path: Path) -> None:
    bad, made = tmp_path / "bad.mp4", tmp_path / "made.mp4"
    _scratched(good, bad)
    ffmpeg_that_hides_it = ("-err_detect", "ignore_err", "-i", str(bad), "-vf", "select=lt(n\\,20)", *_FRONT, str(made))
    subprocess.run([str(find_ffmpeg()), "-v", "quiet", "-y", *ffmpeg_that_hides_it], check=False)
    proof = examine(made, Expectation(source=Source(bad, probe(bad))))
    assert proof.findings == ()
    assert proof.notes[0].kind is FindingKind.SOURCE_DAMAGED


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_a_source_is_read_once_to_prove_its_copy(tmp_path: Path, kind: str) -> None:
    source, made = tmp_path / f"a.{kind}", tmp_path / "made.mp4"
    ffmpeg(
        "-f", "lavfi", "-i", "testsrc2=s=192x108:r=25:d=30,noise=alls=20:allf=t", "-f", "lavfi", "-i", "sine=d=30",
        "-c:v", "libx264", "-qp", "24", "-preset", "ultrafast", "-g", "10", "-c:a", "aac", source,
    )  # fmt: skip
    ffmpeg("-i", source, "-c", "copy", *_FRONT, made)
    wanted = Expectation(source=Source(source, probe(source)))
    before = bytes_read()
    proof = examine(made, wanted)
    read = bytes_read() - before - made.stat().st_size
    assert proof.findings == ()
    # Once for times and levels; the rest are the moments at which frames and audio are compared.
    assert read < 2.2 * source.stat().st_size, read / source.stat().st_size


#: What is looked at again, all around: frames that are upside down, and what is coarse among frames at another rate.
_LOOKED_AT_AGAIN = {
    FindingKind.UPSIDE_DOWN: ("-vf", "vflip"),
    FindingKind.COARSE: ("-r", "50", "-crf", "51"),
}


def source_frames_held() -> list[SourceFrame]:
    """All that live in this process."""
    return [one for one in gc.get_objects() if type(one) is SourceFrame]


@pytest.mark.parametrize("kind", _LOOKED_AT_AGAIN)
def test_frames_are_not_held_where_all_around_a_suspect_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: FindingKind
) -> None:
    """A second of 4K would be 700 MB."""
    source, made = tmp_path / "source.mp4", tmp_path / "made.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=256x144:r=60:d=2", "-crf", "12", source)
    ffmpeg("-i", source, *_LOOKED_AT_AGAIN[kind], *_FRONT, made)
    shrunk, most = itertools.count(), 0
    gc.collect()
    earlier = source_frames_held()  # what another test left, kept here so that they do not go on the way

    def counting(*given: Any, **named: Any) -> Raster:
        nonlocal most
        if next(shrunk) % 20 == 0:
            most = max(most, len(source_frames_held()) - len(earlier))
        return raster(*given, **named)

    for module in (frames_compared, frames_beside):
        monkeypatch.setattr(module, "raster", counting)
    detail = DetailAsked(crf=23)
    segments = (FilmSegment(source, 0.0, 2.0, at=0.0, heard=False, detail=detail, retimed=kind is FindingKind.COARSE),)
    proof = examine(made, Expectation(segments=segments))
    assert kind in {finding.kind for finding in proof.findings}
    assert next(shrunk) > 100, "all around some suspects was compared"
    assert most < 20, "of 42 and more"


def test_nothing_is_changed(good: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    shutil.copy(good, copy)
    before = (copy.read_bytes(), copy.stat().st_mtime_ns)
    verify(copy, _GOOD)
    assert (copy.read_bytes(), copy.stat().st_mtime_ns) == before
