"""A CLIP model from a local folder, on the GPU there is or else the CPU; nothing is ever fetched.

Imports PyTorch: only ``zero_shot`` may import this, and only ``backends.choose`` that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer
from transformers.utils import logging

from reelmill.analysis.frames.tiles import Pixels
from reelmill.analysis.scoring.signals import Floats
from reelmill.errors import CapabilityError, GpuBusy
from reelmill.hardware.vram_share import CONTEXT_MB, admitted_mb, batch_size, how_to_raise

_MB: Final = 2**20
#: Images at once on a CPU: more is no faster there and takes memory that nobody admits.
_CPU_BATCH: Final = 8
_TEXTS: Final = 16  # sentences at once
#: What is measured with before the batch is planned: two, as batches are computed otherwise than one alone.
_TRIAL: Final = 2

#: A tokenizer that can read any text knows at least each byte.
_BYTES: Final = 256

#: What must be in a folder, each by one of its names.
_FILES: Final = (
    ("config.json",),
    ("model.safetensors", "model.safetensors.index.json"),
    ("preprocessor_config.json", "processor_config.json"),
    ("tokenizer.json", "vocab.json"),
)

#: What the libraries raise over a folder they cannot read: files missing, not JSON, of other shapes, not weights.
_UNREADABLE: Final = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError)


class ClipModel:
    """Compares images with sentences (Radford et al. 2021, "Learning transferable visual models").

    Attributes:
        device_name: where it computes.
        side: how large images should come in, in pixels of the shorter side.
        batch: how many images at once.
        admitted_mb: how much of the GPU's memory the job may use; None where nobody counts.
    """

    def __init__(self, folder: Path, prompts: Sequence[str]):
        """Load the model in ``folder`` and read the sentences.

        Raises:
            CapabilityError: there is no CLIP model that can be used.
            GpuBusy: the GPU has too little memory for it.
        """
        self.admitted_mb = admitted_mb()
        self._name = folder.name
        self.model, self._processor, tokenizer = _load(folder)
        # A job that was admitted to nothing leaves the GPU to those that were.
        on_gpu = self.admitted_mb != 0 and torch.cuda.is_available()
        self._device: Any = torch.device("cuda" if on_gpu else "cpu")
        with self._memory("loading"):
            if on_gpu:
                torch.cuda.init()
                self._limit_memory()
                torch.cuda.reset_peak_memory_stats()
            self.model.to(self._device).eval()
            self._texts = self._embed_texts(prompts, tokenizer)
        self.device_name = str(torch.cuda.get_device_name()) if on_gpu else "cpu"
        self.side = int(self.model.config.vision_config.image_size)
        self.batch = self._planned_batch() if on_gpu else _CPU_BATCH

    @property
    def peak_mb(self) -> int | None:
        """The most memory that was used of the GPU, the CUDA context aside; None without one: nothing was measured."""
        return int(torch.cuda.max_memory_reserved()) // _MB if self._device.type == "cuda" else None

    def logits(self, images: Sequence[Pixels]) -> Floats:
        """How well each image fits each sentence: cosine of their embeddings, times the model's own scale.

        Args:
            images: BGR, each of shape (height, width, 3); at most ``batch`` of them.

        Returns:
            Shape (images, sentences).

        Raises:
            GpuBusy: the GPU had too little memory.
        """
        pixels = self._processor(
            [np.ascontiguousarray(image[..., ::-1]) for image in images],
            return_tensors="pt",
            input_data_format="channels_last",
        )["pixel_values"]
        with self._memory(f"looking at {len(images)} images at once"), torch.inference_mode():
            embedded = self.model.get_image_features(pixel_values=pixels.to(self._device)).pooler_output
            scaled = self.model.logit_scale.exp() * _unit(embedded) @ self._texts.T
            return np.asarray(scaled.float().cpu().numpy(), np.float32)

    def _embed_texts(self, prompts: Sequence[str], tokenizer: Any) -> Any:
        longest = self.model.config.text_config.max_position_embeddings
        features = []
        with torch.inference_mode():
            for first in range(0, len(prompts), _TEXTS):
                given = tokenizer(
                    list(prompts[first : first + _TEXTS]),
                    padding=True,
                    truncation=True,
                    max_length=longest,
                    return_tensors="pt",
                )
                embedded = self.model.get_text_features(
                    input_ids=given["input_ids"].to(self._device),
                    attention_mask=given["attention_mask"].to(self._device),
                )
                features.append(_unit(embedded.pooler_output))
        return torch.cat(features)

    def _limit_memory(self) -> None:
        """Beyond what it was admitted to the job runs out of memory itself, rather than those beside it."""
        if self.admitted_mb is not None:
            total = torch.cuda.get_device_properties().total_memory / _MB
            share = max(1, self.admitted_mb - CONTEXT_MB) / total
            torch.cuda.set_per_process_memory_fraction(min(1.0, share))

    def _planned_batch(self) -> int:
        """See ``batch_size``; what an image takes is measured here, with this model on this GPU."""
        allowed = self.admitted_mb
        if allowed is None:
            allowed = int(torch.cuda.mem_get_info()[0]) // _MB
        black = np.zeros((self.side, self.side, 3), np.uint8)
        self.logits([black])  # cuBLAS takes its workspace once
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        self.logits([black] * _TRIAL)
        image = (torch.cuda.max_memory_allocated() - before) // _TRIAL
        return batch_size(allowed, before, image)

    @contextmanager
    def _memory(self, doing: str) -> Iterator[None]:
        """Map errors that mean too little memory.

        Args:
            doing: what it is needed for.

        Yields:
            Nothing.

        Raises:
            GpuBusy: in the place of what PyTorch, CUDA and cuBLAS raise.
            RuntimeError: whatever else they raise.
        """
        try:
            yield
        except RuntimeError as error:
            if not _out_of_memory(error):
                raise
            raise GpuBusy(
                f"The GPU ran out of memory while {doing} with the model {self._name}; "
                f"{how_to_raise(self.admitted_mb)}."
            ) from error


def _out_of_memory(error: RuntimeError) -> bool:
    """PyTorch has a class for its own allocator's; CUDA's (a full GPU has no room for a context) only a message."""
    message = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError) or "CUDA error: out of memory" in message or "ALLOC_FAILED" in message
    )


def _unit(vectors: Any) -> Any:
    return vectors / vectors.norm(dim=-1, keepdim=True)


def _load(folder: Path) -> tuple[Any, Any, Any]:
    """Load all that is in the folder of a model.

    Weights come as safetensors only: the older kind runs whatever code stands in it.

    Returns:
        Model, image processor and tokenizer.

    Raises:
        CapabilityError: they cannot be used.
    """
    if not folder.is_dir():
        _refuse(folder, "there is no such folder")
    for names in _FILES:
        if not any((folder / name).is_file() for name in names):
            _refuse(folder, f"it has no {names[0]}")
    logging.disable_progress_bar()
    logging.set_verbosity_error()  # what is wrong is raised below
    try:
        kind = json.loads((folder / "config.json").read_bytes()).get("model_type")
        config = CLIPConfig.from_pretrained(folder, local_files_only=True)
        processor = CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
        tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        model, found = CLIPModel.from_pretrained(
            folder,
            config=config,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are listed
            dtype=torch.float32,
        )
    except _UNREADABLE as error:
        _refuse(folder, str(error).strip().partition("\n")[0] or type(error).__name__, error)
    if kind != "clip":
        _refuse(folder, f"its config.json is of a model of type {kind}")
    lacking = len(found["missing_keys"]) + len(found["mismatched_keys"])
    if lacking:  # the library fills them with noise
        _refuse(folder, f"{lacking} of its weights are missing or of other sizes than its config.json says")
    if not _BYTES <= len(tokenizer) <= config.text_config.vocab_size:  # without its files it reads every word alike
        _refuse(folder, "its tokenizer is missing, or another model's")
    return model, processor, tokenizer


def _refuse(folder: Path, why: str, cause: Exception | None = None) -> NoReturn:
    """Raise CapabilityError: the model in a folder cannot be used."""
    raise CapabilityError(
        f"The folder {folder}, named by REELMILL_MODELS, holds no CLIP model that can be used ({why.rstrip('.')}); put "
        "one there as transformers saves it (config.json, model.safetensors, preprocessor_config.json, "
        "tokenizer.json), or unset the setting.",
        str(folder),
    ) from cause
