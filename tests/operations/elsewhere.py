"""A fan-out to a machine that has the library mounted elsewhere."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from reelmill.parallel import Result, Work, ignore
from reelmill.settings import get_settings


class Elsewhere:
    """A fan-out to a machine that has the library mounted at ``mount``."""

    def __init__(self, here: Path, mount: Path, monkeypatch: pytest.MonkeyPatch):
        self._here, self._mount, self._patch = here, mount, monkeypatch

    def __call__(
        self, function: Callable[[Work], Result], works: Sequence[Work], done: Callable[[Result], None] = ignore
    ) -> list[Result]:
        sent = pickle.dumps((function, list(works)))
        assert str(self._here).encode() not in sent
        self._here.rename(self._mount)  # nothing is where it was
        with self._patch.context() as patch:
            patch.setenv("REELMILL_MEDIA_ROOT", str(self._mount))
            get_settings.cache_clear()
            travelled, arrived = pickle.loads(sent)
            found = [travelled(work) for work in arrived]
        get_settings.cache_clear()
        self._mount.rename(self._here)
        for one in found:
            done(one)
        return found
