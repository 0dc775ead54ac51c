"""What every file that is made carries: what it was made from and how, since the catalogue may be lost."""

from __future__ import annotations

import uuid
from pathlib import Path

from reelmill.operations.recipe import Recipe
from reelmill.storage import file_mark


def mark(staged: Path, recipe: str, source_video_id: uuid.UUID | None = None) -> None:
    """Write the mark into a finished file.

    It holds ids that mean nothing to anybody else: no path, no place and no time.

    Args:
        staged: the file, in a workspace; one that is not there, or not the workspace's own, stays as it is.
        recipe: what it was made by.
        source_video_id: what it was made from; None: what the recipe names, where that is one video.
    """
    if not staged.is_file() or staged.is_symlink() or staged.stat().st_nlink != 1:
        return
    sources = {one.video_id: one.content_id for one in recipe.sources} if isinstance(recipe, Recipe) else {}
    only = next(iter(sources.items()), None) if len(sources) == 1 else None
    source = source_video_id or (None if only is None else only[0])
    held = {"recipe": str(recipe), "source": source, "content": None if only is None else only[1]}
    file_mark.write(staged, {name: str(value) for name, value in held.items() if value is not None})
