"""Work on the library that may be done on another machine, where the media root is mounted elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

from reelmill.fan_out import Found, Work
from reelmill.layout import MediaRoot
from reelmill.settings import get_settings


class Travelling(Generic[Work, Found]):
    """A function of a media root and a work; where it arrives, it is given that machine's own root.

    Args:
        function: what is done; its work names files by paths relative to the root.
        root: of the machine it starts from.
    """

    def __init__(self, function: Callable[[MediaRoot, Work], Found], root: MediaRoot):
        self._function, self._root = function, root

    def __reduce__(
        self,
    ) -> tuple[
        Callable[[Callable[[MediaRoot, Work], Found]], Travelling[Work, Found]],
        tuple[Callable[[MediaRoot, Work], Found]],
    ]:
        return _arrived, (self._function,)

    def __call__(self, work: Work) -> Found:
        """Do it here."""
        return self._function(self._root, work)


def _arrived(function: Callable[[MediaRoot, Work], Found]) -> Travelling[Work, Found]:
    return Travelling(function, MediaRoot(get_settings().media_root))
