"""Two sites on one library: the second is refused everywhere, and nothing is lost even where it is not."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest
from sqlmodel import select

from reelmill.catalogue import site_identity
from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.models import Video
from reelmill.classification import classify
from reelmill.doctor.examination import Scope, examine
from reelmill.doctor.findings import warning
from reelmill.doctor.library import check_library
from reelmill.doctor.repair import plan
from reelmill.errors import CapabilityError, NotMounted, ReelmillError, SiteError, UnknownVideo, Unreadable
from reelmill.operations.chunk_store.eviction import always, tidy
from reelmill.operations.context import Workbench
from reelmill.operations.jobs.move_to_library import move_to_library
from reelmill.operations.jobs.scan import scan
from reelmill.operations.ownership import MARKER, owner, require_joined, require_ours, take_over
from reelmill.operations.publishing import move_journal, publish_journal
from reelmill.operations.publishing.move_journal import Move, identity
from reelmill.operations.publishing.workspace import reconcile, workspace
from reelmill.settings import Settings, get_settings
from reelmill.storage import atomic_files
from reelmill.storage.atomic_files import place
from reelmill.storage.media_root import MediaRoot
from reelmill.troubles import SiteTrouble
from tests.clips import Notes, as_nobody, clip, tiny_disk
from tests.operations.crashes import RECIPE
from tests.operations.library import add, files
from tests.refusals import refused

Second = Callable[[], AbstractContextManager[None]]
TYPES = ("inbox", "videos")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("original") / "original.mp4", seconds=0.2, size="64x48")


@pytest.fixture
def disks(catalogue: str, open_folder: Path) -> Iterator[Workbench]:
    """A library whose type ``videos`` is a disk of its own: a move there is a copy."""
    root = MediaRoot(open_folder / f"owner-{uuid.uuid4().hex[:8]}")
    root.create()
    with tiny_disk(root.folder("videos")):
        yield Workbench(root=root, report=Notes())


def _add(bench: Workbench, original: Path, path: str = "inbox/a.mp4") -> Video:
    shutil.copyfile(original, bench.root.path / path)
    return add(bench, bench.root.path / path)


def _records() -> dict[str, uuid.UUID]:
    with session() as opened:
        return {video.path: video.id for video in opened.exec(select(Video)) if video.missing_since is None}


def _contents(root: MediaRoot) -> dict[str, bytes]:
    return {root.relative(path): path.read_bytes() for path in files(root)}


# The worst of it, as it was met.


def test_a_second_site_comes_up_as_the_first_removes_the_source_of_a_move(
    disks: Workbench, original: Path, second_site: Second, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its recovery took the target away, since the source was there yet and the video none it knew."""
    video = _add(disks, original)
    real, met = move_journal._remove, []

    def removed(source: Path, move: Move) -> None:
        with second_site(), suppress(ReelmillError):
            met.append(reconcile(disks.root, Notes()))
        real(source, move)

    monkeypatch.setattr(move_journal, "_remove", removed)
    with suppress(ReelmillError, OSError):
        move_to_library(disks, str(video.id), "videos", directory_types=TYPES)
    assert _contents(disks.root) == {"library/videos/a.mp4": original.read_bytes()}
    assert _records() == {"library/videos/a.mp4": video.id}
    assert met == []


def test_a_second_site_comes_up_while_a_job_is_at_work(bench: Workbench, second_site: Second) -> None:
    with workspace(bench.root, RECIPE, bench.report) as folder:
        (folder / "half.mp4").write_bytes(b"half")
        with second_site(), suppress(SiteError):
            reconcile(bench.root, Notes())
        assert (folder / "half.mp4").read_bytes() == b"half"


# Each place refuses.


def _in_a_workspace(root: MediaRoot) -> None:
    with workspace(root, RECIPE, Notes()):
        pytest.fail("it was let in")


