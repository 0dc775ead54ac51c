"""What images and GIFs of a video are called: after the video and their recipe, shared by all of the same content."""

from __future__ import annotations

from itertools import product

from reelmill.catalogue.engine import session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos import searching
from reelmill.operations.context import Workbench
from reelmill.operations.recipe import Recipe, SourceContent


def image_name(
    bench: Workbench, video: Video, content: SourceContent, recipe: Recipe, folder: str, ending: str = ""
) -> str:
    """The path, without its ending, of what is made of a video by a recipe.

    Args:
        bench: what to work with.
        video: the record.
        content: what its file holds.
        recipe: of what is made.
        folder: that it is in, relative to the media root.
        ending: of the file that shows that it was made.

    Returns:
        Where it was made, of this video or of another of the same content, now or by an earlier version; else where it
        goes.
    """
    with session() as opened:
        videos = [video.id, *searching.ids_of_content(opened, content.content_id)]
    paths = [
        bench.root.image_path(folder, owner, f"-{name[:8]}{ending}")
        for owner, name in product(videos, (str(recipe), *recipe.former))
    ]
    return next((path for path in paths if (bench.root.path / path).exists()), paths[0]).removesuffix(ending)
