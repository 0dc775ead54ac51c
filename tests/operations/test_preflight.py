"""Whether a product can be placed is found out before it is made: on real mounts, wherever they can be had."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.errors import CapabilityError, DiskFull, NameTaken, WrongParameter
from reelmill.operations.chunk_store.readable import open_video
from reelmill.operations.context import Workbench
from reelmill.operations.derived.storyboard import make_storyboard
from reelmill.operations.jobs.compile_gif import compile_gif
from reelmill.operations.jobs.compile_quad import compile_quad
from reelmill.operations.jobs.reencode import reencode
from reelmill.operations.jobs.scene_extract import scene_extract
from reelmill.operations.jobs.thumbnail_generate import thumbnail
from reelmill.operations.publishing import preflight, publish_journal
from reelmill.operations.publishing.preflight import PREFIX, Destination, Probe, require_place
from reelmill.operations.publishing.publish import publish
from reelmill.operations.publishing.workspace import reconcile, workspace
from reelmill.storage import atomic_files
from reelmill.storage.file_names import fitting, longest, plain
from reelmill.storage.media_root import MediaRoot
from tests.clips import Notes, as_nobody, clip, tiny_disk
from tests.operations.crashes import PRODUCT, RECIPE
from tests.operations.library import add, files, marked
from tests.refusals import refused

ODD = 'compilations/what? a "film": 1|2 * <3>.mp4'


def _require(bench: Workbench, path: str, **options: Any) -> None:
    """As a job does at its start; nothing is left of it, however it ends."""
    with workspace(bench.root, RECIPE, bench.report) as folder:
        before = files(bench.root)
        try:
            require_place(bench.root, folder, Destination(path, **options))
        finally:
            assert files(bench.root) == before


@contextmanager
def _mounted(where: Path, *options: str | Path) -> Iterator[None]:
    where.mkdir(parents=True, exist_ok=True)
    mount = subprocess.run(["mount", *map(str, options), str(where)], capture_output=True, text=True, check=False)
    if mount.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {mount.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(where)], check=True)


@pytest.mark.parametrize(
    "path", ["playback/a.mp4", "library/films/not/there/yet/a.mp4", ODD, "playback/.mp4", "x" * 300]
)
def test_a_folder_that_takes_a_file(bench: Workbench, path: str) -> None:
    before = sorted(bench.root.path.rglob("*"))
    _require(bench, path)
    assert sorted(each for each in bench.root.path.rglob("*") if ".reelmill" not in each.parts) == [
        each for each in before if ".reelmill" not in each.parts
    ]


def test_a_path_that_a_person_asked_for_is_free_or_refused_at_once(bench: Workbench) -> None:
    taken = bench.root.path / "compilations/a.mp4"
    taken.write_bytes(b"theirs")
    with refused(NameTaken, path="compilations/a.mp4"):
        _require(bench, "compilations/a.mp4", exact=True)
    _require(bench, "compilations/a.mp4")
    taken.unlink()
    taken.symlink_to("nowhere")
    with refused(NameTaken, path="compilations/a.mp4"):
        _require(bench, "compilations/a.mp4", exact=True)


def test_a_job_asks_before_it_reads_its_sources(bench: Workbench) -> None:
    names = [str(add(bench, clip(bench.root.folder("inbox") / f"{n}.mp4", seconds=0.2)).id) for n in range(4)]
    target = bench.root.path / "compilations/a.mp4"
    target.write_bytes(b"theirs")
    before, notes = files(bench.root), Notes()
    with refused(NameTaken, path="compilations/a.mp4"):
        compile_quad(replace(bench, report=notes), names, target="compilations/a.mp4")
    assert files(bench.root) == before
    assert notes.fractions == []


@pytest.mark.parametrize("bind", [False, True], ids=["another file system", "another mount of the same"])
def test_a_folder_on_another_mount(bench: Workbench, tmp_path: Path, bind: bool) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=0.2, options=["-pix_fmt", "yuv444p"]))
    (tmp_path / "other").mkdir()
    options = ("--bind", tmp_path / "other") if bind else ("-t", "tmpfs", "tmpfs")
    with _mounted(bench.root.path / "playback", *options), refused(CapabilityError, missing="one mount for playback"):
        reencode(bench, str(video.id), preset="ultrafast")
    assert [path for path in files(bench.root) if "chunks" in path.parts] == []  # nothing was encoded


@pytest.mark.parametrize(
    ("folder", "job"),
    [
        ("thumbnails", thumbnail),
        ("gifs", partial(compile_gif, duration=0.1)),
        ("thumbnails", scene_extract),
    ],
    ids=["a thumbnail", "a GIF", "images of scenes"],
)
def test_images_ask_too(bench: Workbench, folder: str, job: Callable[[Workbench, str], object]) -> None:
    video = add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=0.2, size="64x48"))
    with _mounted(bench.root.path / folder, "-t", "tmpfs", "tmpfs"), pytest.raises(CapabilityError) as met:
        job(bench, str(video.id))
    assert met.value.missing.startswith(f"one mount for {folder}/")


def test_a_storyboard_asks_before_it_reads_the_video(bench: Workbench) -> None:
    opened = open_video(bench, str(add(bench, clip(bench.root.folder("inbox") / "a.mp4", seconds=0.2)).id))
    notes = Notes()
    where = bench.root.path / "thumbnails"
    with _mounted(where, "-t", "tmpfs", "tmpfs"), pytest.raises(CapabilityError) as met:
        make_storyboard(replace(bench, report=notes), opened.video, opened.path, opened.info, opened.content)
    assert met.value.missing.startswith("one mount for thumbnails/")
    assert notes.fractions == []


def test_a_folder_that_is_read_only(bench: Workbench, tmp_path: Path) -> None:
    where = bench.root.path / "playback"
    with _mounted(where, "--bind", where):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(where)], check=True)
        with pytest.raises(CapabilityError):
            _require(bench, "playback/a.mp4")


def test_a_folder_one_may_not_write_to(catalogue: str, open_folder: Path) -> None:
    root = MediaRoot(open_folder / "preflight")
    root.create()
    for folder in (root.path, *root.path.rglob("*")):
        folder.chmod(0o777)
    (root.path / "playback").chmod(0o755)
    with as_nobody(), refused(CapabilityError, missing="rights on playback"):
        _require(Workbench(root=root), "playback/a.mp4")


def test_a_disk_without_room_for_one_more_file(catalogue: str, tmp_path: Path) -> None:
    with tiny_disk(tmp_path / "full") as folder:
        root = MediaRoot(folder)
        root.create()
        bench = Workbench(root=root)
        with workspace(root, RECIPE, bench.report) as work:
            (folder / "ballast").write_bytes(bytes(os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize))
            with pytest.raises(DiskFull):
                require_place(root, work, Destination("playback/a.mp4"))
            (folder / "ballast").unlink()
            require_place(root, work, Destination("playback/a.mp4"))


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return marked(tmp_path / "original.mp4")


def _published(bench: Workbench, original: Path, path: str, *, exact: bool = False) -> Video:
    with workspace(bench.root, RECIPE, bench.report) as folder:
        require_place(bench.root, folder, Destination(path, exact))
        staged = Path(shutil.copyfile(original, folder / "staged.mp4"))
        return publish(bench, staged, replace(PRODUCT, path=path, exact=exact))


@pytest.fixture
def poor_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system as exFAT and SMB are: no hard links, no rename that replaces nothing, and not every character."""
    real = os.open

    def opened(path: Any, *arguments: Any, **options: Any) -> int:
        name = Path(os.fspath(path)).name
        if plain(name) != name:
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(path, *arguments, **options)

    def refuse(code: int) -> Any:
        def refused(*_: object) -> None:
            raise OSError(code, os.strerror(code))

        return refused

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    monkeypatch.setattr(atomic_files, "_rename_noreplace", refuse(errno.EINVAL))