@pytest.mark.parametrize(
    "act",
    [
        _in_a_workspace,
        lambda root: scan(root, "inbox", directory_types=TYPES),
        lambda root: tidy(root, 0, always, Notes()),
        lambda root: check_library(root),
        lambda root: reconcile(root, Notes()),
        lambda root: require_joined(root),
        lambda root: Workbench(root=root).source(
            Video(title="a", path="inbox/a.mp4", directory_type="inbox", filename="a.mp4", size=1, mtime_ns=1)
        ),
    ],
    ids=["workspace", "scan", "tidy", "check", "reconcile", "join", "source"],
)
def test_another_sites_library_is_refused(
    bench: Workbench, original: Path, second_site: Second, act: Callable[[MediaRoot], object]
) -> None:
    _add(bench, original)
    with workspace(bench.root, RECIPE, bench.report) as folder:
        (folder / "half.mp4").write_bytes(b"half")
        before = _contents(bench.root)
        with second_site(), pytest.raises(SiteError) as raised:
            act(bench.root)
        assert _contents(bench.root) == before
        with second_site():
            assert _records() == {}
    for words in (str(bench.root.path), "belongs to another site", get_settings().node_name, "`reelmill join`"):
        assert words in str(raised.value)
    assert not classify(raised.value)[1]  # no use in waiting


def test_the_doctor_names_another_sites_library_and_repairs_nothing(
    bench: Workbench, original: Path, second_site: Second
) -> None:
    _add(bench, original)
    require_ours(bench.root)
    (bench.root.path / "digests").rmdir()
    (bench.root.work / "abandoned").mkdir()
    before = sorted(bench.root.path.rglob("*"))
    with second_site():
        settings = Settings(media_root=bench.root.path)
        get_engine()  # its schema is up to date
        found = examine(settings, Scope(library_only=True))
        assert [finding.check for finding in found] == ["owner"]
        assert "belongs to another site" in found[0].sentence
        absent = warning("media_folders", "not there", "make them", repairable=True, names=["digests"])
        assert plan(settings, [*found, absent]) == []
        for repair in plan(settings, [absent]):
            with pytest.raises(SiteError):
                repair.act(Notes())
    assert sorted(bench.root.path.rglob("*")) == before


# The marker.


def test_a_library_without_a_marker_becomes_the_first_jobs_sites(bench: Workbench, second_site: Second) -> None:
    assert owner(bench.root) is None
    with workspace(bench.root, RECIPE, bench.report):
        found = owner(bench.root)
    with session() as opened:
        assert found is not None
        assert found.site == site_identity.site(opened).id
    assert found.node == get_settings().node_name
    require_ours(bench.root)
    assert owner(bench.root) == found  # never written again
    assert [path.name for path in (bench.root.path / MARKER).parent.iterdir() if path.is_file()] == ["site.json"]


def test_looking_claims_nothing(bench: Workbench, original: Path) -> None:
    _add(bench, original)
    check_library(bench.root)
    with refused(SiteError, trouble=SiteTrouble.NO_SITE, about=str(bench.root.path)):
        require_joined(bench.root)
    assert owner(bench.root) is None


def test_of_two_sites_that_claim_at_once_one_gets_it(
    bench: Workbench, second_site: Second, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slower(staged: Path, final: Path) -> bool:
        monkeypatch.setattr(atomic_files, "place", place)
        with second_site():
            require_ours(bench.root)
        return place(staged, final)

    monkeypatch.setattr(atomic_files, "place", slower)
    with refused(SiteError, trouble=SiteTrouble.OTHER_SITE, about=str(bench.root.path)):
        require_ours(bench.root)
    with second_site():
        require_joined(bench.root)
    assert files(bench.root) == []


def test_many_of_one_site_claim_at_once(bench: Workbench) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: require_ours(bench.root), range(8)))
    require_joined(bench.root)
    assert files(bench.root) == []


def test_a_marker_that_changes_is_noticed(bench: Workbench, second_site: Second) -> None:
    require_ours(bench.root)
    require_ours(bench.root)
    with second_site():
        ours = take_over(bench.root)
        require_ours(bench.root)
        assert owner(bench.root) == ours
    with refused(SiteError, trouble=SiteTrouble.OTHER_SITE):
        require_ours(bench.root)
    (bench.root.path / MARKER).unlink()
    require_ours(bench.root)


def _spoilt(path: Path, how: str) -> None:
    if how == "a folder":
        path.mkdir()
    elif how == "a link to nothing":
        path.symlink_to("nowhere")
    else:
        path.write_bytes(how.encode())


@pytest.mark.parametrize("how", ["", "{}", "not JSON", "\xff", '{"site": 1}', "[]", "a folder", "a link to nothing"])
def test_a_marker_nobody_can_read_is_refused_and_stays(bench: Workbench, how: str) -> None:
    marker = bench.root.path / MARKER
    _spoilt(marker, how)
    with refused(SiteError, trouble=SiteTrouble.UNREADABLE_MARK, about=str(bench.root.path)):
        require_ours(bench.root)
    with pytest.raises(SiteError):
        scan(bench.root, "inbox", directory_types=TYPES)
    assert how != "" or marker.read_bytes() == b""
    if how != "a folder":
        take_over(bench.root)
        require_ours(bench.root)


