"""Recipes: the names of what is made, by what its sources hold and how it is wanted.

A recipe names what is made and not how that happens: no node, no number of threads, no dates, and of the encoder its
codec, with the version of how that is used. So the same work has the same recipe on every node, after a rename and for
an exact copy of the source, and it is done once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from reelmill.catalogue.facts.findings import MENDED
from reelmill.ffmpeg.encoding import Encoding


@dataclass(frozen=True)
class SourceContent:
    """What is read of a source: its content id, and the track."""

    content_id: str  # of the record's file
    video_id: str
    size: int  # bytes, of the file that is read, as it was
    mtime_ns: int  # likewise
    track: int = 0  # ``VideoTrack.number`` of the one that is read
    mended: bool = False  # a mended copy is read instead of the record's file

    @property
    def identity(self) -> dict[str, Any]:
        """What it is by; a track that is the first and a file that is the record's own go without saying."""
        found: dict[str, Any] = {"content_id": self.content_id}
        return found | ({"track": self.track} if self.track else {}) | ({"mended": True} if self.mended else {})

    @property
    def file_id(self) -> str:
        """What the file that is read is by, whichever track: what is found out about it is kept under that."""
        return f"{self.content_id}{MENDED}" if self.mended else self.content_id

    @property
    def former_identity(self) -> dict[str, Any]:
        """What it was by before there were content ids (0.3)."""
        found: dict[str, Any] = {"id": self.video_id, "size": self.size, "mtime_ns": self.mtime_ns}
        return found | ({"track": self.track} if self.track else {})


class Recipe(str):
    """A recipe: a SHA-256 of 32 hexadecimal digits, the name of the lock and of the folder of its work.

    Args:
        name: the digits.
        names: under any of which what it makes may be recorded, the best first; None: its own.
        former: names that the same work had before (0.3), with those that take their place.
        sources: what it is made from.
    """

    names: tuple[str, ...]
    former: Mapping[str, str]
    sources: tuple[SourceContent, ...]

    def __new__(
        cls,
        name: str,
        names: Iterable[str] | None = None,
        former: Mapping[str, str] | None = None,
        sources: Iterable[SourceContent] = (),
    ) -> Self:
        """See the class."""
        self = super().__new__(cls, name)
        self.names, self.former = (str(name),) if names is None else tuple(names), dict(former or {})
        self.sources = tuple(sources)
        return self


def recipe(
    kind: str, sources: Sequence[SourceContent] = (), encoding: Encoding | None = None, **settings: Any
) -> Recipe:
    """The recipe of something (pure).

    Args:
        kind: of what is made.
        sources: what it is made from, in their order.
        encoding: how its frames are wanted.
        settings: whatever else it depends on.

    Returns:
        The recipe; what was made by it before it was named so is found as well.
    """
    wanted = {} if encoding is None else encoding.wanted()
    name = digest(kind, [source.identity for source in sources], settings | wanted)
    former = former_names(kind, sources, encoding, settings) if sources else ()
    return Recipe(name, former=dict.fromkeys(former, name), sources=sources)


def former_names(
    kind: str, sources: Sequence[SourceContent], encoding: Encoding | None, settings: Mapping[str, Any]
) -> list[str]:
    """The names that the same work had before (0.3), by whichever encoder (pure); see ``recipe``."""
    ways: Sequence[Mapping[str, Any]] = [{}] if encoding is None else encoding.former_options()
    return [digest(kind, [source.former_identity for source in sources], {**settings, **way}) for way in ways]


def digest(kind: str, sources: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> str:
    """The hash that a recipe is (pure)."""
    text = json.dumps({"kind": kind, "sources": sources, "settings": settings}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
