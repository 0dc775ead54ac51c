"""Which videos a run works on: what its first attempt made of their names, kept as a label for those that follow.

By a path or a file name a later attempt might find nothing, once the video was moved by the one before, or another.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from prefect.context import FlowRunContext
from sqlalchemy.exc import SQLAlchemyError

from flows.run_page import current_page
from reelmill.catalogue.engine import brief_session
from reelmill.catalogue.models import Video
from reelmill.catalogue.videos.naming import parse_id, resolve_video
from reelmill.errors import ReelmillError

#: Label of a flow run: the ids of its videos by the names it was given, as JSON.
LABEL: Final = "reelmill.videos"


def same_video(name: str) -> str:
    """What a video is to be called in every attempt of the run we are in; see ``same_videos``."""
    return same_videos([name])[0]


def same_videos(names: Sequence[str]) -> list[str]:
    """What videos are to be called in every attempt of the run we are in.

    A whole id stays what it is, and costs nothing. Of any other name the id is kept on the run, unless the server or
    the catalogue is away.

    Args:
        names: as the run was given them.

    Returns:
        An id for each; the name itself where it leads nowhere, for the work to say why.
    """
    given = [name for name in names if parse_id(name) is None]
    run = FlowRunContext.get()
    if not given or run is None or run.flow_run is None:
        return [*names]
    kept = kept_ids(run.flow_run.labels)
    ids = found_ids(given, kept)
    page = current_page()
    if page is not None and ids.items() - kept.items():
        page.label({LABEL: json.dumps(kept | ids)})
    return [ids.get(name, name) for name in names]


def kept_ids(labels: Mapping[str, Any]) -> dict[str, str]:
    """The ids of its videos by their names, of the labels of a run; what is no such thing is left out (pure)."""
    try:
        kept = json.loads(labels.get(LABEL, "{}"))
    except (TypeError, ValueError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {name: one for name, one in kept.items() if isinstance(one, str) and parse_id(one) is not None}


def found_ids(names: Sequence[str], kept: Mapping[str, str]) -> dict[str, str]:
    """The ids of videos by their names: those kept while the catalogue has them, else what the names lead to now.

    Args:
        names: of videos.
        kept: ids that an earlier attempt found, by name.

    Returns:
        Without names that lead nowhere; only what is kept where the catalogue does not answer at once.
    """
    found = {name: kept[name] for name in names if name in kept}
    try:
        with brief_session() as opened:
            for name in names:
                if name in found and opened.get(Video, uuid.UUID(found[name])) is not None:
                    continue
                found.pop(name, None)
                try:
                    found[name] = str(resolve_video(opened, name).id)
                except ReelmillError:
                    continue
    except (ReelmillError, SQLAlchemyError):
        return {name: kept[name] for name in names if name in kept} | found
    return found
