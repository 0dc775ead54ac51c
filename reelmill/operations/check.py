"""Check: is everything that the catalogue says true, and nothing in the library that should not be there?"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from reelmill.catalogue import queries
from reelmill.catalogue.engine import session
from reelmill.catalogue.queries import Entry
from reelmill.errors import InputError
from reelmill.ffmpeg.decode import check_whole
from reelmill.ffmpeg.probe import probe
from reelmill.findings import Finding, fault, listed, ok, several, warning
from reelmill.layout import MediaRoot
from reelmill.operations import inventory, workspace
from reelmill.operations.inventory import Differences
from reelmill.operations.validate import fault as what_is_wrong
from reelmill.report import Report, Silent

_SCAN: Final = "run the job `scan` on those folders"
_BLOCK: Final = 1 << 20  # bytes


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
        deep: decode every valid video, too.
        originals: what the originals were once, as ``manifest`` answers: each must still be the same.
        report: where the progress of decoding goes.

    Raises:
        NotMounted: nothing is there.
        PlatformError: the database is away.
    """
    root.require()
    with session() as opened:
        entries = queries.entries(opened)
    found = inventory.take(root)
    differences = _settled(root, inventory.compare(entries, found.files))
    findings = [
        *records(differences, len(entries)),
        *leftovers(differences, found.half_made),
        *unfinished(workspace.abandoned(root)),
    ]
    if found.unreadable:
        names = found.unreadable
        remedy = "give this user the right to read them, or look after the disk"
        findings.append(fault("folders", f"Cannot be read: {listed(names)}.", remedy, names=names))
    if deep:
        findings.append(_decoded(root, entries, differences, report or Silent()))
    if originals is not None:
        findings.append(_compared(root, originals))
    return findings


def _settled(root: MediaRoot, differences: Differences) -> Differences:
    """With a second look at what a job may have changed between the look at the catalogue and that at the disk."""
    suspects = differences.suspects
    if not suspects:
        return differences
    again = inventory.look(root, suspects)
    with session() as opened:
        entries = [entry for entry in queries.entries(opened) if entry.path in suspects]
    sure = inventory.compare(entries, again)
    kept = {
        name: tuple(path for path in getattr(differences, name) if path not in suspects or path in getattr(sure, name))
        for name in vars(differences)
    }
    return Differences(**kept)


def records(differences: Differences, count: int) -> list[Finding]:
    """What is to be said of the records (pure)."""
    gone, altered = differences.gone, differences.altered
    findings = []
    if gone:
        sentence = f"{several(len(gone), 'record')} of files that are not there: {listed(gone)}."
        remedy = "put them back; --repair marks them as missing, as a scan does, so that no job takes them"
        findings.append(fault("missing_files", sentence, remedy, repairable=True, names=gone))
    if altered:
        sentence = f"{several(len(altered), 'product')} not as long as made: {listed(altered)}."
        remedy = "run the jobs that made them again; they make them anew beside these"
        findings.append(fault("altered_products", sentence, remedy, names=altered))
    for check, names, what, remedy in (
        (
            "touched_products",
            differences.touched,
            "{} of another time than made at",
            "restore with times, or make anew",
        ),
        ("changed_originals", differences.changed, "{} changed since the last scan", _SCAN),
        ("returned_files", differences.returned, "{} there again and recorded as missing", _SCAN),
    ):
        if names:
            sentence = f"{what.format(several(len(names), 'file'))}: {listed(names)}."
            findings.append(warning(check, sentence, remedy, repairable=remedy is _SCAN, names=names))
    if differences.still_missing:
        names = differences.still_missing
        sentence = f"{several(len(names), 'file')} recorded as missing: {listed(names)}."
        findings.append(warning("still_missing", sentence, "put them back where they were, and scan", names=names))
    if differences.lost_pictures:
        names = differences.lost_pictures
        sentence = f"{several(len(names), 'thumbnail')} not there: {listed(names)}."
        findings.append(warning("lost_thumbnails", sentence, "run `thumbnail_generate` on their videos", names=names))
    good = count - len(gone) - len(altered) - len(differences.still_missing)
    return findings or [ok("records", f"{several(good, 'record')}, each of a file that is there as recorded.")]


