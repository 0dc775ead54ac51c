"""Rules: what their automations are, what is refused, and what becomes of one whose deployment is gone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.events import Automation, AutomationCore, EventTrigger, RunDeployment

from flows.compile_quad import compile_quad
from flows.thumbnail_generate import thumbnail_generate
from flows.validate import validate
from reelmill.dispatch import Dispatcher
from reelmill.dispatch.automations.rule_automation import Target, core_of, is_rule, rule_automation, rule_of
from reelmill.dispatch.testing import MemorySite
from reelmill.doctor import site as findings
from reelmill.doctor.findings import Severity
from reelmill.errors import UnknownName, WrongParameter
from reelmill.queue.rule import Rule, RuleJob
from tests.refusals import refused

_JOBS = (RuleJob("validate", {"depth": "full"}, "cpu"), RuleJob("thumbnail_generate", {"storyboard": True}))
_RULE = Rule("look after", "home", _JOBS, on=True)


def test_a_rule_is_an_automation_that_the_server_carries_out() -> None:
    targets = [Target(uuid.uuid4(), "video_id"), Target(uuid.uuid4(), "video_id")]
    automation = rule_automation(_RULE, targets).model_dump(mode="json")
    video = {"__prefect_kind": "jinja", "template": '{{ event.resource["reelmill.video-id"] }}'}
    assert (automation["name"], automation["enabled"]) == ("rule: look after", True)
    trigger = automation["trigger"]
    assert (trigger["posture"], trigger["threshold"], trigger["within"]) == ("Reactive", 1, 0.0)
    assert (trigger["expect"], trigger["for_each"]) == (["reelmill.video.added"], ["prefect.resource.id"])
    assert trigger["match"] == {
        "prefect.resource.id": "reelmill.video.*",
        "reelmill.directory-type": "home",
        "reelmill.valid": "true",
    }
    assert [(action["type"], action["deployment_id"], action["parameters"]) for action in automation["actions"]] == [
        ("run-deployment", str(targets[0].deployment_id), {"depth": "full", "video_id": video}),
        ("run-deployment", str(targets[1].deployment_id), {"storyboard": True, "video_id": video}),
    ]


def test_a_rule_comes_back_from_its_automation_however_its_tags_are_kept() -> None:
    many = Rule("many", "videos", tuple(RuleJob("validate", {"depth": str(number)}) for number in range(12)))
    for rule in (_RULE, many):
        core = rule_automation(rule, [Target(uuid.uuid4(), "video_id") for _ in rule.jobs])
        sent = Automation.model_validate({**core.model_dump(mode="json"), "id": str(uuid.uuid4())})
        sent.tags = sorted(sent.tags, reverse=True)
        assert is_rule(sent)
        assert rule_of(sent) == rule


@pytest.mark.parametrize("change", [{"actions": []}, {"tags": []}, {"tags": ["reelmill-rule"]}])
def test_an_automation_of_somebody_else_is_no_rule(change: dict[str, Any]) -> None:
    automation = rule_automation(_RULE, [Target(uuid.uuid4(), "video_id") for _ in _JOBS])
    assert not is_rule(AutomationCore(**{**automation.model_dump(), **change}))


class _Site:
    def __init__(self, prefect: Dispatcher, client: SyncPrefectClient, site: MemorySite):
        self.prefect, self.client, self.site = prefect, client, site

    def deploy(self) -> None:
        for flow in (validate, thumbnail_generate, compile_quad):
            self.site.deploy(flow.name, pool="cpu", schema=flow.parameters.model_dump())


@pytest.fixture
def site() -> Iterator[_Site]:
    memory = MemorySite()
    with memory.dispatcher() as prefect, memory.client() as client:
        made = _Site(prefect, client, memory)
        made.deploy()
        yield made


@pytest.mark.parametrize(
    ("rule", "refusal"),
    [
        (Rule("a", "videos", ()), refused(WrongParameter, parameter="jobs")),
        (Rule("", "videos", _JOBS), refused(WrongParameter, parameter="name", value="")),
        (Rule("a/b", "videos", _JOBS), refused(WrongParameter, parameter="name", value="a/b")),
        (Rule("a", "videos", (RuleJob("dance"),)), refused(UnknownName, name="dance")),
        (Rule("a", "videos", (RuleJob("validate", {}, "gpu_ai"),)), refused(UnknownName, name="validate")),
        (Rule("a", "videos", (RuleJob("compile_quad"),)), refused(WrongParameter, value="compile_quad")),
        (
            Rule("a", "videos", (RuleJob("validate", {"video_id": "x"}),)),
            refused(WrongParameter, parameter="video_id"),
        ),
        (Rule("a", "videos", (RuleJob("validate", {"speed": 3}),)), refused(UnknownName, name="speed")),
        (Rule("a", "videos", (RuleJob("validate", {"depth": "deep"}),)), refused(WrongParameter, parameter="depth")),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(site: _Site, rule: Rule, refusal: refused) -> None:
    with refusal:
        site.prefect.rules.add(rule)
    assert site.prefect.rules.all() == []


def test_a_rule_whose_deployment_is_gone_is_seen_and_points_at_the_new_one(site: _Site) -> None:
    rules = site.prefect.rules
    rules.add(_RULE)
    assert rules.point_anew() == []
    for deployment in site.client.read_deployments():
        site.client.delete_deployment(deployment.id)
    assert rules.read("look after").lost == ("validate", "thumbnail_generate")
    (finding,) = findings.rules(rules.all())
    assert (finding.severity, finding.names) == (Severity.WARNING, ("look after",))
    (sentence,) = rules.point_anew()
    assert "No job type 'validate' is deployed" in sentence
    with refused(UnknownName, name="validate"):
        rules.turn("look after", on=True)
    site.deploy()
    assert rules.point_anew() == ["rule look after: points at the new validate, thumbnail_generate"]
    state = rules.read("look after")
    assert (state.rule, state.lost) == (_RULE, ())
    assert [finding.severity for finding in findings.rules(rules.all())] == [Severity.OK]
    (automation,) = site.client.read_automations()
    there = {deployment.id for deployment in site.client.read_deployments()}
    assert {action.deployment_id for action in automation.actions if isinstance(action, RunDeployment)} <= there
    assert isinstance(automation.trigger, EventTrigger)
    assert automation.trigger.within == timedelta(0)


def test_a_tag_that_an_admin_adds_is_none_of_a_job(site: _Site) -> None:
    site.prefect.rules.add(_RULE)
    (automation,) = site.client.read_automations()
    more = ["job-important", "job-", "job-²:x", "jobs"]
    site.client.update_automation(automation.id, core_of(automation, tags=[*automation.tags, *more]))
    assert [state.rule for state in site.prefect.rules.all()] == [_RULE]
    assert site.prefect.rules.point_anew() == []


def test_without_a_rule_there_is_none(site: _Site) -> None:
    with refused(UnknownName, name="x", known=()):
        site.prefect.rules.read("x")
