"""What is to be said of the images of videos: those whose files are gone, and those on the disk without a row."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reelmill.catalogue.engine import session
from reelmill.catalogue.facts import assets
from reelmill.catalogue.models import AssetKind
from reelmill.doctor.findings import Finding, Severity, listed, warning
from reelmill.doctor.inventory import Portions, existing_files
from reelmill.storage.media_root import MediaRoot
from reelmill.wording import plural


def recorded(paths: Collection[str]) -> set[str]:
    """Those of these paths that are an asset's of a video; not of more than a few thousand."""
    with session() as opened:
        return assets.recorded(opened, paths)


def lost(root: MediaRoot) -> list[Finding]:
    """What is to be said of assets whose files are gone.

    Args:
        root: the media root.

    Returns:
        A warning for thumbnails and one for the others; nothing where all are there.
    """
    thumbnails, others = list[str](), list[str]()
    kinds: dict[str, str] = {}

    def sort_lost(paths: list[str]) -> None:
        there = existing_files(root, paths)
        for path in paths:
            kind = kinds.pop(path)
            if path not in there:
                (thumbnails if kind == AssetKind.THUMBNAIL else others).append(path)

    portions = Portions(sort_lost)
    for path, kind in assets.every_asset():
        kinds[path] = kind
        portions.add(path)
    portions.finish()
    return [
        warning(check, f"{plural(len(names), what)} not there: {listed(names)}.", remedy, repairable=True, names=names)
        for check, what, names, remedy in (
            (
                "lost_thumbnails",
                "thumbnail",
                thumbnails,
                "--repair forgets them; then `thumbnail_generate` makes new ones",
            ),
            ("lost_images", "image", others, "--repair forgets them; the jobs that made them make them again"),
        )
        if names
    ]


def unrecorded(paths: Sequence[str], *, to_be_adopted: bool) -> list[Finding]:
    """What is to be said of images that no row names, of videos that are known (pure).

    Args:
        paths: of the images.
        to_be_adopted: the site records them by itself, see ``images.adopt_all``.

    Returns:
        A note where it does, else a warning; nothing where there are none.
    """
    if not paths:
        return []
    sentence = f"{plural(len(paths), 'image')} of known videos not in the catalogue: {listed(paths)}"
    if to_be_adopted:
        sentence += "; they are of an older version, and the site records them from the next hour on."
        return [Finding("unrecorded_images", Severity.OK, sentence, repairable=True, names=tuple(paths))]
    return [warning("unrecorded_images", f"{sentence}.", "--repair records them", repairable=True, names=paths)]
