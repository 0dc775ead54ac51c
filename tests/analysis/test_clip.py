"""Loading and inference with a tiny model made here."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reelmill.classification import classify
from reelmill.errors import CapabilityError, FailureClass, GpuBusy
from reelmill.hardware.vram_share import CONTEXT_MB, VARIABLE
from tests.analysis.tiny_clip import SENTENCES, SIDE, by_hand, tiny_clip
from tests.refusals import refused

if TYPE_CHECKING:
    from reelmill.analysis.tagging.clip_model import ClipModel

PROMPTS = list(SENTENCES.values())


@pytest.fixture(scope="module", autouse=True)
def _with_torch() -> None:
    """Imported here and not as the file is collected: that takes seconds, and each of several processes collects."""
    pytest.importorskip("torch", reason="the extra [ai] is not installed: make ai")


def clip_model(folder: Path, prompts: list[str]) -> ClipModel:
    from reelmill.analysis.tagging.clip_model import ClipModel

    return ClipModel(folder, prompts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def pictures() -> list[Any]:
    dice = np.random.default_rng(5)
    return [dice.integers(0, 256, (SIDE, SIDE + wider, 3), np.uint8) for wider in range(7)]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No name is looked up and nothing connected to; answers with what was tried."""
    tried: list[str] = []

    def refuse(*where: object, **_: object) -> None:
        tried.append(str(where))
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    return tried


def test_it_scores_as_the_model_itself_does_by_hand_and_touches_no_network(
    folder: Path, pictures: list[Any], no_network: list[str]
) -> None:
    model = clip_model(folder, PROMPTS)
    found = model.logits(pictures)
    assert no_network == []
    assert found.shape == (len(pictures), len(PROMPTS))
    wanted = np.array(by_hand(folder, pictures, PROMPTS))
    np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert (np.argsort(found, axis=1) == np.argsort(wanted, axis=1)).all()
    assert np.ptp(wanted, axis=0).min() > 1, "the pictures must differ, or this shows nothing"


def test_many_sentences_are_read_as_each_alone(folder: Path, pictures: list[Any]) -> None:
    """Sentences of different lengths are padded, and more than one batch of them is read."""
    many = [f"a picture of {'very ' * (number % 5)}many things, {number}" for number in range(40)]
    together = clip_model(folder, many).logits(pictures[:2])
    for number in (0, 17, 39):
        alone = clip_model(folder, [many[number]]).logits(pictures[:2])
        np.testing.assert_allclose(together[:, number], alone[:, 0], atol=1e-3)


def test_the_same_again_and_in_any_batch(folder: Path, pictures: list[Any]) -> None:
    model = clip_model(folder, PROMPTS)
    whole = model.logits(pictures)
    np.testing.assert_array_equal(clip_model(folder, PROMPTS).logits(pictures), whole)
    for size in (1, 2, 3):
        parts = [model.logits(pictures[first : first + size]) for first in range(0, len(pictures), size)]
        np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-3)


