"""One job over several runs: each change of lane makes a new run, and the job keeps the id of its first (pure).

Prefect cannot move a run, so that another takes its place. Which belong together stands on the runs themselves:

* the label ``reelmill.job`` of each later run is the id of the first, the job's public id;
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

#: What the tag begins with that names the run which a run replaces.
REPLACES: Final = "replaces:"

#: State, of type CANCELLED, of a run whose place another has taken.
REPLACED: Final = "Replaced"

_ID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MESSAGE: Final = re.compile(rf"Replaced by ({_ID})")


def public_id(run_id: uuid.UUID, labels: Mapping[str, Any]) -> uuid.UUID:
    """The id of the job that a run is of: that of the first run which stood for it.

    Args:
        run_id: of the run.
        labels: of the run.

    Returns:
        The job's id, which it keeps; the run's own where it has replaced none.
    """
    return _uuid(str(labels.get(JOB_LABEL, ""))) or run_id


def replaces(tags: Iterable[str]) -> uuid.UUID | None:
    """The run before this one, from its tags; None for the first."""
    named = (_uuid(tag.removeprefix(REPLACES)) for tag in tags if tag.startswith(REPLACES))
    return next((run_id for run_id in named if run_id is not None), None)


def replaced_by(message: str | None) -> uuid.UUID | None:
    """The run that has taken a run's place, from the message of its state; None where none has."""
    found = _MESSAGE.match(message or "")
    return uuid.UUID(found[1]) if found is not None else None


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
