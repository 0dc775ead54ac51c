"""The folders of a site on its node: which it makes for itself, and whether its library is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from reelmill.catalogue.engine import session
from reelmill.catalogue.videos import searching
from reelmill.errors import SiteError
from reelmill.settings import Settings
from reelmill.storage.media_root import MediaRoot
from reelmill.troubles import SiteTrouble

_ENTERED_ONLY: Final = 0o711
_CLOSED: Final = 0o700


def make_folders(settings: Settings) -> None:
    """Make what is missing, and close logs and Prefect's home, which are for the account alone that runs the site.

    The data folder itself may be somebody's choice, which is left as it is. Under root another account, which
    PostgreSQL runs as, must be able to enter it.
    """
    if not settings.data_dir.exists():
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        settings.data_dir.chmod(_ENTERED_ONLY if os.geteuid() == 0 else _CLOSED)
    for folder in (settings.log_dir, settings.prefect_home):
        folder.mkdir(exist_ok=True)
        folder.chmod(_CLOSED)


@contextmanager
def media_root_in_words(root: MediaRoot) -> Iterator[None]:
    """Raise an error of a media root's disk as a sentence; nothing comes up on such a root.

    Raises:
        SiteError: the media root cannot be read or written.
    """
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise SiteError(
            f"The media root {root.path} cannot be used: {error.strerror or error}{where}; look after its disk or "
            "share, and that this user may read and write there.",
            SiteTrouble.MEDIA_ROOT,
            root.path,
        ) from error


def require_mounted(root: MediaRoot) -> None:
    """Refuse an empty root where the catalogue knows videos.

    Raises:
        SiteError: it is so: the library is not mounted.
    """
    with session() as opened:
        known = searching.count_videos(opened)
    if known and not root.mounted:
        raise SiteError(
            f"The media root {root.path} is empty, and the catalogue knows {known} videos in it; mount it first.",
            SiteTrouble.MEDIA_ROOT,
            root.path,
        )
