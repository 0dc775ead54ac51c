"""A function that may be run on another node, with what that node has in place of what we have here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from reelmill.parallel import Result, Work

#: What a node does its work with, such as its media root.
Place = TypeVar("Place")


class RemoteTask(Generic[Place, Work, Result]):
    """A function of a place and a work, for a ``FanOut``; where it is unpickled, it gets that node's own place.

    Args:
        function: what is done; its work names files by paths relative to the media root.
        here: the place on this node. It stays here.
        there: makes the place of another node, by that node's settings.
    """

    def __init__(self, function: Callable[[Place, Work], Result], here: Place, there: Callable[[], Place]):
        self._function, self._place, self._there = function, here, there

    def __reduce__(self) -> tuple[Callable[..., RemoteTask[Place, Work, Result]], tuple[object, ...]]:
        return _arrived, (self._function, self._there)

    def __call__(self, work: Work) -> Result:
        """Do it on the node that we are on."""
        return self._function(self._place, work)


def _arrived(function: Callable[[Place, Work], Result], there: Callable[[], Place]) -> RemoteTask[Place, Work, Result]:
    return RemoteTask(function, there(), there)
