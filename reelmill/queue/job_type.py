"""What a job type declares of itself, on its operation, beside its parameters (pure).

The declaration travels to the Prefect server in the schema of one of the flow's parameters, which every way of
deploying takes from the flow's signature. There whoever submits jobs finds it, without the code of the job type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

#: The key of the declaration in a parameter's schema; JSON schema leaves keys that it does not know alone.
KEY: Final = "x-job-type"


def deployment_names(job_type: str, pool: str) -> tuple[str, str]:
    """What a job type's deployment in a pool may be called: as the job type, or as both where it has several pools."""
    return job_type, f"{job_type}-{pool}"


@dataclass(frozen=True)
class JobType:
    """Declared as ``JOB_TYPE`` by an operation that is not as the defaults say.

    Example:
        A pick at random is other work each time, unless the seed or the videos are given::

            JOB_TYPE = JobType(folder=COMPILATIONS, repeats=True, unless_given=("seed", "video_ids"))

        and in the flow: ``seed: Annotated[int | None, Field(json_schema_extra=JOB_TYPE.in_schema)] = None``.
    """

    folder: str = ""  # what it makes goes there, under the media root; empty: it makes no files
    repeats: bool = False  # submitted again with the same parameters it is new work; else it folds with the first
    unless_given: tuple[str, ...] = ()  # parameters each of which makes it the same work after all

    @property
    def in_schema(self) -> dict[str, Any]:
        """What it adds to the schema of a parameter: how it repeats."""
        return {KEY: {"repeats": self.repeats, "unless_given": list(self.unless_given)}}

    @classmethod
    def from_schema(cls, schema: Mapping[str, Any]) -> Self | None:
        """The declaration, without the folder, that a flow's parameters carry.

        Args:
            schema: of the flow's parameters, as OpenAPI has it.

        Returns:
            The declaration; None where none of them carries one.
        """
        for about in (schema.get("properties") or {}).values():
            if KEY in about:
                declared = about[KEY]
                return cls(repeats=declared["repeats"], unless_given=tuple(declared["unless_given"]))
        return None

    def is_new_work(self, parameters: Mapping[str, Any]) -> bool:
        """Whether a job with these parameters is other work than one with the same before it.

        Args:
            parameters: all of the job, defaults included.

        Returns:
            False where the two fold.
        """
        given = any(parameters.get(name) not in (None, [], ()) for name in self.unless_given)
        return self.repeats and not given
