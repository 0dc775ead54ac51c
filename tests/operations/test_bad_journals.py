"""A journal that nobody can read stops nothing: it is named, what it is about is left alone, the rest is settled."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from reelmill.catalogue.models import Video
from reelmill.classification import classify
from reelmill.doctor.findings import Severity
from reelmill.doctor.library import check_library
from reelmill.errors import InputError
from reelmill.operations.context import Workbench
from reelmill.operations.publishing import move_journal, publish_journal
from reelmill.operations.publishing.journal import VERSION
from reelmill.operations.publishing.workspace import reconcile, workspace
from reelmill.storage.atomic_files import place
from reelmill.storage.media_root import MediaRoot
from tests.clips import Notes, as_nobody, clip
from tests.operations.library import files

_IDENTITY = '{"inode": 1, "size": 1, "mtime_ns": 1}'
_MOVE = (
    '{"video_id": "0f8fad5b-d9cb-469f-a165-70867728950e", "source": "inbox/a.mp4", "target": TARGET, "before": BEFORE}'
)
_VIDEO = '{"inode": INODE, "video": {"title": "a", "path": PATH, "filename": "a.mp4", "directory_type": "playback", "size": 1, "mtime_ns": 1}}'  # noqa: E501

#: What may stand in a journal after a disk, a person or another version has been at it.
BAD = {
    "empty": ("", ""),
    "spaces": (" \n", "\n"),
    "no fields": ("{}", "{}"),
    "not JSON": ("not JSON", "}"),
    "cut off": ('{"inode": 12, "vid', '{"video_id": "0f'),
    "a list": ("[]", "[1]"),
    "null": ("null", "null"),
    "not UTF-8": ("\xff\xfe", "\xff\xfe"),
    "wrong types": ('{"inode": "x", "video": {}}', _MOVE.replace("TARGET", "3").replace("BEFORE", "[]")),
    "no record": ('{"inode": 1, "video": {"path": 3}}', _MOVE.replace("TARGET", '"a"').replace("BEFORE", "null")),
    "NUL in a path": (
        _VIDEO.replace("INODE", "1").replace("PATH", '"playback/\\u0000.mp4"'),
        _MOVE.replace("TARGET", '"library/\\u0000"').replace("BEFORE", _IDENTITY),
    ),
    "out of the root": (
        _VIDEO.replace("INODE", "1").replace("PATH", '"/etc/passwd"'),
        _MOVE.replace("TARGET", '"library/../../etc/passwd"').replace("BEFORE", _IDENTITY),
    ),
}


@pytest.fixture(params=[publish_journal.NAME, move_journal.NAME])
def name(request: pytest.FixtureRequest) -> str:
    """Of the one journal, and of the other."""
    return str(request.param)


def _left(root: MediaRoot, name: str, put: Callable[[Path], object], attempt: str = f"{uuid.uuid4().hex}~") -> Path:
    """The folder of an attempt of a run that is dead, with a bad journal; older versions had none within the work's."""
    folder = root.work / uuid.uuid4().hex / attempt
    folder.mkdir(parents=True)
    (folder / "half.mp4").write_bytes(b"half")
    put(folder / name)
    return folder


def _finished(root: MediaRoot, original: Path) -> str:
    """The workspace of a run that died once its file was in its place; answers with its path."""
    folder = root.work / uuid.uuid4().hex / uuid.uuid4().hex
    folder.mkdir(parents=True)
    staged, path = folder / "staged.mp4", "compilations/out.mp4"
    shutil.copyfile(original, staged)
    stat = staged.stat()
    video = Video(
        title="Out", path=path, directory_type="compilations", filename="out.mp4", size=stat.st_size,
        mtime_ns=stat.st_mtime_ns, recipe=uuid.uuid4().hex,
    )  # fmt: skip
    publish_journal.write(staged, video)
    assert place(staged, root.path / path)
    return path


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("original") / "original.mp4", seconds=0.2, size="64x48")