def leftovers(differences: Differences, half_made: Sequence[str]) -> list[Finding]:
    """What is to be said of files that no record names (pure)."""
    findings = []
    if half_made:
        sentence = f"{several(len(half_made), 'half-made copy')} in the library: {listed(half_made)}."
        remedy = (
            "--repair finishes or undoes the moves they are of; of one that stays, compare with its original "
            "before you remove it"
        )
        findings.append(fault("half_made", sentence, remedy, repairable=True, names=half_made))
    if differences.orphans:
        names = differences.orphans
        sentence = f"{several(len(names), 'file')} among the products that no record names: {listed(names)}."
        remedy = "--repair takes the videos among them into the catalogue; move the others away, or keep them"
        findings.append(warning("orphans", sentence, remedy, repairable=True, names=names))
    if differences.pictures:
        names = differences.pictures
        sentence = f"{several(len(names), 'picture')} of videos that no record knows: {listed(names)}."
        findings.append(warning("orphan_pictures", sentence, "remove them if nobody uses them", names=names))
    if not findings:
        unseen = len(differences.unseen)
        more = f"; {several(unseen, 'file')} no scan has seen yet" if unseen else ""
        findings.append(ok("leftovers", f"No half-made file and no orphan in the library{more}."))
    return findings


def unfinished(workspaces: Sequence[Path]) -> list[Finding]:
    """What is to be said of the work of runs that are dead (pure but for a look at the journals)."""
    open_ended = [folder.name for folder in workspaces if workspace.journalled(folder)]
    if open_ended:
        sentence = f"{several(len(open_ended), 'run')} ended while a file was on its way: {listed(open_ended)}."
        remedy = "--repair finishes or undoes each, as the start of the site does"
        return [fault("unsettled", sentence, remedy, repairable=True, names=open_ended)]
    if workspaces:
        names = [folder.name for folder in workspaces]
        sentence = f"{several(len(names), 'folder')} of unfinished work of dead runs: {listed(names)}."
        return [warning("unfinished_work", sentence, "--repair removes them", repairable=True, names=names)]
    return [ok("unfinished_work", "No unfinished work of a dead run.")]


def _decoded(root: MediaRoot, entries: Sequence[Entry], differences: Differences, report: Report) -> Finding:
    left_out = {*differences.gone, *differences.still_missing}
    paths = [entry.path for entry in entries if entry.valid and entry.path not in left_out]
    found: list[str] = []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for count, reason in enumerate(pool.map(partial(_damage, root), paths), 1):
            report.progress(count / len(paths), f"{count} of {len(paths)} videos")
            if reason is not None:
                found.append(reason)
    if not found:
        return ok("content", f"{several(len(paths), 'video')} decoded, each whole.")
    remedy = "copy originals again from where they came from; run the jobs that made the others again"
    return fault("content", " ".join(found[:3]), remedy, names=found)


def _damage(root: MediaRoot, path: str) -> str | None:
    try:
        wrong = what_is_wrong(path, probe(root.path / path), check_whole(root.path / path))
    except InputError as error:
        return str(error)
    return wrong


def manifest(root: MediaRoot) -> dict[str, str]:
    """The SHA-256 of every original, by its path relative to the media root."""
    return {root.relative(path): hashed(path) for path in inventory.originals(root)}


def hashed(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    found = hashlib.sha256()
    with path.open("rb") as read:
        while block := read.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def _compared(root: MediaRoot, wanted: Mapping[str, str]) -> Finding:
    """Whether every original of a manifest is there with its bytes: at its place, or moved by a job to another."""
    now: dict[str, str | None] = {path: _hash(root.path / path) for path in wanted}
    lost = [path for path, was in wanted.items() if now[path] != was]
    elsewhere = _elsewhere(root, wanted, {wanted[path] for path in lost if now[path] is None}) if lost else set()
    lost = [path for path in lost if now[path] is not None or wanted[path] not in elsewhere]
    if not lost:
        return ok("originals", f"{several(len(wanted), 'original')} byte for byte as in the manifest.")
    sentence = f"{several(len(lost), 'original')} not as in the manifest: {listed(lost)}."
    return fault("originals", sentence, "restore them from a backup", names=lost)


def _elsewhere(root: MediaRoot, known: Collection[str], wanted: set[str]) -> set[str]:
    """Those of these hashes that files have which the manifest does not name."""
    others: Iterable[Path] = (path for path in inventory.originals(root) if root.relative(path) not in known)
    return wanted & {hash_ for hash_ in map(_hash, others) if hash_ is not None} if wanted else set()


def _hash(path: Path) -> str | None:
    try:
        return hashed(path)
    except OSError:
        return None
