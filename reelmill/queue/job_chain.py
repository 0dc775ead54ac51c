"""One job over several runs: each change of lane makes a new run, and the job keeps the id of its first (pure).

Prefect cannot move a run, so that another takes its place. Which belong together stands on the runs themselves:

* the label ``reelmill.job`` of each later run is the id of the first, the job's public id;
* so is its tag ``job:<id>``, by which Prefect's server finds it once the earlier runs are gone;
* its tag ``replaces:<id>`` names the run before it;
* the state ``Replaced`` (of type CANCELLED) of the run before names the run that took its place.

A run that is ``Replaced`` is no job of its own: lists, counts and statistics leave it out.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

#: Label of a run that takes the place of another: the id of the first of them.
JOB_LABEL: Final = "reelmill.job"

#: What the tag begins with that names the job of a run that takes the place of another.
JOB_TAG: Final = "job:"

#: What the tag begins with that names the run which a run replaces.
REPLACES: Final = "replaces:"

#: State, of type CANCELLED, of a run whose place another has taken.
REPLACED: Final = "Replaced"

_ID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MESSAGE: Final = re.compile(rf"Replaced by ({_ID})")
_TAKES: Final = re.compile(rf"takes the place of ({_ID})")


def public_id(run_id: uuid.UUID, labels: Mapping[str, Any]) -> uuid.UUID:
    """The id of the job that a run is of: that of the first run which stood for it.

    Args:
        run_id: of the run.
        labels: of the run.

    Returns:
        The job's id, which it keeps; the run's own where it has replaced none.
    """
    return _uuid(str(labels.get(JOB_LABEL, ""))) or run_id


def later_tags(job_id: uuid.UUID, run_id: uuid.UUID, tags: Iterable[str]) -> list[str]:
    """The tags of a run that takes the place of another.

    Args:
        job_id: the job's public id.
        run_id: of the run whose place it takes.
        tags: of that run.

    Returns:
        Its tags, with those that name the job and that run.
    """
    kept = [tag for tag in tags if not tag.startswith((JOB_TAG, REPLACES))]
    return [*kept, f"{JOB_TAG}{job_id}", f"{REPLACES}{run_id}"]


def tags_of(job_id: uuid.UUID) -> list[str]:
    """The tags by one of which a run is known that has taken the place of this job's, or of this run."""
    return [f"{JOB_TAG}{job_id}", f"{REPLACES}{job_id}"]


def replaces(tags: Iterable[str]) -> uuid.UUID | None:
    """The run before this one, from its tags; None for the first."""
    named = (_uuid(tag.removeprefix(REPLACES)) for tag in tags if tag.startswith(REPLACES))
    return next((run_id for run_id in named if run_id is not None), None)


def replaced_by(message: str | None) -> uuid.UUID | None:
    """The run that has taken a run's place, from the message of its state; None where none has."""
    found = _MESSAGE.match(message or "")
    return uuid.UUID(found[1]) if found is not None else None


def takes_place_of(message: str | None) -> uuid.UUID | None:
    """The run whose place one takes, from the message of the state it is created in; None where it takes none."""
    found = _TAKES.match(message or "")
    return uuid.UUID(found[1]) if found is not None else None


def takes_place_message(run_id: uuid.UUID) -> str:
    """What the message of the state is that a run is created in which takes the place of another."""
    return f"takes the place of {run_id}"


def replaced_message(run_id: uuid.UUID, why: str) -> str:
    """What the message of a replaced run's state is.

    Args:
        run_id: of the run that takes its place.
        why: what was done.

    Returns:
        The sentence that ``replaced_by`` reads.
    """
    return f"Replaced by {run_id}: {why}"


def _uuid(text: str) -> uuid.UUID | None:
    return uuid.UUID(text) if re.fullmatch(_ID, text) else None