def test_a_marker_one_may_not_read(catalogue: str, open_folder: Path) -> None:
    root = MediaRoot(open_folder / f"owner-{uuid.uuid4().hex[:8]}")
    root.create()
    require_ours(root)
    (root.path / MARKER).chmod(0)
    os.utime(root.path / MARKER)
    with as_nobody(), refused(SiteError, trouble=SiteTrouble.UNREADABLE_MARK):
        require_ours(root)


def test_a_disk_that_does_not_answer_is_waited_for(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(_path: Path) -> bytes:
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(Path, "read_bytes", stale)
    with refused(Unreadable, path=str(bench.root.path), retryable=True):
        require_ours(bench.root)


def test_a_library_mounted_for_reading_can_be_scanned_and_not_worked_on(
    catalogue: str, open_folder: Path, original: Path
) -> None:
    root = MediaRoot(open_folder / f"owner-{uuid.uuid4().hex[:8]}")
    root.create()
    shutil.copyfile(original, root.path / "inbox/a.mp4")
    os.utime(root.path / "inbox/a.mp4", (1e9, 1e9))
    with as_nobody():
        assert scan(root, "inbox", directory_types=TYPES).new == 1
        with refused(CapabilityError, missing=f"rights on {root.path}"):
            require_ours(root)
    assert owner(root) is None


def test_what_is_not_mounted_is_not_marked(catalogue: str, tmp_path: Path) -> None:
    for folder in (tmp_path / "nothing", tmp_path / "mount point"):
        with pytest.raises(NotMounted):
            require_ours(MediaRoot(folder))
    assert not list(tmp_path.glob("**/site.json"))


# A journal about a video that the catalogue does not know, where no marker keeps it away.


@pytest.mark.parametrize("at", ["staged", "target", "both"])
def test_recovery_touches_nothing_of_a_video_it_does_not_know(disks: Workbench, original: Path, at: str) -> None:
    video = _add(disks, original)
    source, staged = disks.root.path / video.path, disks.root.folder("videos") / ".reelmill-x.moving"
    target = disks.root.folder("videos") / "a.mp4"
    copy = staged if at == "staged" else target
    shutil.copy2(source, copy)
    folder = disks.root.work / "half"
    folder.mkdir()
    before, copied = identity(source), identity(copy)
    assert before is not None
    assert copied is not None
    stays = "library/videos/.reelmill-x.moving"
    move = Move(
        video_id=uuid.uuid4(), source=video.path, target="library/videos/a.mp4",
        before=before, staged=stays, copied=copied, apart=True,
    )  # fmt: skip
    move.write(folder)
    if at != "both":
        source.unlink()
    was = _contents(disks.root)
    notes = Notes()
    for _ in range(2):
        assert reconcile(disks.root, notes) == 0
        assert _contents(disks.root) == was
    assert notes.said(f"left for later: half: The catalogue knows no video {move.video_id}")
    assert notes.said(f"remove the folder {folder}")
    with pytest.raises(UnknownVideo):
        move_journal.settle(disks.root, folder, notes)


def test_a_library_taken_over_keeps_what_its_last_site_had_placed(
    bench: Workbench, original: Path, second_site: Second
) -> None:
    """The journal names a source that the new catalogue does not know."""
    video = _add(bench, original)
    require_ours(bench.root)
    folder = bench.root.work / RECIPE
    folder.mkdir()
    staged, final = folder / "staged.mp4", bench.root.path / "playback/a.mp4"
    shutil.copyfile(original, staged)
    stat = staged.stat()
    made = Video(
        title="a", path="playback/a.mp4", directory_type="playback", filename="a.mp4", size=stat.st_size,
        mtime_ns=stat.st_mtime_ns, recipe=RECIPE, source_video_id=video.id,
    )  # fmt: skip
    publish_journal.write(staged, made)
    assert place(staged, final)
    with second_site():
        take_over(bench.root)
        assert reconcile(bench.root, Notes()) == 1
        assert _records() == {"playback/a.mp4": made.id}
    assert _contents(bench.root) == {"inbox/a.mp4": original.read_bytes(), "playback/a.mp4": original.read_bytes()}
