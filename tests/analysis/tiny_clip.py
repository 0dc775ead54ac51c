"""A CLIP model of some seventeen thousand numbers and its own tokenizer, saved as any other is: needs [ai]."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIDE = 32
SENTENCES = {"warm": "a red picture", "cold": "a blue picture", "plain": "a grey picture"}


def tiny_clip(
    folder: Path, labels: dict[str, dict[str, str]] | None = None, *, seed: int = 7, width: int = 16, side: int = SIDE
) -> Path:
    """Write it; its opinions are random, but always the same for a seed, and strong.

    Args:
        folder: is made.
        labels: its own words.
        seed: of its numbers.
        width: of its layers.
        side: of the frames it takes, in pixels.
    """
    import torch
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder.mkdir(parents=True)
    letters = sorted(ByteLevel.alphabet())
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    tokenizer = CLIPTokenizer(vocab={word: number for number, word in enumerate(words)}, merges=[])
    layers = {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(seed)
    model = CLIPModel(
        CLIPConfig(
            text_config=layers
            | {"vocab_size": len(words), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1, "projection_dim": 8},
            vision_config=layers | {"image_size": side, "patch_size": 8, "projection_dim": 8},
            projection_dim=8,
            logit_scale_init_value=4.6,  # as trained ones have: ln 100
        )
    )
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn_like(parameter) * 0.5)
    processor = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    for part in (model, tokenizer, processor):
        part.save_pretrained(folder)
    if labels is not None:
        (folder / "labels.json").write_text(json.dumps(labels))
    return folder


def by_hand(folder: Path, pictures: list[Any], sentences: list[str]) -> Any:
    """Logits of each frame and sentence by the model's own forward, one pair at a time; nothing of ours."""
    import torch
    from PIL import Image
    from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

    model, tokenizer = CLIPModel.from_pretrained(folder), CLIPTokenizer.from_pretrained(folder)
    processor = CLIPImageProcessorPil.from_pretrained(folder)
    with torch.inference_mode():
        return [
            [
                float(
                    model(
                        **tokenizer(sentence, return_tensors="pt"),
                        **processor(Image.fromarray(picture[..., ::-1]), return_tensors="pt"),
                    ).logits_per_image
                )
                for sentence in sentences
            ]
            for picture in pictures
        ]
