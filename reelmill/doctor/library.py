"""Check: is everything in the catalogue true, and nothing in the library that should not be there?"""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import Final

from reelmill.catalogue.engine import session
from reelmill.catalogue.exports import kept_exports
from reelmill.catalogue.videos import searching
from reelmill.catalogue.videos.searching import Entry
from reelmill.doctor import disk_findings, image_findings, images, inventory
from reelmill.doctor.findings import Finding, fault, listed, ok, warning
from reelmill.doctor.inventory import Differences, File, Inventory
from reelmill.errors import InputError, Unreadable
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import probe
from reelmill.ffmpeg.verify.damage import fault as what_is_wrong
from reelmill.operations import disks
from reelmill.operations.jobs.scan import EXTENSIONS
from reelmill.operations.ownership import require_ours
from reelmill.operations.publishing import move_journal, publish_journal, workspace
from reelmill.operations.unscanned import folders_of, unscanned
from reelmill.report import NullReport, Report
from reelmill.storage.file_hash import blake2, sha256
from reelmill.storage.media_root import MediaRoot
from reelmill.wording import plural

_SCAN: Final = "run the job `scan` on those folders"
_LIST: Final = "`reelmill videos list"
_AT_ONCE: Final = 1000  # records
_NO_IDS: Final = images.EarlierIds()
_SHOWN: Final = 3  # sentences in a finding; all the names are in ``Finding.names``


def check_library(
    root: MediaRoot,
    *,
    deep: bool = False,
    originals: Mapping[str, str] | None = None,
    report: Report | None = None,
) -> list[Finding]:
    """Compare the catalogue with the library; nothing is changed, and jobs may be at work meanwhile.

    Args:
        root: the media root.
        deep: decode every valid video, too, and compare what jobs made with the hash it was published with.
        originals: what the originals were once, as ``manifest`` returns them: each must still be the same.
        report: where the progress of decoding goes.

    Returns:
        A finding for each check.

    Raises:
        SiteError: the media root belongs to another site.
        NotMounted: nothing is there.
        PlatformError: the database is away.
    """
    root.require()
    require_ours(root, claim=False)
    found = Inventory(root)
    seen = _Passing()
    differences = inventory.compare(
        seen.entries(searching.every_entry()),
        seen.files(found.files()),
        recorded=image_findings.recorded,
        owners=_owners,
    )
    differences = _settled(root, differences)
    absent = {*differences.gone, *differences.still_missing}
    away = disks.away(root, differences.gone)
    explained = {path for disk in away for path in disk.paths}
    lacking = replace(differences, gone=tuple(path for path in differences.gone if path not in explained))
    unfit = {path: reason for path, reason in seen.unfit.items() if path not in differences.orphans}
    findings = [
        *lost(kept_exports.lacking(root)),
        *disk_findings.away(away),
        *records(lacking, seen.count - len(explained)),
        *invalid([path for path in seen.invalid if path not in absent]),
        *image_findings.lost(root),
        *image_findings.unrecorded(differences.unrecorded, to_be_adopted=images.are_to_be_adopted()),
        *leftovers(differences, found.half_made, images.recorded_anew(root, differences.images)),
        *unrecordable(unfit),
        *unfinished(workspace.abandoned(root)),
    ]
    if found.unreadable:
        names = found.unreadable
        remedy = "give this user the right to read them, or look after the disk"
        findings.append(fault("folders", f"Cannot be read: {listed(names)}.", remedy, names=names))
    if deep:
        findings.append(_decoded(root, differences, report or NullReport()))
    if originals is not None:
        findings.append(_compared(root, originals))
    return findings


