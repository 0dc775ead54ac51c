"""Parameters of jobs that name videos: which they are, and the ids of what they name.

Jobs that do the same work fold by their parameters, so whoever submits one puts ids in the place of names first. A job
submitted with names works as well: its operation finds the videos by them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlmodel import Session

from reelmill.catalogue.videos.naming import resolve_ids
from reelmill.storage.media_root import MediaRoot

#: The key in a parameter's schema that marks a string as the name of a video; JSON schema leaves keys that it does not
#: know alone.
KEY: Final = "x-video"

#: What the parameters that name videos are called where none is marked.
_OLDER: Final = frozenset({"video_id", "video_ids"})


def resolve_parameters(
    session: Session, schema: Mapping[str, Any], parameters: Mapping[str, Any], root: MediaRoot | None = None
) -> dict[str, Any]:
    """A job's parameters with the id of each video in the place of its name.

    Args:
        session: of the catalogue.
        schema: of the flow's parameters, as its deployment has it.
        parameters: as they are given.
        root: where absolute paths lead to; None: this node's media root.

    Returns:
        All of them, ids as text.

    Raises:
        UnknownVideo: a name leads nowhere.
        AmbiguousVideo: a name leads to several videos.
        OutsideMediaRoot: a name is a path to somewhere else.
    """
    return with_ids(schema, parameters, lambda names: resolve_ids(session, names, root))


def with_ids(
    schema: Mapping[str, Any],
    parameters: Mapping[str, Any],
    ids_of: Callable[[Sequence[str]], Mapping[str, uuid.UUID]],
) -> dict[str, Any]:
    """A job's parameters with the id of each video in the place of its name, however that is found.

    Args:
        schema: of the flow's parameters, as its deployment has it.
        parameters: as they are given.
        ids_of: returns the ids by the names that it is given.

    Returns:
        All of them, ids as text.
    """
    named = video_parameters(schema) & parameters.keys()
    ids = ids_of([name for key in sorted(named) for name in _texts(parameters[key])])
    return {key: _replaced(value, ids) if key in named else value for key, value in parameters.items()}


def video_parameters(schema: Mapping[str, Any]) -> set[str]:
    """The parameters that name a video, or several (pure).

    Args:
        schema: of the flow's parameters. One made by an older version marks none, and they go by their old names.

    Returns:
        Their names.
    """
    properties: Mapping[str, Any] = schema.get("properties") or {}
    return {key for key, about in properties.items() if _marked(about)} or set(_OLDER & properties.keys())


def single_video_parameters(schema: Mapping[str, Any]) -> list[str]:
    """The parameters that name one video each, in their order (pure).

    Args:
        schema: of the flow's parameters.

    Returns:
        Their names.
    """
    properties: Mapping[str, Any] = schema.get("properties") or {}
    named = video_parameters(schema)
    return [key for key, about in properties.items() if key in named and not _is_list(about)]


def _is_list(about: Mapping[str, Any]) -> bool:
    return about.get("type") == "array" or any(map(_is_list, about.get("anyOf") or ()))


def _marked(about: Any) -> bool:
    """Whether a schema, or one within it (of the items of a list, of one choice of several), is that of a name."""
    if isinstance(about, Mapping):
        return about.get(KEY) is True or any(map(_marked, about.values()))
    return isinstance(about, list) and any(map(_marked, about))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def _replaced(value: Any, ids: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return str(ids[value])
    return [_replaced(item, ids) for item in value] if isinstance(value, (list, tuple)) else value
