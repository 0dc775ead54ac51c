"""A copy with a frame for each field shows them in the order that its source declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.cli.commands.verifying import examined
from reelmill.ffmpeg.finding import FindingKind
from tests.clips import ffmpeg

_MOVING = "testsrc2=s=256x144:r=50:d=0.8"
_STILL = "smptehdbars=s=256x144:r=50:d=0.8"
_DEINTERLACERS = {
    "as it declares": "bwdif=mode=send_field",
    "by another filter": "yadif=mode=send_field",
    "tff": "bwdif=mode=send_field:parity=tff",
    "bff": "bwdif=mode=send_field:parity=bff",
}


@pytest.fixture(scope="module", params=["tff", "bff", "nothing moves"])
def interlaced(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Which field comes first, and a recording of 25 frames of two fields a second."""
    order, path = str(request.param), tmp_path_factory.mktemp("interlaced") / "source.mpg"
    shown, scan = (_STILL, "tff") if order == "nothing moves" else (_MOVING, order)
    graph = f"{shown},scale=out_range=tv,format=yuv420p,interlace=scan={scan}"
    coded = "-c:v", "mpeg2video", "-q:v", "3", "-flags", "+ildct+ilme", "-g", "10"
    ffmpeg("-f", "lavfi", "-i", graph, *coded, path)
    return order, path


@pytest.mark.parametrize("name", _DEINTERLACERS)
def test_fields_are_in_the_order_of_their_source(interlaced: tuple[str, Path], tmp_path: Path, name: str) -> None:
    order, source = interlaced
    made = tmp_path / "made.mp4"
    ffmpeg("-i", source, "-vf", _DEINTERLACERS[name], "-c:v", "libx264", "-preset", "veryfast", made)
    wrong = {order, name} == {"tff", "bff"}
    assert {finding.kind for finding in examined(made, source).findings} == (
        {FindingKind.FIELD_ORDER} if wrong else set()
    )
