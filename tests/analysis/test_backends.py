"""What every back end owes, and which of them serve a machine."""

from __future__ import annotations

import math
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from reelmill.analysis.frames.time_ranges import TimeRange
from reelmill.analysis.scoring.signals import measure
from reelmill.analysis.tagging.back_end import BackEnd, Subject
from reelmill.analysis.tagging.backends import Classical, choose
from reelmill.errors import CapabilityError
from reelmill.ffmpeg.reading.probe import probe
from tests.analysis.tiny_clip import SENTENCES, tiny_clip
from tests.clips import clip, ffmpeg
from tests.refusals import refused


def subject(path: Path) -> Subject:
    info = probe(path)
    assert info.duration is not None
    signals = measure(TimeRange(str(path), 0, math.ceil(info.duration)))
    return Subject(path, info, Fraction(info.duration), signals, 0)


def _model(folder: Path) -> BackEnd:
    pytest.importorskip("torch", reason="the extra [ai] is not installed: make ai")
    return choose(tiny_clip(folder / "tiny", labels={"look": SENTENCES})).back_ends[0]


def test_without_a_folder_the_classical_signals_serve_and_it_is_said_why() -> None:
    chosen = choose(None)
    assert [type(back_end) for back_end in chosen.back_ends] == [Classical]
    assert chosen.why_no_model == "REELMILL_MODELS names no folder with a model"


def test_with_one_the_model_is_believed_first(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra [ai] is not installed: make ai")
    chosen = choose(tiny_clip(tmp_path / "tiny"))
    assert [back_end.name for back_end in chosen.back_ends] == ["CLIP model tiny", "classical signals"]
    assert chosen.why_no_model is None


def test_a_folder_without_a_model_is_an_error_and_not_silently_classical(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra [ai] is not installed: make ai")
    with refused(CapabilityError, missing=str(tmp_path)):
        choose(tmp_path)


def test_without_the_extra_it_is_classical_and_names_the_way_to_get_it(tmp_path: Path) -> None:
    """In a process where PyTorch cannot be imported, whether it is installed here or not."""
    script = f"""
import sys
sys.modules["torch"] = None
from pathlib import Path
from reelmill.analysis.tagging.backends import choose
chosen = choose(Path({str(tmp_path)!r}))
print([back_end.name for back_end in chosen.back_ends], chosen.why_no_model)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("['classical signals'] the extra [ai] is not installed (")
    assert "`make ai`" in done.stdout


def test_nothing_of_the_extra_is_loaded_until_a_folder_is_named() -> None:
    script = """
import sys
from reelmill.analysis.tagging.backends import choose
import flows.tag_generation
choose(None)
print({"torch", "transformers"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("make", [lambda _: Classical(), _model], ids=["classical", "model"])
def test_every_back_end_keeps_the_contract(make: object, tmp_path: Path) -> None:
    assert callable(make)
    back_end: BackEnd = make(tmp_path)
    video = subject(clip(tmp_path / "a.mp4", seconds=5))
    found = back_end.tags(video)
    assert found == back_end.tags(video), "the same for the same"
    assert found
    assert [tag.confidence for tag in found] == sorted((tag.confidence for tag in found), reverse=True)
    assert all(0 < tag.confidence <= 1 and tag.evidence for tag in found)
    assert len({tag.name for tag in found}) == len(found)
    assert back_end.name
    if back_end.device == "cpu":
        assert back_end.vram().peak_mb is None


def test_a_model_tags_by_its_own_scores_whatever_the_batch(tmp_path: Path) -> None:
    from reelmill.analysis.frames.frame_sampling import sample_frames
    from reelmill.analysis.tagging.rules import Tag

    back_end = _model(tmp_path)
    from reelmill.analysis.tagging.zero_shot import ZeroShot
    from tests.analysis.tiny_clip import by_hand

    assert isinstance(back_end, ZeroShot)
    video = subject(clip(tmp_path / "a.mp4", seconds=10))
    looks = list(sample_frames(video.path, video.info.video, video.duration, back_end.model.side))
    assert len(looks) == 5
    logits = np.array(by_hand(tmp_path / "tiny", [look.pixels for look in looks], list(SENTENCES.values())))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    column_of = dict(zip(SENTENCES, chances.T, strict=True))
    # A quarter of five frames, rounded up, is two.
    wanted = {name: float(np.sort(column)[-2:].mean()) for name, column in column_of.items()}
    for batch in (1, 2, 64):
        back_end.model.batch = batch
        found: list[Tag] = back_end.tags(video)
        assert {tag.name for tag in found} == {name for name, chance in wanted.items() if chance >= 0.5}
        for tag in found:
            assert tag.confidence == pytest.approx(min(0.95, wanted[tag.name]), abs=2e-3)
            assert tag.evidence["back_end"] == "CLIP model tiny"
            assert tag.evidence["looks_like"] == SENTENCES[tag.name]
            there = dict(zip((float(look.time) for look in looks), column_of[tag.name], strict=True))
            best = [there[time] for time in tag.evidence["best_at_seconds"]]
            assert best == pytest.approx(sorted(there.values(), reverse=True)[:2], abs=2e-3)


def test_black_frames_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "black.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=black:s=160x120:r=10:d=3", "-c:v", "libx264", path)
    assert _model(tmp_path).tags(subject(path)) == []
