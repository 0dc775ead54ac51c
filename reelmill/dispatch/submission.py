"""Jobs go in: checked, folded with what waits or runs already, many at once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple, TypedDict

from jsonschema import ValidationError as JSONSchemaError
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.states import Scheduled
from prefect.utilities.schema_tools.validation import CircularSchemaRefError, ValidationError, validate

from reelmill.dispatch.runs import duplicates
from reelmill.dispatch.server.connection import Connection, new_state
from reelmill.dispatch.server.deployments import Deployments
from reelmill.errors import PlatformError, UnknownName, UserError, WrongParameter
from reelmill.queue.job import canonical, resolve_lane
from reelmill.queue.job_variables import MAX_RETRIES, VRAM
from reelmill.queue.run_name import first_video, run_name

_AT_ONCE: Final = 100  # the most runs the server creates in one go
_ROUNDS: Final = 10
_KEY: Final = "key-"  # what the tag begins with that names the key a job was handed in under


@dataclass
class _Request:
    """One job to be created, or folded with one that does the same work."""

    name: str
    parameters: Mapping[str, Any]
    tag: str | None  # of the same work; None: never the same
    folds: bool  # whether the same work under way will do
    later: bool = False  # only what has not begun will do
    batch: str | None = None  # tag of the batch it belongs to
    given_key: str | None = None  # by whoever hands it in
    generation: int = 0
    run_id: uuid.UUID | None = None
    folded: bool = False  # its work was under way

    @property
    def key_tag(self) -> str | None:
        """Tag of work that folds and was handed in under a key: its idempotency key is that of the work."""
        return f"{_KEY}{duplicates.digest(self.given_key)[:12]}" if self.folds and self.given_key is not None else None

    @property
    def tags(self) -> list[str]:
        """Tags of a run that is created for it."""
        return [tag for tag in (self.tag, self.batch, self.key_tag) if tag is not None]

    @property
    def key(self) -> str | None:
        """Idempotency key, the same for two that submit the same at one instant.

        Prefect keeps used keys, so it counts up; but a batch hands in each job once, whatever became of it, and so does
        whoever gives a key to work that never folds.
        """
        if self.batch is not None:
            return f"{self.batch}:{duplicates.digest(self.parameters)}"
        return f"{self.tag}:{self.generation}" if self.folds else self.given_key

    def is_done_by(self, run: FlowRun) -> bool:
        """Whether this run, of the same work, will do; one of the same batch or key does, whatever became of it."""
        if self.was_handed_in_as(run):
            return True
        state = run.state
        return state is None or (state.is_scheduled() if self.later else not state.is_final())

    def was_handed_in_as(self, run: FlowRun) -> bool:
        """Whether this run, of the same work, was created when this very request was handed in before."""
        return not {self.batch, self.key_tag}.isdisjoint(run.tags)


class SubmittedRuns(NamedTuple):
    """What became of jobs that were handed in."""

    runs: list[FlowRun]  # one for each, the same one for the same work
    folded: set[uuid.UUID]  # those that were under way already


class SubmitOptions(TypedDict, total=False):
    """How jobs are submitted; an option that is left out keeps its deployment's value.

    pool: which of the job type's deployments; else the one that may use a GPU where there are two.
    priority: 1 (first) to 10; else 5.
    queue: the same said as live, default, batch or idle,
    level: and high, medium or low.
    vram_mb: GPU memory a job takes, in MB.
    max_retries: how often a job is tried again.
    force: a new job even if the same work is under way.
    delay: seconds before which a job does not start; it folds only with another such one that has not begun.
    keys: one for each job, unlike any other: handed in again under its key, as after a connection that broke, a job is
        the one that it was, unless it was folded with one that somebody else had handed in.
    file_names: of videos, by what the parameters call them: a job that is given an id is then named after the file.
    """

    pool: str | None
    priority: int | None
    queue: str | None
    level: str | None
    vram_mb: int | None
    max_retries: int | None
    force: bool
    delay: float | None
    keys: Sequence[str]
    file_names: Mapping[str, str]


class Submission:
    """Creates jobs in their lanes; ``Jobs`` documents each operation."""

    def __init__(self, connection: Connection):
        self._connection, self._deployments = connection, Deployments(connection)

    def submit_many(
        self,
        job_type: str,
        parameters: Sequence[Mapping[str, Any]],
        options: SubmitOptions,
        batch: str | None = None,
    ) -> SubmittedRuns:
        """See ``Jobs.submit_many``.

        Args:
            job_type: name of the job type.
            parameters: of its flow, for each job.
            options: for all of them.
            batch: tag of the batch that they belong to. Handed in again for the same batch, a job is the one that it
                was, even if that is over.

        Returns:
            A run for each; one without the tag of the batch was under way already.
        """
        _check_names(options)
        job_type = canonical(job_type)
        # Prefect creates a queue of an unknown name without a word, so the lane is checked here.
        lane = resolve_lane(options.get("priority"), options.get("queue"), options.get("level"))
        variables = _variables({VRAM: options.get("vram_mb"), MAX_RETRIES: options.get("max_retries")})
        deployment = self._deployments.of(job_type, options.get("pool"))
        requests = [self._checked(job_type, deployment, given, options) for given in parameters]
        for request in requests:
            request.batch = batch
        for request, key in zip(requests, options.get("keys", ()), strict=False):
            request.given_key = key
        # What the deployment has anyway, and what we have checked, the server need not look up for each of them.
        shared: dict[str, Any] = {"enforce_parameter_schema": False}
        if lane != deployment.work_queue_name:
            shared["work_queue_name"] = lane
        if variables:
            shared["job_variables"] = variables
        if (delay := options.get("delay")) is not None:
            at = self._connection.clock.now() + timedelta(seconds=delay)
            shared["state"] = new_state(Scheduled(scheduled_time=at))
        runs: dict[uuid.UUID, FlowRun] = {}
        for start in range(0, len(requests), _AT_ONCE):
            runs |= self._submit(deployment, requests[start : start + _AT_ONCE], shared)
        ids = [request.run_id for request in requests if request.run_id is not None]
        missing = [run_id for run_id in ids if run_id not in runs]
        runs |= {run.id: run for run in self._connection.read_runs(missing)}
        folded = {request.run_id for request in requests if request.folded and request.run_id is not None}
        return SubmittedRuns([runs[run_id] for run_id in ids], folded)

    def job_types(self) -> list[str]:
        """See ``Intake.job_types``."""
        return self._deployments.job_types()

    def schema(self, job_type: str, pool: str | None) -> dict[str, Any]:
        """See ``Jobs.schema``."""
        return self._deployments.of(canonical(job_type), pool).parameter_openapi_schema or {}

    def check(self, job_type: str, parameters: Mapping[str, Any], options: SubmitOptions) -> None:
        """Raise what ``submit_many`` would of a job like this; nothing is submitted."""
        self.submit_many(job_type, [], options)
        deployment = self._deployments.of(canonical(job_type), options.get("pool"))
        self._checked(canonical(job_type), deployment, parameters, options)

    def refusals(
        self, job_type: str, parameters: Sequence[Mapping[str, Any]], options: SubmitOptions
    ) -> list[UserError | None]:
        """See ``Intake.refusals``."""
        self.submit_many(job_type, [], options)
        job_type = canonical(job_type)
        deployment = self._deployments.of(job_type, options.get("pool"))
        return [_refusal(job_type, deployment, given) for given in parameters]

    def _checked(
        self, job_type: str, deployment: DeploymentResponse, given: Mapping[str, Any], options: SubmitOptions
    ) -> _Request:
        check_parameters(job_type, deployment, given)
        schema = deployment.parameter_openapi_schema or {}
        parameters = duplicates.complete_parameters(schema, deployment.parameters, given)
        tag = duplicates.work_tag(job_type, parameters, duplicates.declared(job_type, schema))
        later = options.get("delay") is not None
        if tag is not None and later:  # who asks for it now does not wait for that one
            tag += duplicates.LATER
        name = run_name(job_type, parameters, options.get("file_names", {}).get(first_video(parameters) or ""))
        return _Request(name, given, tag, folds=tag is not None and not options.get("force", False), later=later)

    def _submit(
        self, deployment: DeploymentResponse, requests: Sequence[_Request], shared: Mapping[str, Any]
    ) -> dict[uuid.UUID, FlowRun]:
        """Fold what is the same, create the rest, and check whether a key led to a job that is over.

        Args:
            deployment: whose runs they are.
            requests: at most as many as the server creates at once; the id of each one's run is set.
            shared: what they have in common.

        Returns:
            The runs that were read on the way, by id.

        Raises:
            PlatformError: the server creates none of a request's runs, again and again.
        """
        runs: dict[uuid.UUID, FlowRun] = self._fold(deployment, requests)
        refusal = "the same work was handed in and ended over and over"
        for _ in range(_ROUNDS):
            new = [request for request in requests if request.run_id is None]
            if not new:
                return runs
            refused = self._create(deployment, new, shared)
            if refused is not None:
                # Somebody creates the same many in another order, and the database ended the lock they had on each
                # other by undoing us. In the order of the keys that cannot happen twice.
                refusal, requests = refused, sorted(requests, key=lambda request: request.key or "")
            ids = [request.run_id for request in new if request.run_id is not None]
            created = {run.id: run for run in self._connection.read_runs(ids)}
            for request in new:
                run = created.get(request.run_id) if request.run_id is not None else None
                if run is None:  # its transaction was undone
                    request.run_id = None
                elif request.folds and request.run_id not in runs and not request.is_done_by(run):
                    request.generation, request.run_id = request.generation + 1, None
            runs |= created
        raise PlatformError(f"The Prefect server does not take the job: {refusal}; try again.")

    def _fold(self, deployment: DeploymentResponse, requests: Sequence[_Request]) -> dict[uuid.UUID, FlowRun]:
        """Set the run of each request whose work is under way, and the generation of the others; those runs by id."""
        wanted: dict[str, _Request] = {}
        for request in requests:
            if request.folds and request.tag is not None:  # of the same work the first is created, and has the key
                wanted.setdefault(request.tag, request)
        known = self._known(wanted)
        keyed = [request for request in requests if not request.folds and request.given_key is not None]
        runs = self._find_keys(deployment.flow_id, keyed) if keyed else {}
        for request in requests:
            if request.folds and request.tag in known:
                request.generation, alive = known[request.tag]
                if alive is not None:
                    runs[alive.id] = alive
                    request.run_id, request.folded = alive.id, True
        return runs

    def _known(self, wanted: Mapping[str, _Request]) -> dict[str, tuple[int, FlowRun | None]]:
        """Count for each tag the jobs that have had it, and find one that will do.

        Both come from one reading: two that hand in at the same instant must not meet different generations.

        Args:
            wanted: a request for each tag of the work.

        Returns:
            For each tag that some job has had: the generation of the next, and a run that will do.
        """
        body = {"flow_runs": {"tags": {"any_": sorted(wanted)}}}
        seen = {run.id: run for run in self._connection.filter_runs(body)} if wanted else {}
        known: dict[str, tuple[int, FlowRun | None]] = {}
        for run in seen.values():
            for tag in wanted.keys() & set(run.tags):
                count, alive = known.get(tag, (0, None))
                generation = max(count, _generation(run, tag)) + 1
                better = wanted[tag].is_done_by(run) and (alive is None or wanted[tag].was_handed_in_as(run))
                known[tag] = (generation, run if better else alive)
        return known

    def _find_keys(self, flow_id: uuid.UUID, requests: Sequence[_Request]) -> dict[uuid.UUID, FlowRun]:
        """Set the run of each request whose key was used before; those runs by id."""
        keys = sorted({request.key for request in requests if request.key is not None})
        spec = {"flow_runs": {"idempotency_key": {"any_": keys}}}
        found = [run for run in self._connection.filter_runs(spec) if run.flow_id == flow_id] if keys else []
        by_key = {run.idempotency_key: run.id for run in found}
        for request in requests:
            request.run_id = by_key.get(request.key)
            request.folded = request.run_id is not None
        return {run.id: run for run in found}

    def _create(self, deployment: DeploymentResponse, new: Sequence[_Request], shared: Mapping[str, Any]) -> str | None:
        """Create runs in their order, one for each key; the id of each request's run is set.

        Args:
            deployment: whose runs they are.
            new: requests without a run.
            shared: what they have in common.

        Returns:
            The server's reason where it refused one of them.
        """
        by_key: dict[str, list[_Request]] = {}
        for number, request in enumerate(new):
            by_key.setdefault(request.key or str(number), []).append(request)
        bodies = [
            {
                **shared,
                "name": first.name,
                "parameters": dict(first.parameters),
                "tags": first.tags,
                "idempotency_key": first.key,
            }
            for first, *_ in by_key.values()
        ]
        path = f"/deployments/{deployment.id}/create_flow_run/bulk"
        response = self._connection.request("POST", path, bodies)
        refusal = None
        for requests, result in zip(by_key.values(), response["results"], strict=True):
            refusal = result.get("error") or refusal
            for request in requests:
                request.run_id = uuid.UUID(result["flow_run_id"]) if result["status"] == "CREATED" else None
        return refusal


def _refusal(job_type: str, deployment: DeploymentResponse, given: Mapping[str, Any]) -> UserError | None:
    try:
        check_parameters(job_type, deployment, given)
    except UserError as error:
        return error
    return None


def _generation(run: FlowRun, tag: str) -> int:
    """The generation in a run's key: of those before it some may have been cleared away, so counting is not enough."""
    name, _, number = (run.idempotency_key or "").rpartition(":")
    return int(number) if name == tag and number.isdecimal() else 0


