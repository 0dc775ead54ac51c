"""The words a model looks for, in sets of which each frame is given one: the built-in ones, or a site's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, TypeAdapter, ValidationError

from reelmill.errors import CapabilityError

#: A site's own words, in the model's folder: ``{"group": {"tag": "a sentence that describes its frames"}}``.
FILE: Final = "labels.json"

_Name = Annotated[str, Field(pattern=r"^[^\s].{0,62}[^\s]$|^[^\s]$")]  # what the catalogue takes as a tag
_Sentence = Annotated[str, Field(min_length=1)]
_OWN: Final = TypeAdapter(dict[str, Annotated[dict[_Name, _Sentence], Field(min_length=1)]])


@dataclass(frozen=True)
class Label:
    """A word, and the sentence a model compares frames with; without a word it takes what fits no other."""

    name: str | None
    prompt: str


@dataclass(frozen=True)
class LabelSet:
    """Labels of which a frame is given one: their probabilities sum to 1."""

    name: str
    labels: tuple[Label, ...]


def prompts(vocabulary: tuple[LabelSet, ...]) -> tuple[str, ...]:
    """All sentences, one set after the other."""
    return tuple(label.prompt for label_set in vocabulary for label in label_set.labels)


def vocabulary_of(folder: Path) -> tuple[LabelSet, ...]:
    """The words in ``labels.json`` of a model's folder, else the built-in ones.

    Args:
        folder: of the model.

    Returns:
        The label sets.

    Raises:
        CapabilityError: the file cannot be used.
    """
    path = folder / FILE
    if not path.exists():
        return _BUILT_IN
    try:
        own = _OWN.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise CapabilityError(
            f"{path} cannot be used ({_first(error)}); it holds {{group: {{tag: sentence}}}} in JSON, "
            "or remove it for the built-in words.",
            str(path),
        ) from error
    return tuple(_labels(name, labels) for name, labels in own.items())


def _first(error: OSError | ValidationError) -> str:
    return str(error.errors()[0]["msg"]) if isinstance(error, ValidationError) else str(error.strerror)


def _labels(name: str, labels: Mapping[str, str], otherwise: str | None = None) -> LabelSet:
    known = tuple(Label(label.strip().lower(), prompt) for label, prompt in labels.items())
    return LabelSet(name, known if otherwise is None else (*known, Label(None, otherwise)))


def _photos(*names: str) -> dict[str, str]:
    """As CLIP was tested (Radford et al. 2021, "Learning transferable visual models", 3.1.4): "a photo of …"."""
    return {name: f"a photo of a {name}." for name in names}


#: Without a word that ``rules.py`` uses: those are measured, these are recognised.
_BUILT_IN: Final = (
    _labels("place", {"indoors": "a photo taken indoors.", "outdoors": "a photo taken outdoors."}, "a close-up photo."),
    _labels(
        "scene",
        _photos("beach", "mountain", "forest", "garden", "city street", "lake", "kitchen", "living room", "stage",
                "playground", "restaurant", "classroom", "swimming pool", "sports field")
        | {"office": "a photo of an office.", "snow": "a photo of a snowy landscape.",
           "underwater": "a photo taken underwater.", "in-a-vehicle": "a photo taken inside a vehicle."},
        "a photo of some other place.",
    ),
    _labels(
        "subject",
        _photos("baby", "dog", "cat", "bird", "horse", "car", "boat", "train", "bicycle", "building")
        | {"person": "a photo of one person.", "people": "a photo of a group of people.",
           "aircraft": "a photo of an aircraft.", "food": "a photo of food.", "flowers": "a photo of flowers."},
        "a photo of something else.",
    ),
    _labels(
        "occasion",
        _photos("wedding", "birthday party", "concert", "parade", "meeting")
        | {"dancing": "a photo of people dancing.", "sport": "a photo of people doing sport.",
           "cooking": "a photo of someone cooking.", "fireworks": "a photo of fireworks."},
        "a photo of everyday life.",
    ),
    _labels(
        "kind",
        {"cartoon": "a frame of a cartoon.", "computer-animation": "a frame of a 3D computer animation.",
         "screen-recording": "a screenshot of a computer.", "video-game": "a screenshot of a video game.",
         "text": "a picture of written text.", "test-pattern": "a television test pattern."},
        "a photo.",
    ),
    _labels("daytime", {"night": "a photo taken at night.", "sunset": "a photo of a sunset."}, "a photo taken by day."),
)  # fmt: skip
