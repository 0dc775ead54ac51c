"""What a product was made from, looked at once more before it enters the library."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from reelmill.catalogue.engine import session
from reelmill.catalogue.videos import searching
from reelmill.errors import ChangedMeanwhile, Unreadable
from reelmill.operations.recipe import Recipe, SourceContent
from reelmill.storage.absence import ABSENT
from reelmill.storage.content_id import content_id
from reelmill.storage.media_root import MediaRoot


def require_unchanged(root: MediaRoot, recipe: str) -> None:
    """Refuse a product of which a source was replaced or edited meanwhile: its record would name the wrong one.

    A file is read only where its size or its times are not as they were, see ``content_id``. One that is gone holds
    nothing else: what was made is of what it was.

    Args:
        root: the media root.
        recipe: of the product; one that names no sources is of none.

    Raises:
        ChangedMeanwhile: one holds something else by now.
        Unreadable: one cannot be read just now.
    """
    require_held(root, recipe.sources if isinstance(recipe, Recipe) else ())


def require_held(root: MediaRoot, sources: Iterable[SourceContent]) -> None:
    """``require_unchanged`` for what is kept under the contents of its sources, and no product.

    Args:
        root: the media root.
        sources: as they were when the work on them began.

    Raises:
        ChangedMeanwhile: one holds something else by now.
        Unreadable: one cannot be read just now.
    """
    contents = {one.video_id: one.content_id for one in sources}
    if not contents:
        return
    with session() as opened:
        paths = searching.paths_of(opened, [uuid.UUID(video_id) for video_id in contents])
    for video_id, path in paths.items():
        try:
            held = content_id(root.path / path)
        except OSError as error:
            if error.errno in ABSENT:
                continue
            raise Unreadable(f"{path} cannot be read ({error.strerror}); run the job again.", path) from error
        if held != contents[str(video_id)]:
            reason = f"{path} was replaced or edited while it was worked on; nothing was published, run the job again."
            raise ChangedMeanwhile(reason, path)
