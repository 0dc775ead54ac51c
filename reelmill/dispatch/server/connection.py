"""The Prefect server as the dispatcher uses it: one client, whole lists, and errors that people can read."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any, Concatenate, Final, Literal, ParamSpec, TypeVar

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import LogCreate
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from reelmill.clock import Clock
from reelmill.errors import PlatformError, UnknownName, UserError

#: The most items of a list that the server returns at once.
PAGE: Final = 200

#: What OpenSSL calls a certificate that it does not trust.
_UNTRUSTED: Final = "CERTIFICATE_VERIFY_FAILED"

Arguments = ParamSpec("Arguments")
Item = TypeVar("Item")
Returned = TypeVar("Returned")
Self_ = TypeVar("Self_")


def translates_errors(
    method: Callable[Concatenate[Self_, Arguments], Returned],
) -> Callable[Concatenate[Self_, Arguments], Returned]:
    """For every public operation: an error between us and the server is raised as one of our own."""

    @wraps(method)
    def translated(self: Self_, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Returned:
        with server_errors():
            return method(self, *args, **kwargs)

    return translated


@contextmanager
def server_errors() -> Iterator[None]:
    """Raise what goes wrong between us and the server as an error of our own.

    Yields:
        Nothing.

    Raises:
        PlatformError: the server is away or in trouble.
        UserError: it refuses.
    """
    try:
        yield
    except (httpx.TransportError, PrefectHTTPStatusError) as error:
        ours = _translated(error)
        raise ours from error
    except ObjectNotFound as error:  # deleted between two of our questions
        raise UserError("What this is about has just been deleted from the Prefect server; look again.") from error


def _translated(error: httpx.TransportError | PrefectHTTPStatusError) -> PlatformError | UserError:
    if isinstance(error, httpx.TransportError):
        if _UNTRUSTED in str(error):
            return PlatformError(
                f"The Prefect server's certificate is not trusted here ({error}): set PREFECT_API_SSL_CERT_FILE to the "
                "file of its CA, and PREFECT_API_URL to the name that the certificate is for."
            )
        return PlatformError("The Prefect server does not answer; is the site up? (`reelmill up`)")
    code = error.response.status_code
    if code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return PlatformError(
            f"The Prefect server is in trouble (HTTP {code}); its log says more. Try again in a while."
        )
    if code == httpx.codes.UNAUTHORIZED:
        return UserError(
            "The Prefect server asks for a login: set PREFECT_API_AUTH_STRING to what `reelmill login` prints there."
        )
    detail = _detail(error.response).strip() or "without a reason; is PREFECT_API_URL that of a Prefect server?"
    return UserError(f"The Prefect server refuses (HTTP {code}): {detail}")


def _detail(response: httpx.Response) -> str:
    """The server's reason for a refusal."""
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text


def read_pages(read: Callable[[int, int], Sequence[Item]], at_most: int | None = None) -> list[Item]:
    """Read one of the server's lists to its end.

    Args:
        read: one page of it, from its limit and its offset.
        at_most: so many items; None: all.

    Returns:
        The items in the server's order.
    """
    items: list[Item] = []
    while True:
        limit = PAGE if at_most is None else min(PAGE, at_most - len(items))
        page = read(limit, len(items)) if limit > 0 else ()
        items += page
        if len(page) < limit or limit <= 0:
            return items


class Connection:
    """The server's routes that more than one service needs, over Prefect's own client."""

    def __init__(self, client: SyncPrefectClient, clock: Clock):
        self.client, self.clock = client, clock

    def request(self, method: Literal["POST", "PATCH"], path: Any, body: Any) -> Any:
        """Call one of the server's routes that the client has no method for.

        Args:
            method: of HTTP.
            path: from the API's root.
            body: sent as JSON.

        Returns:
            The response's JSON, None where it is empty.
        """
        response = self.client.request(method, path, json=body)
        return response.json() if response.content else None

    def post(self, path: str, **body: Any) -> Any:
        """The response to a POST whose body has these fields."""
        return self.request("POST", path, body)

    def pool_ids(self) -> set[uuid.UUID]:
        """The ids of the server's pools, by which its database is known."""
        read = self.client.read_work_pools
        return {pool.id for pool in read_pages(lambda limit, offset: read(limit=limit, offset=offset))}

    def read_run(self, job_id: uuid.UUID) -> FlowRun:
        """Read one run.

        Returns:
            The run.

        Raises:
            UnknownName: no job has this id.
        """
        try:
            return self.client.read_flow_run(job_id)
        except ObjectNotFound as error:
            raise UnknownName(f"No job has the id {job_id}.", str(job_id)) from error

    def read_runs(self, job_ids: Iterable[uuid.UUID]) -> list[FlowRun]:
        """Those of these runs that exist, in no order."""
        ids = list(dict.fromkeys(job_ids))
        runs: list[FlowRun] = []
        for start in range(0, len(ids), PAGE):
            chosen = FlowRunFilter(id=FlowRunFilterId(any_=ids[start : start + PAGE]))
            runs += self.client.read_flow_runs(flow_run_filter=chosen, limit=PAGE)
        return runs

    def filter_runs(self, body: dict[str, Any]) -> list[FlowRun]:
        """Every run that a filter chooses.

        Args:
            body: the filters and the order, as the server takes them.

        Returns:
            The runs in the server's order.
        """
        found = read_pages(lambda limit, offset: self.post("/flow_runs/filter", **body, limit=limit, offset=offset))
        return [FlowRun.model_validate(run) for run in found]

    def set_state_if(
        self, job_id: uuid.UUID, in_types: Iterable[str], state: State[Any], *, force: bool = False, named: str = ""
    ) -> bool:
        """Set a run's state only while its present one is of these types (and, where given, of this name).

        The server compares and writes itself, milliseconds apart, where reading first and setting after would leave a
        started run time to get away.

        Args:
            job_id: of the run.
            in_types: of its present state.
            state: the new one.
            force: past the server's own rules.
            named: name of its present state; empty: any.

        Returns:
            Whether the state was set.
        """
        present: dict[str, Any] = {"type": {"any_": list(in_types)}}
        if named:
            present["name"] = {"any_": [named]}
        response = self.post(
            "/flow_runs/bulk_set_state",
            flow_runs={"id": {"any_": [str(job_id)]}, "state": present},
            state=new_state(state),
            force=force,
            limit=1,
        )
        return [result["status"] for result in response["results"]] == ["ACCEPT"]

    def log_line(self, job_ids: Iterable[uuid.UUID], text: str) -> None:
        """Write a line into the logs of jobs; what it reports has been done, so that nothing fails without it.

        Args:
            job_ids: the jobs.
            text: the line.
        """
        now = self.clock.now()
        lines = [
            LogCreate(name="reelmill.control", level=logging.INFO, message=text, timestamp=now, flow_run_id=job_id)
            for job_id in job_ids
        ]
        if lines:
            with suppress(httpx.TransportError, PrefectHTTPStatusError):
                self.client.create_logs(lines)

    def forget_process(self, run: FlowRun) -> None:
        """Clear the dead process's id on a run: with it, the server would wait for somebody to kill that process."""
        if run.infrastructure_pid is not None:
            self.request("PATCH", f"/flow_runs/{run.id}", {"infrastructure_pid": None})


def new_state(state: State[Any]) -> dict[str, Any]:
    """A state as the server takes it."""
    return {
        "type": state.type.value,
        "name": state.name,
        "message": state.message,
        "state_details": state.state_details.model_dump(mode="json", exclude_none=True),
    }
