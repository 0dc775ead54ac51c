"""Work that goes to another machine finds the library where that machine has it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from reelmill.fan_out import Found, Work, ignore
from reelmill.ffmpeg.probe import probe
from reelmill.operations.analysis import signals_of, transitions_of
from reelmill.operations.duplicates import duplicates_report
from reelmill.operations.workbench import Workbench
from reelmill.settings import get_settings
from tests.clips import clip
from tests.operations.library import add


class _Elsewhere:
    """A fan-out to a machine that has the library mounted at ``mount``."""

    def __init__(self, here: Path, mount: Path, monkeypatch: pytest.MonkeyPatch):
        self._here, self._mount, self._patch = here, mount, monkeypatch

    def __call__(
        self, function: Callable[[Work], Found], works: Sequence[Work], done: Callable[[Found], None] = ignore
    ) -> list[Found]:
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


def test_analyses_travel(bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = _Elsewhere(bench.root.path, tmp_path / "mounted elsewhere", monkeypatch)
    source = clip(bench.root.folder("inbox") / "a.mp4", seconds=5)
    clip(bench.root.folder("inbox") / "b.mkv", seconds=5, options=["-crf", "30"])
    video = add(bench, source)
    add(bench, bench.root.folder("inbox") / "b.mkv")
    signals, _ = signals_of(bench, video, source, probe(source), elsewhere)
    assert signals.shown.all()
    assert len(signals.shown) == 5
    assert transitions_of(bench, video, source, probe(source), elsewhere).cuts == ()
    report = duplicates_report(bench, fan_out=elsewhere)
    assert [{copy.path for copy in group} for group in report.groups] == [{"inbox/a.mp4", "inbox/b.mkv"}]
