"""What encodes cost, as labels: there and back, and what a person may have put there instead."""

from __future__ import annotations

from typing import Any

import pytest

from reelmill.queue.encode_labels import EncodeFigures

_ALL = EncodeFigures("nvenc", speed=3.5, bytes_in=10, bytes_out=4, vmaf=95.1, joules=12.0)


@pytest.mark.parametrize("figures", [_ALL, EncodeFigures("copy", speed=80.0), EncodeFigures()])
def test_labels_give_the_figures_back(figures: EncodeFigures) -> None:
    assert EncodeFigures.from_labels(figures.labels()) == figures


def test_what_was_not_measured_has_no_label() -> None:
    assert EncodeFigures("software", speed=2.0).labels() == {"reelmill.engine": "software", "reelmill.speed": 2.0}


@pytest.mark.parametrize("value", ["fast", None, True, -1, float("nan"), float("inf"), [], {}])
def test_a_label_that_is_no_figure_is_not_measured(value: Any) -> None:
    assert EncodeFigures.from_labels({"reelmill.engine": "software", "reelmill.speed": value}).speed is None


def test_an_engine_that_is_no_text_is_none() -> None:
    assert EncodeFigures.from_labels({"reelmill.engine": 7}) == EncodeFigures()