def test_a_disk_that_spells_less_gets_a_name_it_can_hold(bench: Workbench, original: Path, poor_disk: None) -> None:
    video = _published(bench, original, ODD)
    assert video.path == "compilations/what_ a _film__ 1_2 _ _3_.mp4"
    assert (bench.root.path / video.path).read_bytes() == original.read_bytes()
    with refused(WrongParameter, parameter="target", value=ODD):
        _published(bench, original, ODD, exact=True)


@pytest.mark.parametrize("kind", ["vfat", "exfat"])
def test_a_disk_of_a_camera(catalogue: str, tmp_path: Path, original: Path, kind: str) -> None:
    if shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"no file system of a camera: mkfs.{kind} is missing")
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run([f"mkfs.{kind}", str(image)], check=True, capture_output=True)
    with _mounted(tmp_path / "media", "-o", "loop", image):
        root = MediaRoot(tmp_path / "media")
        root.create()
        video = _published(Workbench(root=root), original, ODD)
        assert (root.path / video.path).read_bytes() == original.read_bytes()


def test_names_are_as_long_as_the_folder_takes(
    bench: Workbench, original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert longest(bench.root.path / "playback/not/there") == 255
    monkeypatch.setattr(os, "pathconf", lambda *_: 143)  # eCryptfs
    video = _published(bench, original, f"compilations/{'é' * 100}.mp4")
    assert video.filename == fitting("é" * 100, ".mp4", 143)
    assert len(video.filename.encode()) == 142


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.mp4", "a.mp4"),
        ('a: "b"?.mp4', "a_ _b__.mp4"),
        ("a. .mp4", "a.mp4"),
        ("é🎬.mp4", "é🎬.mp4"),
        ("a\tb.mp4", "a_b.mp4"),
    ],
)
def test_a_name_that_every_disk_takes(name: str, expected: str) -> None:
    assert plain(name) == expected


