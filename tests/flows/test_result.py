"""A job's result card: in its log and on its page; a result never fails over an image of it."""

from __future__ import annotations

import importlib
import re
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from prefect import Task

import flows.compile_gif
import flows.compile_random
import flows.result
import flows.thumbnail_generate
from deployments.stanzas import stanzas
from flows.result import show_result
from reelmill.ffmpeg.process.cost import Cost
from reelmill.operations.context import Workbench
from reelmill.operations.derived import previews
from reelmill.operations.result_card import ResultCard, ResultImage
from reelmill.queue.result_key import RESULT_DATA
from tests.clips import Notes, clip, ffmpeg
from tests.operations.library import add

_URL: Final = "data:image/jpeg;base64,"


class _Result:
    """A result of the tests' own."""

    def __init__(self, *images: ResultImage):
        self._images = images

    def result_card(self) -> ResultCard:
        return ResultCard("a.mp4 was made", (("size", "3 bytes"),), ("nothing is left out",), images=self._images)


class _Page:
    """A run's page that keeps what it shows."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, Any, str, str | None]] = []
        self.labels: dict[str, str | float] = {}

    def add(self, kind: str, data: Any, description: str, key: str | None = None) -> None:
        self.shown.append((kind, data, description, key))

    def label(self, labels: dict[str, str | float]) -> None:
        self.labels.update(labels)


@pytest.fixture
def notes(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """A workbench whose report is that of the run we are in."""
    found = Workbench(root=bench.root, report=Notes())
    monkeypatch.setattr(flows.result, "run_report", lambda: found.report)
    return found


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> _Page:
    found = _Page()
    monkeypatch.setattr(flows.result, "current_page", lambda: found)
    monkeypatch.setattr(flows.result, "flow_run_id", lambda: "1234")
    return found


#: Tasks that make something: the module, the task, its operation, and what is asked of it.
_TASKS: Final[list[tuple[Any, Task[..., Any], str, dict[str, Any]]]] = [
    (flows.compile_gif, flows.compile_gif.make_gif, "compile_gif",
     {"start": 0, "duration": 0.5, "width": 64, "fps": 5, "max_mb": 8}),
    (flows.thumbnail_generate, flows.thumbnail_generate.make_thumbnail, "thumbnail",
     {"timestamp": 0.1, "width": 64, "storyboard": False}),
    (flows.compile_random, flows.compile_random.join_videos, "compile_random",
     {"count": 1, "min_duration": 0, "max_duration": 9, "orientation": "any", "seed": 1, "output_path": None}),
]  # fmt: skip


@pytest.mark.parametrize("gone", [False, True], ids=["there", "gone"])
@pytest.mark.parametrize(("module", "task", "operation", "asked"), _TASKS, ids=lambda one: getattr(one, "name", ""))
def test_a_result_stands_when_it_cannot_be_shown(
    notes: Workbench,
    page: _Page,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    task: Task[..., Any],
    operation: str,
    asked: dict[str, Any],
    gone: bool,
) -> None:
    """What was made is moved away by a person before its picture is drawn."""
    video = add(notes, clip(notes.root.folder("inbox") / "a.mp4", seconds=1))
    make: Callable[..., Any] = getattr(module.operation, operation)

    def made(*given: Any, **more: Any) -> Any:
        result = make(*given, **more)
        if gone:
            (notes.root.path / result.path).unlink()
        return result

    monkeypatch.setattr(module.operation, operation, made)
    monkeypatch.setattr(module, "workbench", lambda: notes)
    given = asked if operation == "compile_random" else {"video_id": str(video.id), **asked}
    result = show_result(task.fn(**given))
    (kind, text, title, key), (for_programs, data, *_) = page.shown
    assert (for_programs, data["path"]) == (RESULT_DATA, result.path)
    assert (kind, key, text.count(_URL)) == ("markdown", "result-1234", not gone)
    assert isinstance(notes.report, Notes)
    assert title in notes.report.lines
    assert notes.report.said(f"output: {result.path}")
    told = [line for line in notes.report.lines if line.startswith("not shown: ")]
    assert len(told) == gone


def test_what_could_not_be_shown_is_said_in_one_line(notes: Workbench, page: _Page) -> None:
    folder = notes.root.folder("inbox")
    (folder / "half.jpg").write_bytes(b"\xff\xd8")
    clip(folder / "a.mp4", seconds=0.2)
    result = _Result(
        ResultImage("inbox/half.jpg", "the clips of a.mp4"),
        ResultImage("inbox/away.mp4", "what is not there", (0.0,)),
        ResultImage("inbox/a.mp4", "a frame", (0.1,)),
        ResultImage("inbox/a.mp4", "two frames", (0.0, 0.1)),
        ResultImage("inbox/a.mp4", "a row", (0.1,), small=True),
    )
    assert show_result(result) is result
    assert isinstance(notes.report, Notes)
    assert [line.partition(" (")[0] for line in notes.report.lines] == [
        "not shown: the clips of a.mp4", "not shown: what is not there",
        "a.mp4 was made", "  size  3 bytes", "  - nothing is left out",
    ]  # fmt: skip
    ((_, text, _, _),) = page.shown
    assert text.count(_URL) == 3


def test_frames_of_two_shapes_stand_in_one_strip(tmp_path: Path) -> None:
    for size in ("160x120", "80x120"):
        clip(tmp_path / f"{size}.ts", size=size, sound=0)
    ffmpeg("-i", f"concat:{tmp_path / '160x120.ts'}|{tmp_path / '80x120.ts'}", "-c", "copy", tmp_path / "both.ts")
    assert previews.strip(tmp_path / "both.ts", [0.5, 1.5]).startswith(b"\xff\xd8")


@pytest.mark.parametrize("entrypoint", sorted({stanza.entrypoint for stanza in stanzas()}))
def test_every_job_type_gives_a_result_card(entrypoint: str) -> None:
    """Whatever a flow returns; that it shows it, and nothing else, is seen in its source."""
    module = importlib.import_module(entrypoint.rpartition(".")[0])
    function = getattr(module, entrypoint.rpartition(".")[2]).fn
    returned = typing.get_type_hints(function)["return"]
    results = typing.get_args(returned) or (returned,)
    for result in results:
        assert typing.get_type_hints(result.result_card)["return"] is ResultCard, result
    source = Path(str(module.__file__)).read_text()
    ends = source[source.index("    with job(") :]
    shown = {"show_result", *re.findall(r"(\w+) = show_result\(", ends)}
    assert set(re.findall(r"return (\w+)", ends)) <= shown, entrypoint


def test_what_a_runs_encodes_cost_becomes_its_labels(notes: Workbench, page: _Page) -> None:
    cost = Cost(seconds=1.0, cpu_seconds=1.0, speed=2.0, bytes_in=9, bytes_out=4, joules_source="", encoder="libx264")
    show_result(_Encoding(cost))
    assert page.labels == {
        "reelmill.engine": "software", "reelmill.speed": 2.0, "reelmill.bytes_in": 9, "reelmill.bytes_out": 4,
    }  # fmt: skip


def test_a_run_that_found_its_work_done_has_no_such_labels(notes: Workbench, page: _Page) -> None:
    show_result(_Encoding(None))
    assert page.labels == {}


class _Encoding(_Result):
    """A result with what its encodes cost."""

    def __init__(self, cost: Cost | None):
        super().__init__()
        self._cost = cost

    def run_cost(self) -> Cost | None:
        return self._cost