class _Passing:
    """What is kept of records and files while they pass by."""

    def __init__(self) -> None:
        self.count = 0  # records
        self.invalid: list[str] = []  # paths
        self.unfit: dict[str, str] = {}  # reasons by path

    def entries(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            self.count += 1
            if not entry.valid:
                self.invalid.append(entry.path)
            yield entry

    def files(self, files: Iterable[tuple[str, File]]) -> Iterator[tuple[str, File]]:
        for path, file in files:
            reason = inventory.unfit_file(path, file, EXTENSIONS)
            if reason is not None:
                self.unfit[path] = reason
            yield path, file


def _owners(ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    with session() as opened:
        return searching.known_ids(opened, ids)


def _settled(root: MediaRoot, differences: Differences) -> Differences:
    """With a second look at what a job may have changed between the look at the catalogue and that at the disk."""
    suspects = sorted(differences.suspects)
    if not suspects:
        return differences
    sure: dict[str, set[str]] = {name: set() for name in vars(differences)}
    for start in range(0, len(suspects), _AT_ONCE):
        portion = suspects[start : start + _AT_ONCE]
        with session() as opened:
            entries = searching.entries_of(opened, portion)
        files = sorted(inventory.existing_files(root, portion).items())
        again = inventory.compare(entries, files, recorded=frozenset, owners=frozenset)
        for name, paths in vars(again).items():
            sure[name].update(paths)
    doubted = differences.suspects
    kept = {
        name: tuple(path for path in paths if path not in doubted or path in sure[name])
        for name, paths in vars(differences).items()
    }
    return Differences(**kept)


def records(differences: Differences, count: int) -> list[Finding]:
    """What is to be said of the records (pure)."""
    gone, altered = differences.gone, differences.altered
    findings = []
    if gone:
        sentence = f"{plural(len(gone), 'record')} of files that are not there: {listed(gone)}."
        remedy = "put them back; --repair marks them as missing, as a scan does, so that no job takes them"
        findings.append(fault("missing_files", sentence, remedy, repairable=True, names=gone))
    if altered:
        sentence = f"{plural(len(altered), 'product')} not as long as made: {listed(altered)}."
        remedy = "run the jobs that made them again; they make them anew beside these"
        findings.append(fault("altered_products", sentence, remedy, names=altered))
    for check, names, what, remedy in (
        ("touched_products", differences.touched, "{} of another time than made at", _SCAN),
        ("changed_originals", differences.changed, "{} changed since the last scan", _SCAN),
        ("returned_files", differences.returned, "{} there again and recorded as missing", _SCAN),
    ):
        if names:
            sentence = f"{what.format(plural(len(names), 'file'))}: {listed(names)}."
            findings.append(warning(check, sentence, remedy, repairable=remedy is _SCAN, names=names))
    if differences.still_missing:
        names = differences.still_missing
        sentence = f"{plural(len(names), 'file')} recorded as missing: {listed(names)}."
        remedy = f"put them back where they were, and scan; {_LIST} --missing` lists them"
        findings.append(warning("still_missing", sentence, remedy, names=names))
    good = count - len(gone) - len(altered) - len(differences.still_missing)
    return findings or [ok("records", f"{plural(good, 'record')}, each of a file that is there as recorded.")]


def lost(found: tuple[Path, int] | None) -> list[Finding]:
    """What is to be said of records that a kept export holds and the catalogue does not (pure).

    Args:
        found: the export, and how many videos of it the catalogue lacks; None where none is kept.

    Returns:
        One fault, or nothing where all are there.
    """
    if found is None or not found[1]:
        return []
    export, count = found
    sentence = f"{plural(count, 'video')} of the kept export {export.name} not in the catalogue, or recorded anew."
    remedy = "--repair merges the export: tags, titles, analyses and what was made of what; what stands now stays"
    return [fault("lost_records", sentence, remedy, repairable=True, names=[export.name])]


def invalid(paths: Sequence[str]) -> list[Finding]:
    """What is to be said of videos that do not open or decode (pure).

    Args:
        paths: of the videos that a scan or ``validate`` found to be invalid, where their files are still there.

    Returns:
        One warning, or nothing where there are none.
    """
    if not paths:
        return []
    sentence = f"{plural(len(paths), 'invalid video')}, which no job but `validate` takes: {listed(paths)}."
    remedy = f"{_LIST} --invalid` lists them with the reasons; put whole files in their places, and scan"
    return [warning("invalid_videos", sentence, remedy, names=paths)]


def leftovers(
    differences: Differences, half_made: Sequence[str], earlier: images.EarlierIds = _NO_IDS
) -> list[Finding]:
    """What is to be said of files that no record names (pure).

    Args:
        differences: between catalogue and disk.
        half_made: files that are not finished.
        earlier: see ``images.recorded_anew``.

    Returns:
        A finding for each kind there is.
    """
    findings = []
    if half_made:
        sentence = f"{plural(len(half_made), 'half-made copy')} in the library: {listed(half_made)}."
        remedy = (
            "--repair finishes or undoes the moves they are of; of one that stays, compare with its original "
            "before you remove it"
        )
        findings.append(fault("half_made", sentence, remedy, repairable=True, names=half_made))
    if differences.orphans:
        names = differences.orphans
        sentence = f"{plural(len(names), 'file')} among the products that no record names: {listed(names)}."
        remedy = "--repair takes the videos among them into the catalogue; move the others away, or keep them"
        findings.append(warning("orphans", sentence, remedy, repairable=True, names=names))
    if names := tuple(earlier.video_ids):
        sentence = f"{plural(len(names), 'video')} recorded anew, whose images bear an earlier id: {listed(names)}."
        remedy = "--repair gives them that id again, so that nothing is made again"
        findings.append(warning("earlier_ids", sentence, remedy, repairable=True, names=names))
    if names := earlier.unsure:
        sentence = f"Exact copies were recorded anew, and nothing says which of them had which id: {listed(names)}."
        remedy = "import an export that has them (`reelmill catalogue import`); else their images are made again"
        findings.append(warning("unsure_ids", sentence, remedy, names=names))
    known = {inventory.owner_of(path) for path in (*earlier.video_ids, *earlier.unsure)}
    if names := tuple(path for path in differences.images if inventory.owner_of(path) not in known):
        sentence = f"{plural(len(names), 'image')} of videos that no record knows: {listed(names)}."
        findings.append(warning("orphan_pictures", sentence, "remove them if nobody uses them", names=names))
    if not findings:
        unseen = differences.unseen
        more = f"; {unscanned(folders_of(unseen))} ({plural(len(unseen), 'file')})" if unseen else ""
        findings.append(ok("leftovers", f"No half-made file and no orphan in the library{more}."))
    return findings


def unrecordable(reasons: Mapping[str, str]) -> list[Finding]:
    """What is to be said of videos that no scan can record (pure).

    Args:
        reasons: why, by the path.

    Returns:
        One warning, or nothing where there are none.
    """
    if not reasons:
        return []
    sentences = list(reasons.values())
    more = f" And {len(sentences) - _SHOWN} more." if len(sentences) > _SHOWN else ""
    sentence = f"{plural(len(reasons), 'file')} no scan can record: {' '.join(sentences[:_SHOWN])}{more}"
    return [warning("unrecordable", sentence, "give them a name and a time that can be kept, and scan", names=reasons)]


def unfinished(workspaces: Sequence[Path]) -> list[Finding]:
    """What is to be said of the work of runs that are dead (pure but for a look at the journals)."""
    troubles = {folder: trouble for folder in workspaces if (trouble := _trouble(folder)) is not None}
    findings = []
    if troubles:
        sentences = list(troubles.values())
        more = f" And {len(sentences) - _SHOWN} more." if len(sentences) > _SHOWN else ""
        remedy = "only a person can tell what was on its way; everything else is settled meanwhile"
        names = [folder.name for folder in troubles]
        findings.append(fault("unreadable_journals", f"{' '.join(sentences[:_SHOWN])}{more}", remedy, names=names))
    workspaces = [folder for folder in workspaces if folder not in troubles]
    open_ended = [folder.name for folder in workspaces if workspace.journalled(folder)]
    if open_ended:
        sentence = f"{plural(len(open_ended), 'run')} ended while a file was on its way: {listed(open_ended)}."
        remedy = "--repair finishes or undoes each, as the start of the site does"
        findings.append(fault("unsettled", sentence, remedy, repairable=True, names=open_ended))
    elif workspaces:
        names = [folder.name for folder in workspaces]
        sentence = f"{plural(len(names), 'folder')} of unfinished work of dead runs: {listed(names)}."
        findings.append(warning("unfinished_work", sentence, "--repair removes them", repairable=True, names=names))
    return findings or [ok("unfinished_work", "No unfinished work of a dead run.")]


def _trouble(work: Path) -> str | None:
    """Why a journal in a workspace cannot be read; None where all can, or there is none."""
    try:
        for folder, kind in product(workspace.journal_folders(work), (publish_journal, move_journal)):
            if os.path.lexists(folder / kind.NAME):
                kind.read(folder)
    except InputError as error:
        return str(error)
    except FileNotFoundError:  # settled just now
        return None
    except OSError as error:
        return f"The folder {work} cannot be read ({error.strerror or error}): look after its disk."
    return None


def _decoded(root: MediaRoot, differences: Differences, report: Report) -> Finding:
    absent = {*differences.gone, *differences.still_missing}
    # What was altered, or is of another time, is named as that already.
    altered = {*differences.altered, *differences.touched}
    with session() as opened:
        total = searching.count_videos(opened)
    found: list[str] = []
    count = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for page in _portions(entry for entry in searching.every_entry() if entry.valid and entry.path not in absent):
            known = [entry._replace(blake2=None) if entry.path in altered else entry for entry in page]
            for reason in pool.map(partial(_damage, root), known):
                count += 1
                report.progress(min(1.0, count / total), f"{count} of up to {plural(total, 'video')}")
                if reason is not None:
                    found.append(reason)
    if not found:
        return ok("content", f"{plural(count, 'video')} decoded, each whole.")
    remedy = (
        "copy originals again from where they came from; check the others with `reelmill run validate VIDEO -p "
        "depth=full`, and the jobs that made them make them again"
    )
    return fault("content", " ".join(found[:3]), remedy, names=found)


def _portions(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Some at a time: a pool takes all that it is given at once."""
    rest = iter(entries)
    while portion := list(islice(rest, _AT_ONCE)):
        yield portion


def _damage(root: MediaRoot, entry: Entry) -> str | None:
    path = root.path / entry.path
    try:
        wrong = what_is_wrong(entry.path, probe(path), check_whole(path))
        if wrong is None and entry.blake2 is not None and blake2(path) != entry.blake2:
            return f"{entry.path} decodes, and its bytes are not those recorded: the disk has changed some."
    except (InputError, Unreadable) as error:
        return str(error)
    except OSError as error:  # the error of one file means nothing for the others
        return f"{entry.path} cannot be read ({error.strerror or error})."
    return wrong


def manifest(root: MediaRoot) -> dict[str, str]:
    """The SHA-256 of every original, by its path relative to the media root."""
    return {root.relative(path): sha256(path) for path in inventory.originals(root)}


def _compared(root: MediaRoot, wanted: Mapping[str, str]) -> Finding:
    """Whether every original of a manifest is there with its bytes: at its place, or moved by a job to another."""
    now: dict[str, str | None] = {path: _hash(root.path / path) for path in wanted}
    lost = [path for path, was in wanted.items() if now[path] != was]
    elsewhere = _elsewhere(root, wanted, {wanted[path] for path in lost if now[path] is None}) if lost else set()
    lost = [path for path in lost if now[path] is not None or wanted[path] not in elsewhere]
    if not lost:
        return ok("originals", f"{plural(len(wanted), 'original')} byte for byte as in the manifest.")
    sentence = f"{plural(len(lost), 'original')} not as in the manifest: {listed(lost)}."
    return fault("originals", sentence, "restore them from a backup", names=lost)


def _elsewhere(root: MediaRoot, known: Collection[str], wanted: set[str]) -> set[str]:
    """Those of these hashes that files have which the manifest does not name."""
    others: Iterable[Path] = (path for path in inventory.originals(root) if root.relative(path) not in known)
    return wanted & {hash_ for hash_ in map(_hash, others) if hash_ is not None} if wanted else set()


def _hash(path: Path) -> str | None:
    try:
        return sha256(path)
    except OSError:
        return None