def test_what_a_killed_run_left_of_it_is_removed(bench: Workbench) -> None:
    folder = bench.root.work / RECIPE / ("0" * 32)
    folder.mkdir(parents=True)
    probe = bench.root.path / f"playback/{PREFIX}a.mp4"
    probe.touch()
    (folder / preflight.NAME).write_text(Probe(path=f"playback/{probe.name}").model_dump_json())
    assert reconcile(bench.root, Notes()) == 1
    assert not probe.exists()
    assert not folder.exists()


def test_nothing_else_is_removed_whatever_a_probe_names(bench: Workbench) -> None:
    theirs = bench.root.path / "playback/empty.mp4"
    theirs.touch()
    folder = bench.root.work / RECIPE / ("0" * 32)
    folder.mkdir(parents=True)
    (folder / preflight.NAME).write_text(Probe(path="playback/empty.mp4").model_dump_json())
    reconcile(bench.root, Notes())
    assert theirs.exists()


def test_a_link_that_is_said_to_be_taken_by_our_own_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS: the reply to the first request is lost, and the second is told that the name is taken."""
    real = os.link

    def twice(source: Path, target: Path) -> None:
        real(source, target)
        real(source, target)

    staged, final = tmp_path / "staged", tmp_path / "final"
    staged.write_bytes(b"new")
    monkeypatch.setattr(os, "link", twice)
    assert atomic_files.place(staged, final)
    assert not atomic_files.place(staged, final)  # a name it has had before was not given now
    assert final.read_bytes() == b"new"


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS])
def test_a_folder_that_cannot_be_forced_to_the_disk(
    bench: Workbench, original: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    real = os.fsync

    def only_files(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").is_dir():
            raise OSError(code, os.strerror(code))
        real(handle)

    monkeypatch.setattr(os, "fsync", only_files)
    assert _published(bench, original, PRODUCT.path).path == PRODUCT.path


def test_folders_made_for_a_product_are_forced_to_the_disk(
    bench: Workbench, original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, synced = os.fsync, []

    def note(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    monkeypatch.setattr(os, "fsync", note)
    _published(bench, original, "library/films/new/er/a.mp4")
    root = str(bench.root.path)
    assert {f"{root}/library/films", f"{root}/library/films/new", f"{root}/library/films/new/er"} <= set(synced)


def test_an_inode_that_changed_over_a_restart(bench: Workbench, original: Path) -> None:
    """On exFAT, SMB and FUSE; the file was in its place, and stood there for ever without a record."""
    video = _published(bench, original, PRODUCT.path)
    with session() as opened:
        opened.delete(opened.get(Video, video.id))
    folder = bench.root.work / RECIPE / ("0" * 32)
    folder.mkdir(parents=True)
    staged = Path(shutil.copyfile(original, folder / "staged.mp4"))
    publish_journal.write(staged, video)  # with the inode of another file
    notes = Notes()
    assert reconcile(bench.root, notes) == 1
    with session() as opened:
        assert opened.get(Video, video.id) is not None
