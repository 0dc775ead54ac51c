"""Jobs are handed in from the command line: parameters as text, videos by name."""

from __future__ import annotations

import os.path
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelmill.cli.catalogue_access import require_catalogue
from reelmill.cli.job_choice import Deeds
from reelmill.cli.server import this_person
from reelmill.errors import UserError
from reelmill.queue.job import canonical
from reelmill.queue.parameter_text import parse_parameters, resolved
from reelmill.settings import get_settings
from reelmill.site_discovery import running_site

if TYPE_CHECKING:
    from reelmill.dispatch import Dispatcher

Schema = Mapping[str, Any]


def submit_jobs(
    prefect: Dispatcher, job_type: str, videos: Sequence[str], texts: Sequence[str], options: Mapping[str, Any]
) -> Deeds:
    """Hand in a job for each video, or one for all where the type takes several.

    Of several videos that get a job each, one that is not found does not stop the others.

    Args:
        prefect: the queue.
        job_type: an older name included.
        videos: as people name them; a file of the library by any path to it.
        texts: parameters as ``name=value``.
        options: of ``Jobs.submit``.

    Returns:
        The jobs, and the videos that were not found.

    Raises:
        UserError: what was asked for makes no sense.
        PlatformError: a server does not respond.
    """
    schema = prefect.jobs.schema(job_type, options.get("pool"))
    common = parse_parameters(canonical(job_type), texts, schema)
    parameters = with_videos(canonical(job_type), [absolute(video) for video in videos], common, schema)
    found, errors = _with_ids(parameters, schema)
    if errors and len(parameters) == 1:
        raise errors[0][1]
    jobs = prefect.jobs.submit_many(job_type, found, this_person(), **options) if found else []
    return Deeds(jobs, errors)


def with_videos(
    job_type: str, videos: Sequence[str], common: Mapping[str, Any], schema: Schema
) -> list[dict[str, Any]]:
    """The parameters of each job (pure).

    Args:
        job_type: whose they are.
        videos: as people name them.
        common: what all have in common.
        schema: of the flow's parameters.

    Returns:
        One for each video, or one alone.

    Raises:
        UserError: the job type takes no videos.
    """
    from reelmill.catalogue.videos.video_parameters import video_parameters

    if not videos:
        return [dict(common)]
    properties: Mapping[str, Schema] = schema.get("properties") or {}
    marked = video_parameters(schema)
    for name in (name for name in properties if name in marked):
        if resolved(properties[name], schema).get("type") == "string":
            return [{**common, name: video} for video in videos]
        return [{**common, name: list(videos)}]
    raise UserError(f"{job_type} takes no videos; it takes {', '.join(properties) or 'nothing'}.")


def absolute(video: str) -> str:
    """A file that is there, by its whole path, since the current folder means nothing to others."""
    if os.path.isabs(video) or not os.path.isfile(video):  # noqa: PTH113, PTH117 - Path.is_file raises at long names
        return video
    return str(Path(video).absolute())


def _with_ids(
    parameters: Sequence[Mapping[str, Any]], schema: Schema
) -> tuple[list[Mapping[str, Any]], list[tuple[str, UserError]]]:
    """The parameters with ids for names, so that the same work is one job however its video is named.

    Where no catalogue is reached from here the names stay, and each job looks its videos up; where only another one is
    than the site's, whole ids alone pass.

    Args:
        parameters: of each job.
        schema: of the flow's parameters.

    Returns:
        One for each whose videos are found, and for the others the videos and why not.
    """
    from reelmill.catalogue.videos.video_parameters import video_parameters

    named = video_parameters(schema)
    if not any(named & one.keys() for one in parameters):
        return list(parameters), []
    try:
        require_catalogue()
    except UserError as error:
        return _each_with_ids(parameters, schema, partial(_whole_ids, otherwise=error))
    if get_settings().database_url is None and running_site() is None:
        return list(parameters), []
    from reelmill.catalogue.engine import session
    from reelmill.catalogue.videos.naming import resolve_ids

    with session() as opened:
        return _each_with_ids(parameters, schema, partial(resolve_ids, opened))


def _each_with_ids(
    parameters: Sequence[Mapping[str, Any]], schema: Schema, ids_of: Callable[[Sequence[str]], Mapping[str, uuid.UUID]]
) -> tuple[list[Mapping[str, Any]], list[tuple[str, UserError]]]:
    from reelmill.catalogue.videos.video_parameters import video_parameters, with_ids

    found: list[Mapping[str, Any]] = []
    errors: list[tuple[str, UserError]] = []
    for one in parameters:
        try:
            found.append(with_ids(schema, one, ids_of))
        except UserError as error:
            named = sorted(video_parameters(schema) & one.keys())
            errors.append((", ".join(str(one[name]) for name in named), error))
    return found, errors


def _whole_ids(names: Sequence[str], *, otherwise: UserError) -> dict[str, uuid.UUID]:
    """Names that are whole ids, and so need no catalogue.

    Returns:
        The ids by the names.

    Raises:
        UserError: ``otherwise``, where one is none.
    """
    from reelmill.catalogue.videos.naming import parse_id

    ids: dict[str, uuid.UUID] = {}
    for name in names:
        if (whole := parse_id(name)) is None:
            raise otherwise
        ids[name] = whole
    return ids