def check_parameters(job_type: str, deployment: DeploymentResponse, given: Mapping[str, Any]) -> None:
    """Refuse parameters that a job type does not take (pure).

    Args:
        job_type: its name.
        deployment: of the job type.
        given: what a job is to be submitted with.

    Raises:
        UnknownName: there is no such parameter.
        WrongParameter: it takes no such value.
    """
    schema = deployment.parameter_openapi_schema or {}
    known = schema.get("properties", {})
    strange = [name for name in given if name not in known]
    if strange:  # the server lets these pass, and the flow fails over them
        takes = ", ".join(known) or "none"
        raise UnknownName(f"{job_type} has no parameter {strange[0]!r}; it takes {takes}.", strange[0], tuple(known))
    try:
        validate({**deployment.parameters, **given}, schema, raise_on_error=True)
    except (ValidationError, CircularSchemaRefError) as error:
        message = f"{job_type} does not take these parameters: {error}"
        raise WrongParameter(message, _wrong_parameter(error.__cause__)) from error


def _wrong_parameter(error: BaseException | None) -> str:
    """Which parameter a schema's validator means; one that is missing stands in its message alone."""
    if not isinstance(error, JSONSchemaError):
        return ""
    if error.absolute_path:
        return str(error.absolute_path[0])
    wanted = error.validator_value if error.validator == "required" else ()
    return next((str(name) for name in wanted if name not in error.instance), "")


def _check_names(options: SubmitOptions) -> None:
    strange = options.keys() - SubmitOptions.__annotations__.keys()
    if strange:
        known = ", ".join(SubmitOptions.__annotations__)
        raise TypeError(f"There is no option {' or '.join(sorted(strange))}; there are {known}.")


def _variables(given: Mapping[str, int | None]) -> dict[str, int]:
    for name, value in given.items():
        if value is not None and value < 0:
            raise WrongParameter(f"{name} is {value}; it must be 0 or more.", name, value)
    return {name: value for name, value in given.items() if value is not None}
