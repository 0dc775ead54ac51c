"""Detail that the settings of an encode explain may be lost, snow above all; what they do not explain is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.reading.coded_bits import CodedBits, coded_bits
from reelmill.ffmpeg.reading.frames.raster import FINE_SIDE
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.verify import ANY_SETTINGS, DetailAsked, Expectation, Source, examine
from reelmill.ffmpeg.verify.matches.noise_match import share_of_noise
from tests.clips import ffmpeg, generated

_K = FindingKind
_SIZE = "192x144"
_SNOW = f"color=gray:s={_SIZE}:r=25:d=1,format=yuv420p,geq=lum='16+219*random(1)':cb=128:cr=128"
_PATTERN = f"testsrc2=s={_SIZE}:r=25:d=1.2"
_BESIDE = f"testsrc2=s={_SIZE}:r=25:d=1[a];{_SNOW},crop=96:72[b];[a][b]overlay=40:30"


def _source(folder: Path, shown: str) -> Path:
    coded = "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "8", "-g", "25"
    return generated(folder / "source.mp4", "-f", "lavfi", "-i", shown, *coded)


def _kinds(source: Path, folder: Path, coded: str, asked: DetailAsked) -> set[FindingKind]:
    made = folder / "made.mp4"
    ffmpeg("-i", source, "-c:v", "libx264", "-preset", "veryfast", *coded.split(), "-movflags", "+faststart", made)
    expected = Expectation(source=Source(source, probe(source), detail=asked))
    return {finding.kind for finding in examine(made, expected).findings}


#: What is shown, and how many bits are left for it: of a copy whose settings are not known, and of one of a job.
_LOST: dict[str, tuple[str, int, bool]] = {
    "nothing else, 200 kbit/s": (_SNOW, 200, False),
    "nothing else, 400 kbit/s": (_SNOW, 400, True),
    "among other things, 200 kbit/s": (_BESIDE, 200, True),
    "among other things, 300 kbit/s": (_BESIDE, 300, False),
}


@pytest.mark.parametrize("name", _LOST)
def test_snow_that_few_bits_lose_is_no_fault(tmp_path: Path, name: str) -> None:
    shown, kbit, known = _LOST[name]
    source, coded = _source(tmp_path, shown), f"-maxrate {kbit}k -bufsize {2 * kbit}k"
    assert _kinds(source, tmp_path, coded, DetailAsked(23, kbit) if known else ANY_SETTINGS) == set()


def test_snow_that_was_smoothed_away_with_bits_to_spare_is_found(tmp_path: Path) -> None:
    assert _K.COARSE in _kinds(_source(tmp_path, _BESIDE), tmp_path, "-crf 18 -vf gblur=sigma=3", ANY_SETTINGS)


_SMALL = "-vf scale=80:46,scale=192:144"
#: How a copy is made, what was asked for, and what is found.
_ASKED: dict[str, tuple[str, DetailAsked, set[FindingKind]]] = {
    "CRF 30": ("-crf 30", DetailAsked(30), set()),
    "CRF 36": ("-crf 36", DetailAsked(36), set()),
    "CRF 51": ("-crf 51", DetailAsked(51), set()),
    "few bits": ("-maxrate 60k -bufsize 120k", DetailAsked(23, 60, sparing=True), set()),
    "QP 51 for CRF 30": ("-qp 51", DetailAsked(30), {_K.COARSE}),
    "QP 51 for CRF 36": ("-qp 51", DetailAsked(36), {_K.COARSE}),
    "QP 51 for more bits": ("-qp 51", DetailAsked(23, 400, sparing=True), {_K.COARSE}),
    "small for CRF 30": (_SMALL, DetailAsked(30), {_K.COARSE}),
    "small for more bits": (_SMALL, DetailAsked(30, 1000, sparing=True), {_K.COARSE}),
}  # fmt: skip


@pytest.mark.parametrize("name", _ASKED)
def test_what_was_asked_for_is_the_measure(tmp_path: Path, name: str) -> None:
    coded, asked, kinds = _ASKED[name]
    assert _kinds(_source(tmp_path, _PATTERN), tmp_path, coded, asked) == kinds


def test_only_lost_detail_is_explained() -> None:
    spent = CodedBits(100, 0.1, 45.0)
    assert ANY_SETTINGS.explains(_K.COARSE, spent, 1.0)
    assert not ANY_SETTINGS.explains(_K.BLACK, spent, 1.0)
    assert not ANY_SETTINGS.explains(_K.OTHER_FRAME, spent, 0.3)
    assert not DetailAsked(23).explains(_K.COARSE, spent, 1.0), "nothing limits it"
    assert DetailAsked(23, 150).explains(_K.COARSE, spent, 0.0)
    assert not DetailAsked(23, 1000).explains(_K.COARSE, spent, 0.0)


def test_what_an_encoder_spent_is_read(tmp_path: Path) -> None:
    made, source = tmp_path / "made.mp4", _source(tmp_path, _PATTERN)
    ffmpeg("-i", source, "-c:v", "libx264", "-qp", "40", "-bf", "0", "-aq-mode", "0", made)
    spent = coded_bits(made, 1.0, 2.0)
    bits = 8 * made.stat().st_size
    assert spent.kbit == pytest.approx(bits / 1200, rel=0.1)
    assert spent.per_pixel == pytest.approx(bits / (30 * 192 * 144), rel=0.1)
    assert spent.quantiser == pytest.approx(40, abs=3)
    assert coded_bits(made, 60.0, 1.0).kbit == 0


def test_noise_is_what_no_frame_beside_has() -> None:
    drawn = np.random.default_rng(1).random((3, FINE_SIDE, FINE_SIDE)).astype(np.float32)
    assert share_of_noise(drawn[0], [drawn[1], drawn[2]]) > 0.95
    assert share_of_noise(drawn[0], [drawn[1], np.roll(drawn[0], 2, axis=1)]) < 0.1, "it moved"
    assert share_of_noise(drawn[0], []) == 0.0
