from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.tagging import set_by_person, tagged, tags_of
from reelmill.catalogue.models import Video
from reelmill.errors import CapabilityError, UnknownVideo, WrongParameter
from reelmill.hardware.vram_share import VARIABLE
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.tag_generation import tag_generation
from reelmill.settings import get_settings
from tests.analysis.tiny_clip import SENTENCES, tiny_clip
from tests.clips import Notes, clip
from tests.operations.library import add
from tests.refusals import refused


@pytest.fixture
def video(bench: Workbench) -> Video:
    return add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=3, sound=0))


def test_tags_are_found_with_their_evidence_and_kept(bench: Workbench, video: Video) -> None:
    run = uuid.uuid4()
    result = tag_generation(replace(bench, run_id=run), str(video.id))
    found = {tag.name: tag for tag in result.tags}
    assert found["landscape"].evidence == {"width": 160, "height": 120}
    assert found["no-sound"].confidence == 1
    assert (result.back_end, result.device, result.vram_peak_mb) == ("classical signals", "cpu", None)
    with session() as opened:
        kept = tags_of(opened, video.id)
        assert [tag.name for tag in kept] == [tag.name for tag in result.tags]
        assert {tag.made_by for tag in kept} == {run}
        assert [one.path for one in tagged(opened, "no-sound")] == [video.path]
        assert tagged(opened, "portrait") == []


def test_what_a_person_said_stands(bench: Workbench, video: Video) -> None:
    tag_generation(bench, str(video.id))
    with session() as opened:
        set_by_person(opened, video.id, " Holiday ")
        set_by_person(opened, video.id, "landscape", fits=False)
        set_by_person(opened, video.id, "no-sound")
    result = tag_generation(bench, str(video.id))
    found = {tag.name: tag for tag in result.tags}
    assert found["holiday"].by_person
    assert "landscape" not in found
    assert found["no-sound"].by_person
    with session() as opened:
        assert tagged(opened, "landscape") == []


def test_what_no_longer_holds_goes(bench: Workbench, video: Video) -> None:
    assert "no-sound" in {tag.name for tag in tag_generation(bench, str(video.id)).tags}
    clip(bench.root.path / video.path, seconds=3, sound=1)
    assert "no-sound" not in {tag.name for tag in tag_generation(bench, str(video.id)).tags}


def test_what_cannot_be_is_said(bench: Workbench, video: Video) -> None:
    with pytest.raises(UnknownVideo):
        tag_generation(bench, str(uuid.uuid4()))
    for name in ("", "  ", "x" * 65):
        with session() as opened, refused(WrongParameter, parameter="tag"):
            set_by_person(opened, video.id, name)


def test_without_a_model_it_is_said_that_the_signals_serve(bench: Workbench, video: Video) -> None:
    notes = Notes()
    tag_generation(replace(bench, report=notes), str(video.id))
    assert notes.said("back end: classical signals on cpu; no model, since REELMILL_MODELS names no folder")
    assert not notes.said("VRAM")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a model that knows the words of ``SENTENCES``, and two that the signals use."""
    pytest.importorskip("torch", reason="the extra [ai] is not installed: make ai")
    labels = {"look": SENTENCES, "shape": {"landscape": "a wide picture"}, "own": {"holiday": "a holiday"}}
    folder = tiny_clip(tmp_path / "models" / "tiny", labels=labels)
    monkeypatch.setenv("REELMILL_MODELS", str(folder))
    monkeypatch.setenv(VARIABLE, "0")
    get_settings.cache_clear()
    return folder


def test_a_models_tags_come_first_and_are_told_from_the_others(bench: Workbench, video: Video, model: Path) -> None:
    notes = Notes()
    result = tag_generation(replace(bench, report=notes), str(video.id))
    found = {tag.name: tag for tag in result.tags}
    assert set(SENTENCES) & set(found)
    assert found["holiday"].evidence["looks_like"] == "a holiday"
    assert found["landscape"].evidence["back_end"] == "CLIP model tiny", "of a word of both the model's"
    assert "back_end" not in found["no-sound"].evidence
    assert result.back_end == "CLIP model tiny and classical signals"
    assert (result.device, result.vram_peak_mb, result.vram_admitted_mb) == ("cpu", None, 0)
    assert notes.said("back end: CLIP model tiny on cpu")
    again = tag_generation(bench, str(video.id))
    assert again.tags == result.tags


def test_what_a_person_said_stands_against_a_model(bench: Workbench, video: Video, model: Path) -> None:
    with session() as opened:
        set_by_person(opened, video.id, "holiday", fits=False)
        set_by_person(opened, video.id, "landscape")
    found = {tag.name: tag for tag in tag_generation(bench, str(video.id)).tags}
    assert "holiday" not in found
    assert (found["landscape"].by_person, found["landscape"].evidence) == (True, {})


def test_once_the_model_is_gone_so_are_its_tags(
    bench: Workbench, video: Video, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "holiday" in {tag.name for tag in tag_generation(bench, str(video.id)).tags}
    (model / "model.safetensors").unlink()
    with refused(CapabilityError, missing=str(model)):
        tag_generation(bench, str(video.id))
    with session() as opened:
        assert "holiday" in {tag.name for tag in tags_of(opened, video.id)}, "an error takes nothing away"
    monkeypatch.delenv("REELMILL_MODELS")
    get_settings.cache_clear()
    assert "holiday" not in {tag.name for tag in tag_generation(bench, str(video.id)).tags}
