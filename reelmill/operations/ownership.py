"""Whose library a media root is: it carries the id of its site, so that no second site works on it.

Locks live in a site's own database: a second site finds all of them free, takes the work folders of live jobs for
those of dead ones, and knows none of the videos that the first one's journals are about.
"""

from __future__ import annotations

import errno
import os
import uuid
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import URL

from reelmill.catalogue import site_identity
from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.models import utc_now
from reelmill.classification import DISK_TROUBLE
from reelmill.errors import CapabilityError, DiskFull, ReelmillError, SiteError, Unreadable
from reelmill.settings import get_settings
from reelmill.storage import atomic_files
from reelmill.storage.media_root import MediaRoot
from reelmill.troubles import SiteTrouble

#: The marker, relative to the media root.
MARKER: Final = ".reelmill/site.json"

_TAKE_OVER: Final = "`reelmill up --take-over`"
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)

_Signature = tuple[int, int, int, int]

#: Roots whose marker, as its stat was, names the site of a database: every job asks, few read.
_ours: dict[tuple[URL, str], _Signature] = {}


class Owner(BaseModel):
    """The site a media root belongs to, as its marker has it."""

    model_config = ConfigDict(frozen=True)

    site: uuid.UUID
    node: str  # the node that wrote the marker
    since: datetime


def owner(root: MediaRoot) -> Owner | None:
    """The site that a media root belongs to; None where it carries no marker.

    Returns:
        What the marker holds.

    Raises:
        SiteError: the marker cannot be read, so nobody can tell.
        Unreadable: its disk does not answer just now.
    """
    path = root.path / MARKER
    try:
        written = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise _illegible(root, "it is a link to nothing") from None
        return None
    except OSError as error:
        if error.errno in DISK_TROUBLE:
            raise _in_words(root, error) from error
        raise _illegible(root, error.strerror or str(error)) from error
    try:
        return Owner.model_validate_json(written)
    except ValidationError as error:
        raise _illegible(root, "it is damaged" if written else "it is empty") from error


def _illegible(root: MediaRoot, why: str) -> SiteError:
    return SiteError(
        f"Nobody can tell which site the media root {root.path} belongs to: its {MARKER} cannot be read ({why}); "
        f"restore it, or, if no other site uses this library, take it over with {_TAKE_OVER}.",
        SiteTrouble.UNREADABLE_MARK,
        root.path,
    )


def require_ours(root: MediaRoot, *, claim: bool = True) -> None:
    """Refuse another site's library; the marker is read anew only when its stat has changed.

    Args:
        root: the media root.
        claim: write this site's marker where there is none; without it, such a root passes as it is.

    Raises:
        SiteError: it belongs to another site, or nobody can tell.
        NotMounted: nothing is there that could be claimed.
        CapabilityError, DiskFull, Unreadable: the marker cannot be written or read.
        PlatformError: the database does not answer.
    """
    key = (get_engine().url, os.fspath(root.path))
    seen = _signature(root.path / MARKER)
    if seen is not None and _ours.get(key) == seen:
        return
    found = owner(root)
    if found is None:
        if not claim:
            return
        root.require()
        found = _claim(root)
    if found.site != _site_id():
        raise SiteError(
            f"The media root {root.path} belongs to another site, since {found.since:%Y-%m-%d} by {found.node}: work "
            f"for that one with `reelmill join`, or, if it is gone for good, take its library over with {_TAKE_OVER}.",
            SiteTrouble.OTHER_SITE,
            root.path,
        )
    if seen is not None:  # as it was before it was read: a change in between shows at the next look
        _ours[key] = seen


def require_joined(root: MediaRoot) -> None:
    """Refuse a media root that is not the one of the site whose database this is.

    Raises:
        SiteError: it carries no marker, or another site's.
    """
    if owner(root) is None:
        raise SiteError(
            f"The media root {root.path} carries no site's id ({MARKER}), so it is not the library of the site to "
            "join; mount that one there. The site's own `reelmill up` writes the id.",
            SiteTrouble.NO_SITE,
            root.path,
        )
    require_ours(root, claim=False)


def take_over(root: MediaRoot) -> Owner:
    """Make a media root this site's, whatever it carries. Whose it was must be gone for good.

    Returns:
        What the marker holds now.

    Raises:
        CapabilityError, DiskFull, Unreadable: the marker cannot be written.
    """
    ours = _us()
    try:
        atomic_files.make_folder((root.path / MARKER).parent)
        atomic_files.write(root.path / MARKER, ours.model_dump_json())
    except OSError as error:
        raise _in_words(root, error) from error
    return ours


def _claim(root: MediaRoot) -> Owner:
    """Write this site's marker, whole or not at all; returns the one that stands, since another may be quicker."""
    path, ours = root.path / MARKER, _us()
    new = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        atomic_files.make_folder(path.parent)
        try:
            new.write_text(ours.model_dump_json())
            atomic_files.fsync(new)
            placed = atomic_files.place(new, path)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise _in_words(root, error) from error
    return ours if placed else owner(root) or ours


def _us() -> Owner:
    return Owner(site=_site_id(), node=get_settings().node_name, since=utc_now())


def _site_id() -> uuid.UUID:
    with session() as opened:
        return site_identity.site(opened).id


def _signature(path: Path) -> _Signature | None:
    try:
        stat = path.stat()
    except OSError:  # whoever reads it reports what is wrong
        return None
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _in_words(root: MediaRoot, error: OSError) -> ReelmillError:
    reason = error.strerror or str(error)
    if error.errno in DISK_TROUBLE:
        return Unreadable(f"A disk of the media root {root.path} does not answer ({reason}): look after it.", root.path)
    if error.errno in _FULL:
        return DiskFull(f"The disk of the media root {root.path} is full ({reason}); free some space.", root.path)
    if error.errno in _FORBIDDEN:
        return CapabilityError(
            f"The media root {root.path} cannot be marked as this site's ({reason}): mount it for writing, or give "
            "the user Reelmill runs as the right to write there.",
            f"rights on {root.path}",
        )
    return CapabilityError(f"The media root {root.path} cannot be marked as this site's: {reason}.")
