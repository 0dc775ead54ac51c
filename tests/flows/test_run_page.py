"""The page of a run before a server that is away, in trouble, or refuses: nothing raises, and what can be told is."""

from __future__ import annotations

import uuid

import pytest
from prefect.client.orchestration import SyncPrefectClient

from flows.run_page import ProgressBar, RunPage
from reelmill.queue.progress_pace import ProgressPace
from tests.server_answers import answering


@pytest.mark.parametrize("codes", [[422, 404], [503, 500, 422, 422]], ids=["refuses", "in trouble first"])
def test_what_a_server_in_trouble_was_shown_is_shown_again_and_what_it_refuses_is_not(codes: list[int]) -> None:
    with answering(codes) as url:
        page = RunPage(uuid.uuid4(), SyncPrefectClient(url))
        page.add("markdown", "a", "first")
        page.add("markdown", "b", "second")
        assert page.close(patience=15) == 0
    assert codes == []


def test_a_server_that_is_away_costs_the_page_and_nothing_else() -> None:
    page = RunPage(uuid.uuid4(), SyncPrefectClient("http://127.0.0.1:9/api"))
    page.progress(ProgressBar(), 50.0, "half", ProgressPace())
    page.add("markdown", "a", "first")
    assert page.close(patience=0.1) == 2