def test_on_a_cpu_nothing_is_said_of_vram(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told to leave the card alone, it does; what was not measured is None."""
    monkeypatch.setenv(VARIABLE, "0")
    model = clip_model(folder, PROMPTS)
    assert (model.device_name, model.peak_mb, model.admitted_mb, model.side) == ("cpu", None, 0, SIDE)
    assert model.batch >= 1


@pytest.mark.parametrize("words", ["CUDA out of memory. Tried to allocate 2.00 GiB", None])
def test_out_of_memory_names_vram_mb_and_how_to_raise_it(
    folder: Path, pictures: list[Any], monkeypatch: pytest.MonkeyPatch, words: str | None
) -> None:
    import torch

    monkeypatch.setenv(VARIABLE, "6000")
    model = clip_model(folder, PROMPTS)
    error = RuntimeError("CUDA error: out of memory") if words is None else torch.cuda.OutOfMemoryError(words)

    def full(*_: object) -> None:
        raise error

    model.model.vision_model.register_forward_pre_hook(full)
    with pytest.raises(GpuBusy) as caught:
        model.logits(pictures)
    assert classify(caught.value) == (FailureClass.RESOURCE, True)
    said = str(caught.value)
    assert "looking at 7 images at once with the model tiny" in said
    assert "admitted to 6000 MB" in said
    assert "--job-variable vram_mb=12000" in said
    assert caught.value.__cause__ is error


def test_other_trouble_of_the_model_stays_what_it_is(folder: Path, pictures: list[Any]) -> None:
    model = clip_model(folder, PROMPTS)

    def broken(*_: object) -> None:
        raise RuntimeError("shapes cannot be multiplied")

    model.model.vision_model.register_forward_pre_hook(broken)
    with pytest.raises(RuntimeError, match="shapes"):
        model.logits(pictures)


def _without(name: str) -> Any:
    return lambda folder: (folder / name).unlink()


def _written(name: str, text: str) -> Any:
    return lambda folder: (folder / name).write_text(text)


def _half(folder: Path) -> None:
    weights = folder / "model.safetensors"
    os.truncate(weights, weights.stat().st_size // 2)


def _some_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _wordless(folder: Path) -> None:
    """What the library takes for a tokenizer where it finds no words."""
    from transformers import CLIPTokenizer

    CLIPTokenizer().save_pretrained(folder)


def _other_sizes(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["intermediate_size"] = 48
    (folder / "config.json").write_text(json.dumps(config))


def _pickled(folder: Path) -> None:
    """The older kind of weights, which runs whatever stands in it."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (shutil.rmtree, "there is no such folder"),
        (_without("config.json"), "it has no config.json"),
        (_without("model.safetensors"), "it has no model.safetensors"),
        (_without("preprocessor_config.json"), "it has no preprocessor_config.json"),
        (_without("tokenizer.json"), "it has no tokenizer.json"),
        (_written("config.json", "{"), ""),
        (_written("config.json", '{"model_type": "bert"}'), "of type bert"),
        (_other_sizes, "3 of its weights are missing or of other sizes than its config.json says"),
        (_written("tokenizer.json", "no"), ""),
        (_wordless, "its tokenizer is missing, or another model's"),
        (_half, ""),
        (_some_weights, "1 of its weights are missing"),
        (_pickled, "it has no model.safetensors"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_folder_without_a_usable_model_is_named_with_the_setting(
    folder: Path, tmp_path: Path, break_it: Any, why: str
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    break_it(broken)
    with pytest.raises(CapabilityError) as caught:
        clip_model(broken, PROMPTS)
    said = str(caught.value)
    assert said.startswith(f"The folder {broken}, named by REELMILL_MODELS, holds no CLIP model that can be used (")
    assert why in said
    assert "\n" not in said
    assert len(said) < 500


@pytest.fixture
def card() -> Iterator[None]:
    """A card, with nothing of an earlier test on it and no limit left after."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA card here")
    torch.cuda.empty_cache()
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


@pytest.mark.gpu
def test_on_a_gpu_it_scores_the_same(
    card: None, folder: Path, pictures: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "0")
    wanted = clip_model(folder, PROMPTS).logits(pictures)
    monkeypatch.setenv(VARIABLE, str(CONTEXT_MB + 400))
    model = clip_model(folder, PROMPTS)
    assert model.device_name != "cpu"
    np.testing.assert_allclose(model.logits(pictures), wanted, atol=0.05)


@pytest.mark.gpu
@pytest.mark.parametrize("share", [150, 400, 1000])
def test_on_a_gpu_the_planned_batch_fits_the_share_and_uses_it(
    card: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    """A model of which a frame takes some ten MB."""
    monkeypatch.setenv(VARIABLE, str(CONTEXT_MB + share))
    model = clip_model(tiny_clip(tmp_path / "wide", width=512, side=224), PROMPTS)
    assert 1 < model.batch < 256
    model.logits([np.zeros((224, 224, 3), np.uint8)] * model.batch)
    assert model.peak_mb is not None
    assert 0.4 * share <= model.peak_mb <= share


@pytest.mark.gpu
def test_on_a_gpu_more_than_its_share_is_refused(card: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(CONTEXT_MB + 150))
    model = clip_model(tiny_clip(tmp_path / "wide", width=512, side=224), PROMPTS)
    with refused(GpuBusy):
        model.logits([np.zeros((224, 224, 3), np.uint8)] * 200)


@pytest.mark.gpu
def test_on_a_gpu_cuda_itself_takes_no_more_than_is_kept_for_it(card: None, folder: Path) -> None:
    """In a process of its own, as NVML sees the card before and after; nothing else may use it meanwhile."""
    script = f"""
from pathlib import Path
from reelmill.analysis.tagging.clip_model import ClipModel
from reelmill.hardware.gpu import gpus
before = gpus()[0].used_mb
model = ClipModel(Path({str(folder)!r}), ["a picture"])
print(gpus()[0].used_mb - before - model.peak_mb)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) <= CONTEXT_MB


def test_nicegui_may_look_at_every_object_beside_pytorch() -> None:
    """As it starts it asks each object of its process for its class; this one warns, and warnings are errors here."""
    import torch.distributed
    import uvicorn

    assert not isinstance(torch.distributed.reduce_op, uvicorn.Server)
