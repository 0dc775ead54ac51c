"""Jobs go in: checked, folded with what waits or runs already, many at once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound
from prefect.utilities.schema_tools.validation import CircularSchemaRefError, ValidationError, validate

from reelmill import jobs
from reelmill.dispatch import duplicates
from reelmill.dispatch.connection import PAGE, Connection, told
from reelmill.errors import PlatformError, UserError
from reelmill.jobs import Job

_PREFERRED_POOLS: Final = ("gpu_encode", "gpu_ai", "cpu")
_AT_ONCE: Final = 100  # the most runs the server creates in one go
_ROUNDS: Final = 10


@dataclass
class _Asked:
    """One job that was handed in."""

    parameters: Mapping[str, Any]
    tag: str | None  # of the same work; None: never the same
    folds: bool  # whether the same work under way will do
    generation: int = 0
    run_id: uuid.UUID | None = None

    @property
    def key(self) -> str | None:
        """Two that hand in the same at the same instant find the same key; Prefect keeps used keys, so it counts up."""
        return f"{self.tag}:{self.generation}" if self.folds else None


class Submission(Connection):
    """Putting jobs into their lanes."""

    def submit(
        self,
        job_type: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        pool: str | None = None,
        priority: int | None = None,
        queue: str | None = None,
        level: str | None = None,
        vram_mb: int | None = None,
        max_retries: int | None = None,
        force: bool = False,
    ) -> Job:
        """Put a job into its lane; answers with the one that does the same work and waits or runs, if there is one.

        Args:
            job_type: name of the job type, an older one included.
            parameters: of its flow.
            pool: which of its deployments; None takes the one that may use a GPU where there are two.
            priority: 1 (first) to 10; 5 unless said.
            queue: the same said as live, default, batch or idle,
            level: and high, medium or low.
            vram_mb: GPU memory it takes, in MB; None: what its deployment says.
            max_retries: how often it is tried again; None: what its deployment says.
            force: a new job even if the same work is under way.

        Raises:
            UserError: no such job type, pool or lane, or parameters the flow does not take.
            PlatformError: the server is away.
        """
        return self.submit_many(
            job_type,
            [parameters or {}],
            pool=pool,
            priority=priority,
            queue=queue,
            level=level,
            vram_mb=vram_mb,
            max_retries=max_retries,
            force=force,
        )[0]

    @told
    def submit_many(
        self,
        job_type: str,
        parameters: Sequence[Mapping[str, Any]],
        *,
        pool: str | None = None,
        priority: int | None = None,
        queue: str | None = None,
        level: str | None = None,
        vram_mb: int | None = None,
        max_retries: int | None = None,
        force: bool = False,
    ) -> list[Job]:
        """Put many jobs of one type into a lane, in order; either all are taken or, where one is wrong, none.

        Answers with a job for each of the list, the same one for the same work. The arguments are those of ``submit``.

        Raises:
            UserError: as ``submit``; of wrong parameters the first are named.
            PlatformError: the server is away.
        """
        job_type = jobs.canonical(job_type)
        # Prefect creates a queue of an unknown name without a word, so the lane is checked here.
        lane = jobs.resolve_lane(priority, queue, level)
        variables = _variables(vram_mb, max_retries)
        deployment = self._deployment(job_type, pool)
        asked = [self._checked(job_type, deployment, given, force) for given in parameters]
        # What the deployment says anyway, and what we have checked, the server need not look up for each of them.
        fixed: dict[str, Any] = {"enforce_parameter_schema": False}
        if lane != deployment.work_queue_name:
            fixed["work_queue_name"] = lane
        if variables:
            fixed["job_variables"] = variables
        runs: dict[uuid.UUID, FlowRun] = {}
        for start in range(0, len(asked), _AT_ONCE):
            self._hand_in(deployment, asked[start : start + _AT_ONCE], fixed, runs)
        ids = [one.run_id for one in asked if one.run_id is not None]
        missing = [run_id for run_id in ids if run_id not in runs]
        runs |= {run.id: run for run in self._runs(missing)}
        return self._jobs([runs[run_id] for run_id in ids])

    def _checked(self, job_type: str, deployment: DeploymentResponse, given: Mapping[str, Any], force: bool) -> _Asked:
        schema = deployment.parameter_openapi_schema or {}
        known = schema.get("properties", {})
        strange = [name for name in given if name not in known]
        if strange:  # the server lets these pass, and the flow fails over them
            raise UserError(f"{job_type} has no parameter {strange[0]!r}; it takes {', '.join(known) or 'none'}.")
        try:
            validate({**deployment.parameters, **given}, schema, raise_on_error=True)
        except (ValidationError, CircularSchemaRefError) as error:
            raise UserError(f"{job_type} does not take these parameters: {error}") from error
        whole = duplicates.whole(schema, deployment.parameters, given)
        tag = duplicates.same(job_type, whole)
        return _Asked(given, tag, folds=tag is not None and not force)

    def _hand_in(
        self,
        deployment: DeploymentResponse,
        asked: Sequence[_Asked],
        fixed: Mapping[str, Any],
        runs: dict[uuid.UUID, FlowRun],
    ) -> None:
        """Fold what is the same, create the rest, and look whether a key led to a job that is over.

        Args:
            deployment: whose runs they are.
            asked: at most as many as the server creates at once.
            fixed: what they have in common.
            runs: of those found; filled.
        """
        folding = {one.tag: one for one in asked if one.folds and one.tag is not None}
        known = self._known(set(folding))
        for one in asked:
            if one.folds and one.tag in known:
                one.generation, alive = known[one.tag]
                if alive is not None:
                    runs[alive.id] = alive
                    one.run_id = alive.id
        refusal = "the same work was handed in and ended over and over"
        for _ in range(_ROUNDS):
            new = [one for one in asked if one.run_id is None]
            if not new:
                return
            refused = self._create(deployment, new, fixed)
            if refused is not None:
                # Somebody creates the same many in another order, and the database ended the lock they had on each
                # other by undoing us. In the order of the keys that cannot happen twice.
                refusal, asked = refused, sorted(asked, key=lambda one: one.key or "")
            found = {run.id: run for run in self._runs(one.run_id for one in new if one.run_id is not None)}
            for one in new:
                run = found.get(one.run_id) if one.run_id is not None else None
                if run is None:  # its transaction was undone
                    one.run_id = None
                elif one.folds and one.run_id not in runs and _over(run):
                    one.generation, one.run_id = one.generation + 1, None
            runs |= found
        raise PlatformError(f"The Prefect server does not take the job: {refusal}; try again.")

    def _known(self, tags: set[str]) -> dict[str, tuple[int, FlowRun | None]]:
        """For each tag how many jobs have had it, which is the generation of the next, and one that is not over.

        Both from one reading: two that hand in at the same instant must not meet different generations.
        """
        seen: dict[uuid.UUID, FlowRun] = {}
        page, pages = 1, 1 if tags else 0
        while page <= pages:
            answer = self._ask("/flow_runs/paginate", limit=PAGE, page=page, flow_runs={"tags": {"any_": sorted(tags)}})
            seen |= {run.id: run for run in map(FlowRun.model_validate, answer["results"])}
            page, pages = page + 1, answer["pages"]
        known: dict[str, tuple[int, FlowRun | None]] = {}
        for run in seen.values():
            for tag in tags & set(run.tags):
                count, alive = known.get(tag, (0, None))
                known[tag] = (count + 1, alive if _over(run) else run)
        return known

    def _create(self, deployment: DeploymentResponse, new: Sequence[_Asked], fixed: Mapping[str, Any]) -> str | None:
        """Create them in their order, one for each key; answers with what the server had against one of them."""
        places: dict[str, list[_Asked]] = {}
        for number, one in enumerate(new):
            places.setdefault(one.key or str(number), []).append(one)
        bodies = [
            {
                **fixed,
                "parameters": dict(ones[0].parameters),
                "tags": [ones[0].tag] if ones[0].tag is not None else [],
                "idempotency_key": ones[0].key,
            }
            for ones in places.values()
        ]
        path = f"/deployments/{deployment.id}/create_flow_run/bulk"
        answer = self._request("POST", path, bodies)
        refusal = None
        for ones, result in zip(places.values(), answer["results"], strict=True):
            refusal = result.get("error") or refusal
            for one in ones:
                one.run_id = uuid.UUID(result["flow_run_id"]) if result["status"] == "CREATED" else None
        return refusal

    def _deployment(self, job_type: str, pool: str | None) -> DeploymentResponse:
        for name in (pool,) if pool is not None else _PREFERRED_POOLS:
            try:
                return self._client.read_deployment_by_name(f"{job_type}/{name}")
            except ObjectNotFound:
                continue
        where = "" if pool is None else f" in the pool {pool}"
        raise UserError(
            f"No job type {job_type!r} is deployed{where}; `reelmill deploy` deploys what prefect.yaml lists."
        )


def _over(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


def _variables(vram_mb: int | None, max_retries: int | None) -> dict[str, int]:
    given = {jobs.VRAM: vram_mb, jobs.MAX_RETRIES: max_retries}
    for name, value in given.items():
        if value is not None and value < 0:
            raise UserError(f"{name} is {value}; it must be 0 or more.")
    return {name: value for name, value in given.items() if value is not None}
