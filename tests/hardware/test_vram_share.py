from __future__ import annotations

import pytest

from reelmill.hardware.vram_share import CONTEXT_MB, VARIABLE, admitted_mb, batch_size, how_to_raise

MB = 2**20


@pytest.mark.parametrize(("told", "known"), [(None, None), ("0", 0), ("6000", 6000)])
def test_what_the_worker_told(monkeypatch: pytest.MonkeyPatch, told: str | None, known: int | None) -> None:
    if told is not None:
        monkeypatch.setenv(VARIABLE, told)
    assert admitted_mb() == known


@pytest.mark.parametrize(
    ("allowed", "model", "picture", "batch"),
    [
        (CONTEXT_MB + 1000, 0, 100 * MB, 8),  # four fifths of what CUDA leaves
        (CONTEXT_MB + 1000, 300 * MB, 100 * MB, 5),  # beside the model
        (CONTEXT_MB + 1000, 301 * MB, 100 * MB, 4),  # rounded down
        (CONTEXT_MB, 300 * MB, 100 * MB, 1),  # at least one
        (0, 300 * MB, 100 * MB, 1),
        (80_000, 300 * MB, MB, 256),
        (80_000, 300 * MB, 0, 256),
    ],
)
def test_a_batch_is_what_is_left_beside_the_model(allowed: int, model: int, picture: int, batch: int) -> None:
    assert batch_size(allowed, model, picture) == batch


def test_a_larger_share_never_makes_a_smaller_batch() -> None:
    sizes = [batch_size(allowed, 600 * MB, 40 * MB) for allowed in range(0, 20_000, 250)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 1
    assert sizes[-1] == 256


def test_the_way_out_names_the_variable_and_twice_what_was_too_little() -> None:
    assert "admitted to 6000 MB" in how_to_raise(6000)
    assert "--job-variable vram_mb=12000" in how_to_raise(6000)
    assert "vram_mb" in how_to_raise(None)
