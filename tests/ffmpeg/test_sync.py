"""Copies whose audio was moved by a known time, against their source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reelmill.ffmpeg.commands.web_copy import reencode
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.finding import Finding, FindingKind
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.verify import Expectation, FilmSegment, Source, examine
from reelmill.ffmpeg.verify.audio_lag import NoLag, lag_of
from tests.clips import clip, ffmpeg
from tests.refusals import the_one

_SECONDS = 12
#: Something like speech: noise that comes and goes, and a tone that wanders.
_LIVELY = (
    f"aevalsrc='0.4*random(0)*pow(abs(sin(2*PI*1.3*t+sin(3*t))),6)+0.2*sin(2*PI*(300+90*sin(t))*t)*lt(mod(t,1.7),0.9)'"
    f":s=44100:d={_SECONDS}"
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sync") / "source.mkv"
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=size=160x120:rate=25:duration={_SECONDS}", "-f", "lavfi", "-i", _LIVELY),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "flac", path),
    )
    return path


def _findings(source: Path, made: Path) -> tuple[Finding, ...]:
    return examine(made, Expectation(source=Source(source, probe(source)))).findings


def _late(findings: Iterable[Finding]) -> dict[str | None, Any]:
    """By how many seconds audio is late, by place."""
    return {finding.place: finding.got for finding in findings if finding.kind is FindingKind.OUT_OF_SYNC}


def _copy(source: Path, made: Path, *options: str, before: Sequence[str] = ()) -> Path:
    ffmpeg(*before, "-i", source, *options, "-c:v", "copy", "-c:a", "aac", "-movflags", "+faststart", made)
    return made


def _delayed(milliseconds: int) -> str:
    return f"adelay={milliseconds}:all=1,atrim=duration={_SECONDS}"


def _late_at_the_start(milliseconds: int) -> str:
    """So much silence first; what was pushed back is cut out of the seconds from 5 to 6."""
    late = milliseconds / 1000
    graph = f"adelay={milliseconds}:all=1,asplit[a][b];[a]atrim=end=5,asetpts=PTS-STARTPTS[x]"
    return f"{graph};[b]atrim=start={5 + late},asetpts=PTS-STARTPTS[y];[x][y]concat=n=2:v=0:a=1"


def _in_steps(steps: int) -> str:
    """A tenth of a second late after each of so many equal lengths."""
    each, names = _SECONDS / (steps + 1), "abcdefghi"[: steps + 1]
    cuts = [
        f"[{name}]atrim={n * (each - 0.1)}:{n * (each - 0.1) + each},asetpts=PTS-STARTPTS[{name}{name}]"
        for n, name in enumerate(names)
    ]
    joined = "".join(f"[{name}{name}]" for name in names)
    split = "".join(f"[{name}]" for name in names)
    return f"asplit={steps + 1}{split};{';'.join(cuts)};{joined}concat=n={steps + 1}:v=0:a=1"


def test_our_own_copy_is_in_sync(source: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    ffmpeg(*reencode(source, probe(source), made, Encoding(preset="ultrafast")))
    proof = examine(made, Expectation(source=Source(source, probe(source))))
    assert proof.findings == ()
    assert [(offset.place, offset.heard) for offset in proof.offsets] == [
        ("start", True), ("middle", True), ("end", True),
    ]  # fmt: skip
    assert all(abs(offset.seconds) < 0.002 for offset in proof.offsets)


@pytest.mark.parametrize(("milliseconds", "late"), [(0, False), (15, False), (40, True), (200, True)])
def test_audio_that_is_late_everywhere(source: Path, tmp_path: Path, milliseconds: int, late: bool) -> None:
    made = _copy(source, tmp_path / "made.mp4", "-af", _delayed(milliseconds))
    found = _findings(source, made)
    assert all(finding.kind is FindingKind.OUT_OF_SYNC for finding in found)
    everywhere = dict.fromkeys(("start", "middle", "end"), pytest.approx(milliseconds / 1000, abs=0.002))
    assert _late(found) == (everywhere if late else {})


@pytest.mark.parametrize(("milliseconds", "late"), [(15, False), (40, True)])
def test_audio_that_is_late_at_the_start_only(source: Path, tmp_path: Path, milliseconds: int, late: bool) -> None:
    made = _copy(source, tmp_path / "made.mp4", "-filter_complex", _late_at_the_start(milliseconds))
    found = _findings(source, made)
    assert _late(found).get("start") == (pytest.approx(milliseconds / 1000, abs=0.002) if late else None)
    assert "end" not in _late(found)


def test_audio_that_drifts(source: Path, tmp_path: Path) -> None:
    """Half a percent slower is 60 ms at the end: a sampling rate that was mistaken."""
    made = _copy(source, tmp_path / "made.mp4", "-af", f"asetrate=43880,aresample=44100,atrim=duration={_SECONDS}")
    found = _findings(source, made)
    late = _late(found)
    assert 0.02 < late["middle"] < late["end"]


#: How audio comes to be late by more and more: one rate taken for another, its speed changed, and step by step.
_DRIFTS = {
    "by its rate": f"asetrate=42300,aresample=44100,atrim=duration={_SECONDS}",
    "by its speed": f"atempo=0.96,atrim=duration={_SECONDS}",
    "step by step": _in_steps(5),
}


@pytest.mark.parametrize("name", _DRIFTS)
def test_audio_that_drifts_by_half_a_second_is_named(source: Path, tmp_path: Path, name: str) -> None:
    found = _findings(source, _copy(source, tmp_path / "made.mp4", "-filter_complex", _DRIFTS[name]))
    (drift,) = (finding for finding in found if finding.kind is FindingKind.DRIFTING)
    assert re.fullmatch(r"its audio drifts against the video: it is \d{3} ms late around \d+\.\d s", drift.sentence)


def test_audio_that_drifts_in_a_short_film_is_named(source: Path, tmp_path: Path) -> None:
    """By so little that it is in step in the middle, and in too few seconds to see it by how loud both are."""
    segments = (FilmSegment(source, 0.0, 4.0, at=0.0),)
    for rate, kinds in ((44100, set()), (42300, {FindingKind.DRIFTING})):
        change = f"asetrate={rate},aresample=44100,atrim=duration=4"
        made = _copy(source, tmp_path / "film.mp4", "-t", "4", "-af", change)
        found = examine(made, Expectation(segments=segments)).findings
        assert {finding.kind for finding in found} == kinds


def test_audio_that_is_late_between_the_places_where_it_is_heard_closely(source: Path, tmp_path: Path) -> None:
    """Late from the second to the fifth second, and in step again before the middle of a film of 24 seconds."""
    twice, late = tmp_path / "twice.mkv", tmp_path / "late.mkv"
    ffmpeg("-stream_loop", "1", "-i", source, "-c", "copy", twice)
    parts = "asplit=3[a][b][c];[a]atrim=end=2[x];[b]atrim=1.8:8.8,asetpts=PTS-STARTPTS[y];[c]atrim=start=9"
    _copy(twice, late, "-filter_complex", f"{parts},asetpts=PTS-STARTPTS[z];[x][y][z]concat=n=3:v=0:a=1")
    (finding,) = _findings(twice, late)
    assert finding.kind is FindingKind.DRIFTING
    assert finding.got == pytest.approx(0.2, abs=0.005)
    assert finding.at is not None
    assert 2 <= finding.at <= 9
    assert _findings(twice, _copy(twice, tmp_path / "good.mp4")) == ()


def test_an_edit_that_moves_the_audio(source: Path, tmp_path: Path) -> None:
    """No sample differs: only the container makes audio come later."""
    made = tmp_path / "made.mp4"
    ffmpeg(
        *("-i", source, "-itsoffset", "0.05", "-i", source, "-map", "0:v", "-map", "1:a"),
        *("-c:v", "copy", "-c:a", "aac", "-movflags", "+faststart", made),
    )
    assert _late(_findings(source, made))["start"] == pytest.approx(0.05, abs=0.002)


def test_audio_and_video_that_are_late_together_are_in_sync(source: Path, tmp_path: Path) -> None:
    late = tmp_path / "late.mkv"
    ffmpeg("-i", source, "-c", "copy", "-output_ts_offset", "7", late)
    made = _copy(source, tmp_path / "made.mp4")
    assert _findings(late, made) == ()


def test_audio_that_ends_early(source: Path, tmp_path: Path) -> None:
    made = _copy(source, tmp_path / "made.mp4", "-af", "atrim=end=7")
    assert FindingKind.MUTED in {finding.kind for finding in _findings(source, made)}


def test_a_hole_filled_with_silence_in_the_middle(source: Path, tmp_path: Path) -> None:
    made = _copy(source, tmp_path / "made.mp4", "-af", "volume=0:enable='between(t,3.5,8.5)'")
    (finding,) = _findings(source, made)
    assert finding.kind is FindingKind.MUTED
    assert finding.at == pytest.approx(5, abs=0.01)


def test_another_audio(source: Path, tmp_path: Path) -> None:
    made = _copy(source, tmp_path / "made.mp4", "-af", "areverse")
    assert FindingKind.OTHER_AUDIO in {finding.kind for finding in _findings(source, made)}


def test_another_audio_in_a_film(source: Path, tmp_path: Path) -> None:
    segments = (FilmSegment(source, 0.0, 6.0, at=0.0),)
    made = _copy(source, tmp_path / "film.mp4", "-t", "6", "-af", "atrim=end=6,areverse")
    assert FindingKind.OTHER_AUDIO in {
        finding.kind for finding in examine(made, Expectation(segments=segments)).findings
    }


def test_a_steady_tone_has_no_place_and_is_no_fault(tmp_path: Path) -> None:
    source = clip(tmp_path / "source.mp4", seconds=4)
    made = _copy(source, tmp_path / "made.mp4", "-af", "adelay=10:all=1,atrim=duration=4")
    assert _findings(source, made) == ()


def test_silence_is_in_sync(tmp_path: Path) -> None:
    source, made = tmp_path / "source.mp4", tmp_path / "made.mp4"
    ffmpeg("-i", clip(tmp_path / "tone.mp4", seconds=3), "-c:v", "copy", "-af", "volume=0", source)
    assert _findings(source, _copy(source, made)) == ()


def test_frames_that_drift_are_named(source: Path, tmp_path: Path) -> None:
    made = tmp_path / "made.mp4"
    ffmpeg("-itsscale", "1.01", "-i", source, "-an", "-c", "copy", tmp_path / "slow.mp4")
    ffmpeg(
        *("-i", tmp_path / "slow.mp4", "-i", source, "-map", "0:v", "-map", "1:a"),
        *("-c:v", "copy", "-c:a", "aac", "-movflags", "+faststart", made),
    )
    found = _findings(source, made)
    assert the_one(found, FindingKind.LAST_FRAME)["got"] == pytest.approx(12.0, abs=0.1)
    assert _late(found)["end"] < 0


@pytest.mark.parametrize("later", [-3000, -160, 0, 160, 3000])
def test_lag(later: int) -> None:
    """Samples at 8 kHz, a known number of them later."""
    noise = np.random.default_rng(1).normal(size=24_000).astype(np.float32)
    assert lag_of(noise, noise[4000 - later : 20_000 - later], 4000) == pytest.approx(later / 8000)


def test_lag_of_what_is_not_alike() -> None:
    random = np.random.default_rng(2)
    bursts = (np.repeat(random.random(200) > 0.6, 120) * random.normal(size=24_000)).astype(np.float32)
    others = (np.repeat(random.random(200) > 0.6, 120) * random.normal(size=24_000)).astype(np.float32)
    steady = random.normal(size=24_000).astype(np.float32)
    assert lag_of(bursts, others[4000:20_000], 4000) is NoLag.OTHER
    assert lag_of(steady, random.normal(size=16_000).astype(np.float32), 4000) is NoLag.UNKNOWN


def test_a_hole_that_the_source_has_is_no_fault(source: Path, tmp_path: Path) -> None:
    """In an mp4 a packet before a hole lasts through it: only decoding the source shows that it has one, too."""
    holed, made = tmp_path / "holed.mp4", tmp_path / "made.mp4"
    ffmpeg(
        "-i", source, "-c:v", "copy", "-af", "aselect='not(between(t,5,5.2))'", "-c:a", "aac", tmp_path / "plain.mkv"
    )
    ffmpeg("-i", tmp_path / "plain.mkv", "-c", "copy", "-movflags", "+faststart", holed)
    ffmpeg("-i", holed, "-c", "copy", "-movflags", "+faststart", made)
    (heard,) = check_whole(made).audio
    assert heard is not None
    assert heard.hole > 0.1
    assert _findings(holed, made) == ()
    whole = _copy(source, tmp_path / "whole.mp4")
    hole = the_one(_findings(whole, made), FindingKind.AUDIO_HOLE)
    assert (hole["got"], hole["at"]) == (pytest.approx(heard.hole), pytest.approx(5, abs=0.1))
