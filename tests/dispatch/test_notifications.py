"""Notifications: what their automations listen to, and that an address stays a secret."""

from __future__ import annotations

import json
import uuid

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.events import EventTrigger, Resource

from reelmill.dispatch.automations.job_events import failed_event
from reelmill.dispatch.automations.notifications import (
    Occasion,
    SavedBlock,
    block_name,
    notification_automation,
    notification_block,
)
from reelmill.dispatch.automations.rule_automation import core_of
from reelmill.dispatch.testing import MemorySite
from reelmill.errors import WrongParameter
from reelmill.queue.job import INVALID
from tests.refusals import refused


def _trigger(on: Occasion, every: float = 60.0) -> EventTrigger:
    trigger = notification_automation("people", on, SavedBlock("custom-webhook", uuid.uuid4()), every).trigger
    assert isinstance(trigger, EventTrigger)
    return trigger


def _covers(trigger: EventTrigger, event: str, resource: Resource) -> bool:
    match = trigger.match
    assert not isinstance(match, dict)
    return event in trigger.expect and match.matches(resource)


@pytest.mark.parametrize("dead_letter", [False, True])
def test_a_failure_is_announced_to_those_who_want_to_know(dead_letter: bool) -> None:
    run = FlowRun(id=uuid.uuid4(), flow_id=uuid.uuid4(), name="reencode a.mp4", labels={})
    event = failed_event(run, {"reelmill.failure": "timeout"}, "It took too long.", dead_letter=dead_letter)
    assert event.payload == {
        "message": "It took too long.",
        "dead_letter": dead_letter,
        "tags": [],
        "reelmill.failure": "timeout",
    }
    wanted = {on for on in Occasion if _covers(_trigger(on), event.event, event.resource)}
    assert wanted == ({Occasion.FAILURE, Occasion.DEAD_LETTER} if dead_letter else {Occasion.FAILURE})


def test_work_that_is_done_is_announced() -> None:
    run = Resource({"prefect.resource.id": f"prefect.flow-run.{uuid.uuid4()}"})
    task = Resource({"prefect.resource.id": f"prefect.task-run.{uuid.uuid4()}"})
    for done in ("Completed", INVALID):
        assert _covers(_trigger(Occasion.FINISHED), f"prefect.flow-run.{done}", run)
    assert not _covers(_trigger(Occasion.FINISHED), "prefect.flow-run.Completed", task)
    assert not _covers(_trigger(Occasion.FINISHED), "prefect.flow-run.Failed", run)


def test_an_automation_that_somebody_changed_keeps_no_other_from_being_listed() -> None:
    site = MemorySite()
    with site.dispatcher() as prefect, site.client() as client:
        for name, on in (("people", Occasion.FAILURE), ("people", Occasion.FINISHED), ("others", Occasion.FAILURE)):
            client.create_automation(notification_automation(name, on, SavedBlock("x", uuid.uuid4()), 60.0))
        for automation, odd in zip(client.read_automations(), ("on:", "on:monday", "name:"), strict=True):
            kept = [tag for tag in automation.tags if not tag.startswith(odd[:3])]
            client.update_automation(automation.id, core_of(automation, tags=[*kept, odd]))
        client.create_automation(
            notification_automation("more", Occasion.FINISHED, SavedBlock("x", uuid.uuid4()), 60.0)
        )
        assert [(one.name, one.on) for one in prefect.notifications.all()] == [
            ("more", (Occasion.FINISHED,)),
            ("people", ()),
        ]


def test_a_thousand_failures_are_one_message_a_minute_unless_all_are_wanted() -> None:
    assert (_trigger(Occasion.FAILURE).within.total_seconds(), _trigger(Occasion.FAILURE).for_each) == (60.0, set())
    every_one = _trigger(Occasion.FAILURE, every=0)
    assert (every_one.within.total_seconds(), every_one.for_each) == (0.0, {"prefect.resource.id"})


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://example.com/hook/a-secret", "custom-webhook"),
        ("mailto://me:a-secret@example.com", "slack-webhook"),
        ("json://example.com/a-secret", "slack-webhook"),
    ],
)
def test_an_address_is_a_secret_of_its_block(url: str, kind: str) -> None:
    block = notification_block("people", url)
    assert block.get_block_type_slug() == kind
    assert "a-secret" not in json.dumps(block.model_dump(mode="json"))
    assert "a-secret" not in repr(block)


@pytest.mark.parametrize("url", ["", "a-secret", "ftp://example.com/a-secret", "https:///a-secret"])
def test_what_is_no_address_is_refused_without_being_shown(url: str) -> None:
    with refused(WrongParameter, parameter="url", value=None) as caught:
        notification_block("people", url)
    assert "a-secret" not in str(caught.error)


def test_blocks_of_two_names_are_two_blocks() -> None:
    names = [block_name(name) for name in ("On call", "on-call", "ON CALL", "日本")]
    assert len(set(names)) == 4
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in names)
