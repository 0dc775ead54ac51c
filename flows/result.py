"""How a flow ends: its result as one result card, on its run's page and in its log."""

from __future__ import annotations

from functools import partial
from typing import TypeVar, cast

from prefect.states import Completed
from pydantic import BaseModel

from flows.job import run_report
from flows.run_page import current_page, flow_run_id
from reelmill.operations.context import local_media_root
from reelmill.operations.encode_figures import encode_figures
from reelmill.operations.result_card import EncodingResult, JobResult
from reelmill.operations.result_data import ListedResult, result_data
from reelmill.queue.result_key import RESULT_DATA, RESULT_ITEMS, result_key

Result = TypeVar("Result", bound=JobResult)


def show_result(result: Result) -> Result:
    """Show a job's result: the last lines of its log, a text with images on its run's page, and labels of what it cost.

    An image that cannot be drawn is left out with a line in the log, since what it shows is made all the same.

    Args:
        result: of the job.

    Returns:
        The same.
    """
    from reelmill.operations.derived import previews  # late: OpenCV changes the environment when it is imported

    shown, report = result.result_card(), run_report()
    page, run_id = current_page(), flow_run_id()
    if page is not None and run_id is not None:
        text = shown.markdown(partial(previews.data_url, local_media_root().path, report))
        page.add("markdown", text, shown.title, key=result_key(run_id))
        if isinstance(result, BaseModel):
            page.add(RESULT_DATA, result_data(result), shown.title)
        if isinstance(result, ListedResult):
            page.add(RESULT_ITEMS, result.every_item(), shown.title)
        cost = result.run_cost() if isinstance(result, EncodingResult) else None
        if cost is not None:
            page.label(encode_figures(cost).labels())
    for line in shown.lines():
        report.line(line)
    return result


def completed_as(name: str, message: str, result: Result) -> Result:
    """A result whose run completes in a state of its own name, which lists and pages show with the message.

    Args:
        name: of the state.
        message: a sentence.
        result: what the job has found.

    Returns:
        What the flow has to return; Prefect unwraps it, so that whoever calls the flow is given the result.
    """
    return cast(Result, Completed(name=name, message=message, data=result))
