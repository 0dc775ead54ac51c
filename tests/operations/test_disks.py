"""Disks of their own below the media root: one that is away has lost no video, one that was emptied has."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlmodel import select

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import MountPoint, Video
from reelmill.doctor.findings import Finding, Severity
from reelmill.doctor.library import check_library
from reelmill.doctor.repair import plan
from reelmill.operations import disks
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.scan import ScanResult, scan
from reelmill.settings import Settings
from reelmill.storage.media_root import MediaRoot
from reelmill.storage.mounts import mount_points
from tests.clips import Notes, clip


@contextmanager
def _mounted(disk: Path, place: Path) -> Iterator[None]:
    """A disk at a folder of the library; skipped where this user may mount nothing."""
    place.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "--bind", str(disk), str(place)]
    if (tried := subprocess.run(mount, capture_output=True, text=True, check=False)).returncode != 0:
        pytest.skip(f"nothing can be mounted here: {tried.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Two videos."""
    place = tmp_path / "disk"
    for number, name in enumerate(("films/a.mp4", "films/deep/b.mp4")):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        clip(place / name, seconds=0.2 + 0.2 * number, size="64x48")
    return place


def _scan(root: MediaRoot, kind: str) -> ScanResult:
    return scan(root, kind, directory_types=[kind], settle_seconds=0)


def _missing() -> dict[str, bool]:
    with session() as opened:
        return {video.path: video.missing_since is not None for video in opened.exec(select(Video))}


def _away(root: MediaRoot) -> list[Finding]:
    return [found for found in check_library(root) if found.severity is Severity.FAULT]


@pytest.mark.parametrize(
    ("place", "kind", "folder"),
    [
        ("inbox", "inbox", "inbox/films"),  # the folder itself
        ("inbox/my disk", "inbox", "inbox/my disk/films"),  # one in it
        ("library", "films", "library/films"),  # the one that it is in
    ],
)
def test_a_disk_that_is_away_before_the_scan_begins_has_lost_no_video(
    bench: Workbench, disk: Path, place: str, kind: str, folder: str
) -> None:
    known = {f"{folder}/a.mp4": False, f"{folder}/deep/b.mp4": False}
    with _mounted(disk, bench.root.path / place):
        assert _scan(bench.root, kind).new == 2
    bench.root.folder(kind).mkdir(exist_ok=True)  # as the flow does
    result = _scan(bench.root, kind)
    assert (result.missing, result.refused) == (0, 1)
    assert result.reasons == (
        f"{place} was a disk of its own and is not mounted; what is known of its 2 videos stays: mount it and scan, or "
        "run `reelmill doctor --repair` if it was emptied for good.",
    )
    assert _missing() == known
    (found,) = _away(bench.root)
    assert (found.check, set(found.names)) == ("away_disks", set(known))
    assert f": {place}." in found.sentence
    with _mounted(disk, bench.root.path / place):
        assert _scan(bench.root, kind).unchanged == 2
        assert _away(bench.root) == []


def test_what_other_programs_put_into_the_empty_folder_is_no_sign_of_the_disk(bench: Workbench, disk: Path) -> None:
    place = bench.root.path / "inbox/disk"
    with _mounted(disk, place):
        _scan(bench.root, "inbox")
    clip(place / "new.mp4", seconds=0.4, size="32x32")
    result = _scan(bench.root, "inbox")
    assert (result.new, result.missing) == (1, 0)
    assert _missing() == {
        "inbox/disk/films/a.mp4": False, "inbox/disk/films/deep/b.mp4": False, "inbox/disk/new.mp4": False,
    }  # fmt: skip
    assert _scan(bench.root, "inbox").missing == 0  # though one known video is there by now


def test_what_is_emptied_or_lies_elsewhere_is_missing_as_ever(bench: Workbench, disk: Path) -> None:
    """A disk that is mounted and empty; a plain folder that was deleted; a video deleted where no disk is any more."""
    place = bench.root.path / "inbox/disk"
    plain = clip(bench.root.path / "inbox/plain/c.mp4", seconds=0.3, size="64x48")
    with _mounted(disk, place):
        _scan(bench.root, "inbox")
        kept = shutil.copytree(disk, disk.with_name("kept"))
        shutil.rmtree(disk / "films")
        shutil.rmtree(plain.parent)
        assert _scan(bench.root, "inbox").missing == 3
    shutil.copytree(kept / "films", place / "films")  # from the disk into the folder
    assert _scan(bench.root, "inbox").missing == 0
    (place / "films/a.mp4").unlink()
    assert _scan(bench.root, "inbox").missing == 1


def test_a_disk_that_was_emptied_for_good_is_given_up_by_the_doctor(bench: Workbench, disk: Path) -> None:
    with ExitStack() as up:
        up.enter_context(_mounted(disk, bench.root.path / "inbox/disk"))
        _scan(bench.root, "inbox")
    settings, notes = Settings(media_root=bench.root.path), Notes()
    for repair in plan(settings, _away(bench.root)):
        repair.act(notes)
    assert notes.lines == [
        "no disk is expected any more at inbox/disk; marked as missing: inbox/disk/films/a.mp4, "
        "inbox/disk/films/deep/b.mp4"
    ]
    assert list(_missing().values()) == [True, True]
    assert _away(bench.root) == []
    with session() as opened:
        assert opened.exec(select(MountPoint.path)).all() == []


def test_a_video_moved_to_another_disk_is_no_reason_to_wait_for_the_first(bench: Workbench, disk: Path) -> None:
    with _mounted(disk, bench.root.path / "inbox/old"):
        _scan(bench.root, "inbox")
    shutil.copytree(disk / "films", bench.root.path / "inbox/new")
    result = _scan(bench.root, "inbox")
    assert (result.moved, result.missing, result.reasons) == (2, 0, ())
    assert _missing() == {"inbox/new/a.mp4": False, "inbox/new/deep/b.mp4": False}


def test_mounts_are_read_from_the_table_and_an_automounter_that_waits_is_none() -> None:
    """Lines of real tables; the third is what stands over the second once somebody looked."""
    table = [
        rb"36 35 98:0 / /media/library rw,noatime shared:1 master:2 - ext4 /dev/root rw",
        rb"41 36 0:52 / /media/library/inbox rw,relatime shared:3 - autofs /etc/auto.direct rw,fd=7,direct",
        rb"42 41 0:60 / /media/library/inbox rw,relatime shared:4 - nfs4 nas:/inbox rw,vers=4.2",
        rb"43 36 0:53 / /media/library/public rw,relatime - autofs systemd-1 rw,fd=9,direct",
        rb"44 36 8:17 / /media/library/my\040disk\134 rw - ext4 /dev/sdb1 rw",
    ]
    library = Path("/media/library")
    assert mount_points(b"\n".join(table)) == {library, library / "inbox", library / "my disk\\"}
    assert mount_points(b"\n".join(table[:2])) == {library}


def test_every_disk_of_the_library_is_recorded_once_whatever_folder_is_scanned(bench: Workbench, disk: Path) -> None:
    with _mounted(disk, bench.root.path / "playback"), _mounted(disk / "films", bench.root.path / "public/ö disk"):
        assert disks.mounted(bench.root) == {"playback", "public/ö disk"}
        _scan(bench.root, "inbox")
        _scan(bench.root, "public")
    with session() as opened:
        assert sorted(opened.exec(select(MountPoint.path))) == ["playback", "public/ö disk"]
