"""What the doctor does itself: nothing that loses a file; each shown before it is done.

Never removed: an original, a product that a record names, a file nobody can tell the origin of.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from sqlmodel import Session

from reelmill.catalogue import mount_points
from reelmill.catalogue.engine import bring_up_to_date, session
from reelmill.catalogue.exports import kept_exports
from reelmill.catalogue.facts import assets, product_sources
from reelmill.catalogue.facts.product_sources import SourceSegment
from reelmill.catalogue.limits import unfit
from reelmill.catalogue.models import Video, utc_now
from reelmill.catalogue.videos import scanning, searching
from reelmill.dispatch import dispatcher
from reelmill.doctor import disk_findings, images, site
from reelmill.doctor.examination import ANOTHERS
from reelmill.doctor.findings import Finding, listed
from reelmill.doctor.inventory import existing_files
from reelmill.errors import InputError, PlatformError, Unreadable, UserError
from reelmill.operations import disks
from reelmill.operations.jobs.scan import EXTENSIONS, scan
from reelmill.operations.ownership import require_ours
from reelmill.operations.publishing.records import read_record
from reelmill.operations.publishing.workspace import reconcile
from reelmill.operations.recognition import recognise
from reelmill.operations.walk import WalkedFile
from reelmill.report import Report
from reelmill.settings import Settings
from reelmill.storage import file_mark
from reelmill.storage.media_root import PLAYBACK, MediaRoot
from reelmill.wording import plural

_AT_ONCE: Final = 2000


@dataclass(frozen=True)
class Repair:
    """One thing to do."""

    sentence: str  # what will be done
    act: Callable[[Report], None]


def plan(settings: Settings, findings: Iterable[Finding]) -> list[Repair]:
    """What can safely be done about these findings, in the order to do it; nothing is done yet."""
    findings = list(findings)
    if any(finding.check == ANOTHERS for finding in findings):
        return []
    found = {finding.check: finding for finding in findings if finding.repairable}
    wanted: dict[_Make, tuple[str, ...]] = {}
    for check, make in _REPAIRS.items():
        if check in found:
            wanted[make] = (*wanted.get(make, ()), *found[check].names)
    return [repair for make, names in wanted.items() for repair in make(settings, names)]


def _migrate(settings: Settings, _: Sequence[str]) -> list[Repair]:
    return [Repair("migrate the catalogue's schema", lambda _: bring_up_to_date(settings).dispose())]


def _make_folders(settings: Settings, names: Sequence[str]) -> list[Repair]:
    sentence = f"make the folders {listed(names)}"

    def act(_: Report) -> None:
        root = MediaRoot(settings.media_root)
        require_ours(root, claim=False)  # this may be its first repair, before the library could be examined
        root.create()

    return [Repair(sentence, act)]


def _reconcile(settings: Settings, _: Sequence[str]) -> list[Repair]:
    def act(report: Report) -> None:
        reconcile(MediaRoot(settings.media_root), report)

    return [Repair("finish or undo what dead runs left half done, and remove their work folders", act)]


def _mark_missing(settings: Settings, names: Sequence[str]) -> list[Repair]:
    def act(report: Report) -> None:
        report.line(f"marked as missing: {listed(_marked(_own_root(settings), names))}")

    return [Repair(f"mark {plural(len(names), 'record')} as missing: {listed(names)}", act)]


def _give_up_disks(settings: Settings, names: Sequence[str]) -> list[Repair]:
    def act(report: Report) -> None:
        root = _own_root(settings)
        places = [disk.place for disk in disks.away(root, names)]
        gone = _marked(root, names)
        with session() as opened:
            mount_points.forget(opened, places)
        report.line(f"no disk is expected any more at {listed(places)}; marked as missing: {listed(gone)}")

    what = f"take the disks for emptied that are away, and mark {plural(len(names), 'record')} as missing"
    return [Repair(f"{what}: {listed(names)}", act)]


def _own_root(settings: Settings) -> MediaRoot:
    root = MediaRoot(settings.media_root)
    root.require()
    require_ours(root)
    return root


def _marked(root: MediaRoot, names: Sequence[str]) -> list[str]:
    """Mark those of these videos as missing that are not there; their paths."""
    gone: list[str] = []
    for start in range(0, len(names), _AT_ONCE):
        portion = names[start : start + _AT_ONCE]
        there = existing_files(root, portion)
        marked = [path for path in portion if path not in there]
        with session() as opened:
            scanning.mark_missing(opened, marked, utc_now())
        gone += marked
    return gone


def _scan(settings: Settings, names: Sequence[str]) -> list[Repair]:
    root = MediaRoot(settings.media_root)

    def of(kind: str) -> Repair:
        def act(report: Report) -> None:
            result = scan(root, kind, directory_types=[kind], report=report)
            report.line(f"{kind}: {result.new} new, {result.changed} changed, {result.missing} missing")

        return Repair(f"scan {kind}", act)

    return [of(kind) for kind in sorted(_kinds(root, names))]


def _kinds(root: MediaRoot, paths: Sequence[str]) -> set[str]:
    found = set()
    for path in paths:
        try:
            found.add(root.directory_type(path))
        except UserError:  # directly in ``library/``: no scan looks there
            continue
    return found


def _adopt(settings: Settings, names: Sequence[str]) -> list[Repair]:
    """One by one, not by a scan of the folder: that would take a product for whole which somebody has replaced."""

    def act(report: Report) -> None:
        root = MediaRoot(settings.media_root)
        require_ours(root)
        for path in names:
            with session() as opened:
                if searching.by_path(opened, path) is not None:  # what was settled before this named it
                    continue
            try:
                report.line(_adopted(root, path))
            except (InputError, Unreadable, OSError) as error:
                report.line(f"left: {path}: {error}")

    return [Repair(f"take the videos among these into the catalogue: {listed(names)}", act)]


def _adopted(root: MediaRoot, path: str) -> str:
    if PurePosixPath(path).suffix.lower().lstrip(".") not in EXTENSIONS or path not in existing_files(root, [path]):
        return f"left: {path}"
    stat = (root.path / path).stat()
    reason = unfit(path, stat.st_mtime_ns)
    if reason is not None:
        return f"left: {reason}"
    file = WalkedFile(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    # A product that was altered is to be seen as that, though what it held lie beside it.
    found = recognise(root, root.directory_type(path), [file], map, open_known=False)
    for known, _ in found.moved:
        return f"moved: {known.path} is {path} now"
    record = read_record(root, path, root.directory_type(path))
    if not record.is_valid:
        return f"left: {record.validation_error}"
    with session() as opened:
        source = _link(opened, record, file_mark.read(root.path / path) or {})
        scanning.upsert_videos(opened, [record])
        if source is not None:
            product_sources.record(opened, record.id, [SourceSegment.whole(source)])
    return f"in the catalogue now: {path}"


def _link(opened: Session, record: Video, mark: Mapping[str, object]) -> Video | None:
    """Let a product be known as made, by what the file itself holds: what would make it again finds it.

    Returns:
        The video it was made of, where that is known.
    """
    recipe, source = mark.get("recipe"), mark.get("source")
    if isinstance(recipe, str) and searching.by_recipe(opened, recipe) is None:
        record.recipe = recipe
    video = None
    with suppress(ValueError):
        video = opened.get(Video, uuid.UUID(str(source)))
        if video is None:  # of a source that was recorded anew: what it holds is in the file, too
            same = searching.ids_of_content(opened, str(mark.get("content")))
            video = next((opened.get_one(Video, video_id) for video_id in same), None)
    record.source_video_id = None if video is None else video.id
    if video is not None and record.directory_type == PLAYBACK and mark.get("content") == video.content_id:
        record.source_size = video.size  # it holds what the copy was made of
    return video


def _give_back_ids(settings: Settings, names: Sequence[str]) -> list[Repair]:
    def act(report: Report) -> None:
        root = MediaRoot(settings.media_root)
        require_ours(root)
        for path in names:
            owner = images.give_back_id(root, path)
            if owner is not None:
                count = images.adopt(root, images.of_owner(root, owner))
                report.line(f"{owner} is the id again of the video of {path}, with {plural(count, 'image')}")

    return [Repair(f"give {plural(len(names), 'video')} the ids that their images bear: {listed(names)}", act)]


def _record_images(settings: Settings, names: Sequence[str]) -> list[Repair]:
    def act(report: Report) -> None:
        root = MediaRoot(settings.media_root)
        require_ours(root)
        report.line(f"in the catalogue now: {plural(images.adopt(root, names), 'image')}")

    return [Repair(f"record the images {listed(names)}", act)]


def _forget_images(settings: Settings, names: Sequence[str]) -> list[Repair]:
    def act(report: Report) -> None:
        root = _own_root(settings)
        for start in range(0, len(names), _AT_ONCE):
            portion = names[start : start + _AT_ONCE]
            there = existing_files(root, portion)
            with session() as opened:
                assets.forget(opened, [path for path in portion if path not in there])
        report.line(f"forgotten: {listed(names)}")

    return [Repair(f"forget {plural(len(names), 'image')} that is not there: {listed(names)}", act)]


def _restore(settings: Settings, names: Sequence[str]) -> list[Repair]:
    def act(report: Report) -> None:
        root = MediaRoot(settings.media_root)
        require_ours(root)
        export = kept_exports.folder(root) / names[0]
        report.line(str(kept_exports.load(export)))
        lines = list(kept_exports.lines_of_site(export))
        if not lines:
            return
        try:
            with dispatcher() as prefect:
                for sentence in prefect.transfer.load(lines, unattended=True).sentences:
                    report.line(sentence)
        except (PlatformError, UserError) as error:  # the server is away, or refuses the login
            report.line(f"rules and settings are not put back ({error}); `reelmill catalogue import {export}` does it")

    return [Repair(f"merge the kept export {listed(names)} into the catalogue", act)]


def _release(_: Settings, names: Sequence[str]) -> list[Repair]:
    def act(report: Report) -> None:
        with dispatcher() as prefect:  # asked anew: a worker may have come up meanwhile
            limits, active, nodes = prefect.health.vram_limits(), prefect.health.active_runs(), prefect.nodes.all()
            again = {name for found in site.leases(limits, active, nodes) if found.repairable for name in found.names}
            for limit, mb in site.stale_leases(limits, active, nodes):
                if limit.name in again:
                    prefect.health.correct_vram(limit.name, limit.used_mb - mb)
                    report.line(f"{limit.name}: {mb} MB given back")

    return [Repair(f"give back the GPU memory of {listed(names)} that no run holds", act)]


_Make = Callable[[Settings, Sequence[str]], list[Repair]]

#: By what was found, in the order in which they are done: what dead runs left is settled before anything is scanned.
_REPAIRS: Final[dict[str, _Make]] = {
    "schema": _migrate,
    "media_folders": _make_folders,
    "unsettled": _reconcile,
    "unfinished_work": _reconcile,
    "half_made": _reconcile,
    "lost_records": _restore,
    "missing_files": _mark_missing,
    disk_findings.AWAY: _give_up_disks,
    "earlier_ids": _give_back_ids,  # before what was made of them is linked to them
    "orphans": _adopt,  # before any scan, which would record a product without what it was made by
    "changed_originals": _scan,
    "touched_products": _scan,
    "returned_files": _scan,
    "lost_thumbnails": _forget_images,
    "lost_images": _forget_images,
    "unrecorded_images": _record_images,
    "leases": _release,
}
