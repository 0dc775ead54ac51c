"""The only door into the library: a finished file is verified, placed without ever overwriting, then recorded.

Steps, and what a crash after each leaves behind:

    1. verify            the workspace only; thrown away
    2. fsync the file    the same
    3. write the intent  the same: nothing is in the library yet
    4. link into place   the file is in the library, the intent names it: ``publish_journal.settle`` records it
    5. fsync the folder  the same
    6. catalogue record  complete
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from reelmill import guard
from reelmill.catalogue.engine import session
from reelmill.catalogue.facts.product_sources import SourceSegment, only_source
from reelmill.catalogue.facts.verdicts import FULL
from reelmill.catalogue.limits import unfit_record
from reelmill.catalogue.models import Video, utc_now
from reelmill.catalogue.videos import searching
from reelmill.errors import NameTaken, WrongParameter
from reelmill.ffmpeg.finding import FindingKind
from reelmill.ffmpeg.process.cost import Cost
from reelmill.ffmpeg.reading.decode import check_whole
from reelmill.ffmpeg.reading.probe import MediaInfo
from reelmill.ffmpeg.verify import Decoder, Expectation, Proof, examine, require_good
from reelmill.operations.context import Workbench
from reelmill.operations.ownership import require_ours
from reelmill.operations.publishing import publish_journal
from reelmill.operations.publishing.marking import mark
from reelmill.operations.publishing.output_folders import mark_folder
from reelmill.operations.publishing.preflight import Destination
from reelmill.operations.publishing.records import describe, new_record, note_cost
from reelmill.operations.publishing.sources import require_unchanged
from reelmill.storage import file_hash
from reelmill.storage.atomic_files import fsync, make_folder, place
from reelmill.storage.content_id import content_id
from reelmill.storage.file_names import NAME_MAX, UNFIT_NAME, fitting, longest, plain
from reelmill.storage.media_root import MediaRoot

#: Where the details of a record name what of its source does not decode.
DAMAGE: Final = "damage"


@dataclass(frozen=True)
class Product:
    """What is to enter the library."""

    path: str  # wanted, relative to the media root; taken names get a suffix
    recipe: str
    expected: Expectation
    title: str
    sources: tuple[SourceSegment, ...] = ()  # what it is made of, in its order
    details: dict[str, Any] | None = None  # kept with the record, for a later run that finds it made
    cost: Cost | None = None  # of a web copy
    exact: bool = False  # the path was asked for by a person: no suffix, a clash is an error

    @property
    def source_video_id(self) -> uuid.UUID | None:
        """The one video it is made of; None where there are several."""
        return only_source(self.sources)

    @property
    def destination(self) -> Destination:
        """Where it is to go."""
        return Destination(self.path, self.exact)


def publish(bench: Workbench, staged: Path, product: Product, decode: Decoder = check_whole) -> Video:
    """Take ``staged``, a finished video in a workspace, into the library.

    Args:
        bench: what to work with.
        staged: the file.
        product: as what it enters.
        decode: decodes all of it, for the proof.

    Returns:
        Its record.

    Raises:
        OutputRejected: it is not what it should be; nothing entered the library.
        ChangedMeanwhile: a source does not hold any more what it was made from; likewise.
        NameTaken: ``exact`` and the path is taken.
        WrongParameter: the catalogue cannot hold its record.
        OSError: the disk refuses.
    """
    mark(staged, product.recipe, product.source_video_id)
    require_unchanged(bench.root, product.recipe)  # before it is compared with another file than it was made from
    proof = examine(staged, product.expected, decode)
    info = require_good(proof, product.path)
    product = _with_damage(product, proof)
    fsync(staged)
    blake2 = file_hash.blake2(staged)
    placed = None
    for name in dict.fromkeys((product.path, _plain(product.path))):
        try:
            placed = _placed(bench, staged, replace(product, path=name), info, blake2)
            break
        except OSError as error:  # a file system that does not take every character
            if product.exact or error.errno not in UNFIT_NAME or name == _plain(name):
                raise
    if placed is None:
        sentence = f"{product.path} is already there and is never overwritten; choose another output path."
        raise NameTaken(sentence, product.path)
    return placed


def _with_damage(product: Product, proof: Proof) -> Product:
    """The same, with what of its source does not decode among its details."""
    damage = next((note.text for note in proof.notes if note.kind is FindingKind.SOURCE_DAMAGED), None)
    return product if damage is None else replace(product, details={**(product.details or {}), DAMAGE: damage})


def _plain(path: str) -> str:
    wanted = PurePosixPath(path)
    return str(wanted.with_name(plain(wanted.name)))


def _placed(bench: Workbench, staged: Path, product: Product, info: MediaInfo, blake2: str) -> Video | None:
    """Place and record a file that is verified; None where every name for it is taken."""
    folder = bench.root.resolve(product.path.rpartition("/")[0])
    for relative in _candidates(product, longest(folder)):
        final = folder / PurePosixPath(relative).name  # not resolved: a link there is a name that is taken
        if os.path.lexists(final):
            continue
        video = new_record(relative, bench.root.directory_type(relative), staged.stat())
        describe(video, info)
        video.title, video.recipe = product.title, str(product.recipe)
        video.source_video_id, video.made_by = product.source_video_id, bench.run_id
        video.details, video.blake2 = product.details, blake2
        if product.cost is not None:
            note_cost(video, product.cost)
        video.content_id, video.ctime_ns = content_id(staged), None  # to be placed changes the latter
        video.checked_depth, video.checked_at = FULL, utc_now()
        reason = unfit_record(video)
        if reason is not None:  # said now, not once the file is in its place
            raise WrongParameter(reason, "target", relative)
        make_folder(folder)
        require_unchanged(bench.root, product.recipe)
        guard.confirm()  # before the database is asked anything: one that is away is waited for
        require_ours(bench.root)  # once more: encoding may have taken hours
        if not product.exact and _is_anothers(video):
            continue
        publish_journal.write(staged, video, product.sources)
        if place(staged, final):
            mark_folder(bench.root, relative)
            return publish_journal.record(bench.root, video, product.sources)
    return None


def _is_anothers(video: Video) -> bool:
    """Whether the path is that of another video, whose file is not there just now, and which has to find it free."""
    with session() as opened:
        record = searching.by_path(opened, video.path)
    return record is not None and publish_journal.is_anothers(record, video)


def _candidates(product: Product, room: int) -> Iterator[str]:
    """The wanted path, then with the recipe as a suffix, then counted; each name of ``room`` bytes at most."""
    wanted = PurePosixPath(product.path)
    yield str(wanted.with_name(fitting(wanted.stem, wanted.suffix, room)))
    if product.exact:
        return
    for count in range(1, 100):
        mark = f"-{product.recipe[:8]}" + (f"-{count}" if count > 1 else "")
        yield str(wanted.with_name(fitting(wanted.stem, mark + wanted.suffix, room)))


def output_path(root: MediaRoot, written: str) -> str:
    """A path a person asked an output to be written to, checked and relative to the root.

    Returns:
        The path relative to the root.

    Raises:
        OutsideMediaRoot: it leads out of the root.
        WrongParameter: it is in no library folder, not an mp4, or longer than a name may be.
    """
    relative: Any = root.resolve(written).relative_to(root.path.resolve()).as_posix()
    if not relative.lower().endswith(".mp4"):
        reason = f"The output path {written!r} must end in .mp4: that is what Reelmill writes."
        raise WrongParameter(reason, "target", written)
    if any(len(os.fsencode(name)) > NAME_MAX for name in relative.split("/")):
        reason = f"The output path {written!r} holds a name of more than {NAME_MAX} bytes; give a shorter one."
        raise WrongParameter(reason, "target", written)
    root.directory_type(relative)
    return str(relative)