def _is_left_and_named(bench: Workbench, folder: Path, original: Path) -> None:
    path = _finished(bench.root, original)
    (bench.root.path / "inbox/a.mp4").write_bytes(b"theirs")
    before = {file: file.read_bytes() for file in files(bench.root) if file.is_relative_to(folder)}
    notes = Notes()
    assert reconcile(bench.root, notes) == 1
    assert notes.said(f"recovered: {path} was complete")
    (line,) = [line for line in notes.lines if line.startswith("left for later")]
    assert folder.relative_to(bench.root.work).parts[0] in line
    assert "cannot be read (" in line
    assert f"remove the folder {folder}" in line
    found = {finding.check: finding for finding in check_library(bench.root)}
    told = found["unreadable_journals"]
    assert (told.severity, told.repairable) == (Severity.FAULT, False)
    assert str(folder) in told.sentence
    assert "unsettled" not in found
    assert {file: file.read_bytes() for file in files(bench.root) if file.is_relative_to(folder)} == before
    assert (bench.root.path / "inbox/a.mp4").read_bytes() == b"theirs"
    again = Notes()
    assert reconcile(bench.root, again) == 0
    assert again.lines == [line]
    shutil.rmtree(folder)  # the way out
    assert "unreadable_journals" not in {finding.check for finding in check_library(bench.root)}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_journal_is_left_and_named(bench: Workbench, original: Path, name: str, how: str) -> None:
    content = BAD[how][name == move_journal.NAME]
    folder = _left(bench.root, name, lambda path: path.write_bytes(content.encode("latin-1")))
    _is_left_and_named(bench, folder, original)


def test_a_folder_in_a_journals_place_is_left_and_named(bench: Workbench, original: Path, name: str) -> None:
    _is_left_and_named(bench, _left(bench.root, name, Path.mkdir, attempt=""), original)


def test_a_journal_one_may_not_read_is_named(catalogue: str, open_folder: Path, name: str) -> None:
    root = MediaRoot(open_folder / f"journals-{uuid.uuid4().hex[:8]}")
    root.create()
    folder = _left(root, name, lambda path: path.write_text("{}"))
    (folder / name).chmod(0)
    notes = Notes()
    for one in (root.work.parent, root.work, folder.parent, folder):
        one.chmod(0o777)
    with as_nobody():
        assert reconcile(root, notes) == 0
        assert "unreadable_journals" in {finding.check for finding in check_library(root)}
    assert notes.said("cannot be read (Permission denied)")


def test_the_next_run_of_the_same_work_goes_on_beside_it(bench: Workbench, name: str) -> None:
    left, notes = _left(bench.root, name, lambda path: path.write_text("{}")), Notes()
    with workspace(bench.root, left.parent.name, notes) as folder:
        assert folder.parent == left.parent
        assert list(folder.iterdir()) == []
    assert notes.said(f"remove the folder {left}")
    assert (left / name).read_text() == "{}"
    assert not folder.exists()


def test_one_of_a_newer_version_is_left_to_a_newer_process(bench: Workbench, original: Path, name: str) -> None:
    path, newer = _finished(bench.root, original), VERSION + 1
    folder = _left(bench.root, name, lambda path: path.write_text(json.dumps({"version": newer, "steps": ["a"]})))
    notes = Notes()
    assert reconcile(bench.root, notes) == 1
    assert notes.said(f"recovered: {path}")
    assert notes.said("newer version")
    assert json.loads((folder / name).read_text())["version"] == newer
    assert (folder / "half.mp4").read_bytes() == b"half"


def test_one_of_the_first_version_is_replayed(bench: Workbench, original: Path) -> None:
    path, notes = _finished(bench.root, original), Notes()
    (written,) = bench.root.work.rglob(publish_journal.NAME)
    fields = json.loads(written.read_text())
    assert fields.pop("version") == VERSION
    written.write_text(json.dumps(fields))
    assert reconcile(bench.root, notes) == 1
    assert notes.said(f"recovered: {path}")


def test_no_use_in_trying_again(bench: Workbench, name: str) -> None:
    folder = _left(bench.root, name, lambda path: path.write_text("{}"))
    settle = publish_journal.settle if name == publish_journal.NAME else move_journal.settle
    with pytest.raises(InputError) as raised:
        settle(bench.root, folder, Notes())
    assert not classify(raised.value)[1]
