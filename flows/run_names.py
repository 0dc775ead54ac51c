"""What a run is called in the Prefect UI: as the job that it is, unless a person has named it."""

from __future__ import annotations

from prefect.context import FlowRunContext

from reelmill.operations.video_name import file_name
from reelmill.queue.run_name import chosen_by_a_person, first_video, run_name


def job_run_name() -> str:
    """The name of the run that begins, for ``flow_run_name``.

    Prefect calls this in the run's process each time before the run is Running, and gives the run whatever it
    returns; so a name that a person gave, or that the run has had since it was submitted, is returned as it is.

    Returns:
        The name.
    """
    run = FlowRunContext.get()
    assert run is not None
    assert run.flow is not None
    assert run.flow_run is not None
    job_type, parameters = run.flow.name, run.parameters or {}
    if chosen_by_a_person(run.flow_run.name, job_type, parameters):
        return run.flow_run.name
    video = first_video(parameters)
    return run_name(job_type, parameters, None if video is None else file_name(video))
