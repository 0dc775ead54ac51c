"""What a job's encodes cost, as its run carries it."""

from __future__ import annotations

import pytest

from reelmill.ffmpeg.process.cost import Cost, total
from reelmill.operations.encode_figures import encode_figures, engine_of
from reelmill.queue.encode_labels import EncodeFigures

_COST = Cost(
    seconds=10.0, cpu_seconds=20.0, speed=2.00004, bytes_in=1000, bytes_out=400, joules=33.33, joules_source="RAPL",
    vmaf=95.123, encoder="h264_nvenc",
)  # fmt: skip


def test_of_a_cost() -> None:
    assert encode_figures(_COST) == EncodeFigures("nvenc", 2.0, 1000, 400, 95.12, 33.3)


def test_what_was_not_measured_stays_so() -> None:
    cost = _COST.model_copy(update={"vmaf": None, "joules": None, "bytes_in": None})
    assert encode_figures(cost) == EncodeFigures("nvenc", speed=2.0, bytes_out=400)


def test_clips_together_have_the_encoder_of_the_first() -> None:
    both = total([_COST, _COST])
    assert both is not None
    assert encode_figures(both) == EncodeFigures("nvenc", 2.0, 2000, 800, None, 66.7)


@pytest.mark.parametrize(
    ("encoder", "engine"),
    [("libx264", "software"), ("hevc_nvenc", "nvenc"), ("copy", "copy"), ("x264enc", "software"), (None, "software")],
)
def test_the_engine_of_an_encoder(encoder: str | None, engine: str) -> None:
    assert engine_of(encoder) == engine
