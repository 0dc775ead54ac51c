"""Work that goes to another node finds the library where that node has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.ffmpeg.reading.probe import probe
from reelmill.operations.context import Workbench
from reelmill.operations.derived.analysis_cache import signals_of, transitions_of
from reelmill.operations.jobs.duplicates_report import duplicates_report
from tests.clips import clip
from tests.operations.elsewhere import Elsewhere
from tests.operations.library import add


def test_analyses_travel(bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = Elsewhere(bench.root.path, tmp_path / "mounted elsewhere", monkeypatch)
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
