"""Where a video stands in a film's frame is known to the pixel, so that its detail can be compared."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.ffmpeg.commands.filters import Cell, cell
from reelmill.ffmpeg.encoding import Encoding
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.transcoder import Transcoder
from reelmill.operations.films.film_segments import FilmForm, of_whole_video
from tests.clips import Notes, ffmpeg

_SIZE = (160, 120)
_RATE = Fraction(10)


@pytest.mark.parametrize("size", ["160x74", "160x76", "90x120", "88x120", "160x120"])
def test_a_box_is_where_the_video_was_fitted_to(tmp_path: Path, size: str) -> None:
    source, film, report = tmp_path / "white.mkv", tmp_path / "cell.mkv", Notes()
    ffmpeg("-f", "lavfi", "-i", f"color=white:s={size}:r=10:d=0.2", "-pix_fmt", "yuv420p", "-c:v", "libx264", source)
    white = Cell(source, probe(source))
    line = cell(white, film, size=_SIZE, rate=_RATE, length=Fraction(1, 5), heard=False)
    Transcoder().run(line, report, Fraction(1, 5))
    with av.open(str(film)) as container:
        lit = next(container.decode(video=0)).to_ndarray(format="gray") > 128
    box = of_whole_video(white, Fraction(0), Fraction(1, 5), Fraction(0), FilmForm(_SIZE, _RATE, Encoding()), None).box
    rows, columns = (np.flatnonzero(lit.any(axis=axis)) for axis in (1, 0))
    got = columns[0] / _SIZE[0], rows[0] / _SIZE[1], len(columns) / _SIZE[0], len(rows) / _SIZE[1]
    assert got == pytest.approx((box.left, box.top, box.width, box.height))
