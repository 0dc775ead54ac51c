"""Jobs handed in on a running site whose pools take nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TypeVar

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.states import Completed

from reelmill.dispatch import Dispatcher, JobFilter, dispatcher
from reelmill.errors import UnknownName, WrongParameter
from reelmill.queue.job import JobStatus
from tests.refusals import refused

pytestmark = pytest.mark.site

Returned = TypeVar("Returned")


def _at_once(asking: Sequence[Callable[[], Returned]]) -> list[Returned]:
    """Each in a thread, with the settings of this one, which say where the site is."""
    with ThreadPoolExecutor(len(asking)) as threads:
        return [asked.result() for asked in [threads.submit(copy_context().run, each) for each in asking]]


def _video() -> dict[str, str]:
    return {"video_id": str(uuid.uuid4())}


def test_a_job_carries_what_was_asked(prefect: Dispatcher) -> None:
    job = prefect.jobs.submit("reencode_streaming", _video(), queue="batch", level="low", vram_mb=123, max_retries=1)
    assert (job.type, job.pool, job.lane, job.priority) == ("reencode", "gpu_encode", "batch-low", 9)
    assert (job.vram_mb, job.max_retries, job.status) == (123, 1, JobStatus.PENDING)
    other = prefect.jobs.submit("reencode", _video(), pool="cpu", priority=1)
    assert (other.pool, other.lane, other.vram_mb) == ("cpu", "live-high", 0)
    assert prefect.jobs.submit("reencode", _video()).vram_mb == 4000  # its deployment's
    assert other.parameters["encoder"] == "x264"


@pytest.mark.parametrize(
    ("job_type", "parameters", "options", "refusal"),
    [
        ("dance", {}, {}, refused(UnknownName, name="dance")),
        ("validate", {}, {"pool": "gpu_ai"}, refused(UnknownName, name="validate")),
        ("validate", {}, {}, refused(WrongParameter, parameter="video_id")),
        (
            "validate",
            {"video_id": "x", "speed": 3},
            {},
            refused(UnknownName, name="speed", known=("depth", "video_id")),
        ),
        ("validate", {"video_id": "x"}, {"queue": "urgent"}, refused(UnknownName, name="urgent")),
        ("validate", {"video_id": "x"}, {"priority": 3, "level": "low"}, refused(WrongParameter, parameter="priority")),
        ("validate", {"video_id": "x"}, {"vram_mb": -1}, refused(WrongParameter, parameter="vram_mb", value=-1)),
    ],
)
def test_what_makes_no_sense_is_refused(
    prefect: Dispatcher, job_type: str, parameters: dict[str, object], options: dict[str, object], refusal: refused
) -> None:
    with refusal:
        prefect.jobs.submit(job_type, parameters, **options)  # type: ignore[arg-type]


def test_the_same_work_is_one_job_until_it_is_over(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    asked = _video()
    first = prefect.jobs.submit("validate", asked)
    assert prefect.jobs.submit("validate", {**asked, "depth": "quick"}).id == first.id  # the default, said aloud
    assert prefect.jobs.submit("validate", {**asked, "depth": "full"}).id != first.id
    assert prefect.jobs.submit("validate", asked, force=True).id != first.id
    for job in prefect.jobs.search(JobFilter(tag=next(tag for tag in first.tags if tag.startswith("same-")))).jobs:
        client.set_flow_run_state(job.id, Completed(), force=True)
    second = prefect.jobs.submit("validate", asked)
    assert second.status is JobStatus.PENDING
    assert second.id != first.id


def test_a_pick_without_a_seed_is_never_the_same(prefect: Dispatcher) -> None:
    assert prefect.jobs.submit("compile_quad").id != prefect.jobs.submit("compile_quad").id
    assert prefect.jobs.submit("compile_quad", {"seed": 7}).id == prefect.jobs.submit("compile_quad", {"seed": 7}).id


def test_those_who_ask_at_the_same_instant_get_one_job(prefect: Dispatcher, client: SyncPrefectClient) -> None:
    asked = _video()

    def submit() -> uuid.UUID:
        with dispatcher() as own:
            return own.jobs.submit("validate", asked).id

    (first,) = set(_at_once([submit] * 8))
    client.set_flow_run_state(first, Completed(), force=True)
    (again,) = set(_at_once([submit] * 8))  # the key of the first is used up
    assert again != first


def test_many_at_once_are_folded_and_keep_their_order(prefect: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = _video()
    before = prefect.jobs.submit("validate", waiting)
    monkeypatch.setattr("reelmill.dispatch.submission._AT_ONCE", 4)  # the server's own limit is 100
    new = [_video() for _ in range(11)]
    taken = prefect.jobs.submit_many("validate", [*new, waiting, new[0]], priority=9)
    assert taken[11].id == before.id
    assert taken[12].id == taken[0].id
    assert [job.parameters["video_id"] for job in taken[:11]] == [asked["video_id"] for asked in new]
    due = [job.scheduled for job in taken[:11] if job.scheduled is not None]
    assert due == sorted(due)
    assert len(due) == 11
    assert {job.lane for job in taken[:11]} == {"batch-low"}
    assert prefect.jobs.submit_many("validate", []) == []


def test_many_with_a_wrong_one_are_not_taken_at_all(prefect: Dispatcher) -> None:
    before = prefect.jobs.search().total
    with refused(WrongParameter, parameter="video_id"):
        prefect.jobs.submit_many("validate", [_video(), {"video_id": 7}])
    assert prefect.jobs.search().total == before


def test_two_that_hand_in_the_same_many_in_other_orders_share_the_jobs(prefect: Dispatcher) -> None:
    many = [_video() for _ in range(15)]

    def submit(given: list[dict[str, str]]) -> set[uuid.UUID]:
        with dispatcher() as own:
            return {job.id for job in own.jobs.submit_many("validate", given)}

    one, other = _at_once([partial(submit, many), partial(submit, many[::-1])])
    assert one == other
    assert len(one) == 15
