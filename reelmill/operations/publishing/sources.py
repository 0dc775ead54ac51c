"""What a product was made from, looked at once more before it enters the library."""

from __future__ import annotations

import errno
import uuid
from typing import Final

from reelmill.catalogue import searching
from reelmill.catalogue.engine import session
from reelmill.errors import ChangedMeanwhile, Unreadable
from reelmill.operations.recipe import Recipe
from reelmill.storage.content_id import content_id
from reelmill.storage.media_root import MediaRoot

_ABSENT: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


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
    contents = {one.video_id: one.content_id for one in recipe.sources} if isinstance(recipe, Recipe) else {}
    if not contents:
        return
    with session() as opened:
        paths = searching.paths_of(opened, [uuid.UUID(video_id) for video_id in contents])
    for video_id, path in paths.items():
        try:
            held = content_id(root.path / path)
        except OSError as error:
            if error.errno in _ABSENT:
                continue
            raise Unreadable(f"{path} cannot be read ({error.strerror}); run the job again.", path) from error
        if held != contents[str(video_id)]:
            reason = f"{path} was replaced or edited while it was worked on; nothing was published, run the job again."
            raise ChangedMeanwhile(reason, path)
