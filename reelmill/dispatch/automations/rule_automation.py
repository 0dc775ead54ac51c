"""A rule as an automation on the Prefect server, and back (pure).

The automation is the one record there is of a rule. Its tags name the job types, so that it can be pointed at another
deployment when theirs is gone: an action holds a deployment's id alone.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from prefect.events import Automation, AutomationCore, EventTrigger, ResourceSpecification, RunDeployment

from reelmill.dispatch.automations.video_events import ADDED, DIRECTORY_TYPE, VALID, VIDEO, VIDEO_ID
from reelmill.queue.rule import Rule, RuleJob

#: Tag of an automation that is a rule of ours.
TAG: Final = "reelmill-rule"
_NAME: Final = "rule: "
_JOB: Final = "job"
#: Of one of its jobs; an admin may add others, such as job-important.
_JOB_TAG: Final = re.compile(rf"{_JOB}-([0-9]+):")
_KIND: Final = "__prefect_kind"


@dataclass(frozen=True)
class Target:
    """Where a job of a rule goes."""

    deployment_id: uuid.UUID
    video_parameter: str


def rule_automation(rule: Rule, targets: Sequence[Target]) -> AutomationCore:
    """The automation of a rule.

    Args:
        rule: the rule.
        targets: one for each of its jobs.

    Returns:
        The automation, not on the server yet.
    """
    return AutomationCore(
        name=f"{_NAME}{rule.name}",
        description=f"For each new video of {rule.directory_type}: {', '.join(map(str, rule.jobs))}.",
        enabled=rule.on,
        tags=[TAG, *(_job_tag(number, job) for number, job in enumerate(rule.jobs))],
        trigger=EventTrigger(
            expect={ADDED},
            match=ResourceSpecification(
                {"prefect.resource.id": f"{VIDEO}*", DIRECTORY_TYPE: rule.directory_type, VALID: "true"}
            ),
            # Else an event that comes in after a later one of another video would not count.
            for_each={"prefect.resource.id"},
            threshold=1,
        ),
        actions=[_action(job, target) for job, target in zip(rule.jobs, targets, strict=True)],
    )


def is_rule(automation: AutomationCore) -> bool:
    """Whether an automation is a rule of ours, and still looks like one."""
    trigger = automation.trigger
    return (
        TAG in automation.tags
        and isinstance(trigger, EventTrigger)
        and len(deployment_ids(automation)) == len(automation.actions) == len(_job_tags(automation))
    )


def rule_of(automation: AutomationCore) -> Rule:
    """The rule that an automation is; see ``is_rule``."""
    assert isinstance(automation.trigger, EventTrigger)
    matched = automation.trigger.match
    labels = matched.root if isinstance(matched, ResourceSpecification) else matched
    jobs = []
    for tag, action in zip(_job_tags(automation), automation.actions, strict=True):
        assert isinstance(action, RunDeployment)
        job_type, _, pool = tag.partition(":")[2].partition("/")
        parameters = {name: value for name, value in (action.parameters or {}).items() if not _is_template(value)}
        jobs.append(RuleJob(job_type, parameters, pool))
    return Rule(
        automation.name.removeprefix(_NAME), str(labels.get(DIRECTORY_TYPE, "")), tuple(jobs), automation.enabled
    )


def deployment_ids(automation: AutomationCore) -> list[uuid.UUID]:
    """The deployments that its actions run, in order."""
    return [
        action.deployment_id
        for action in automation.actions
        if isinstance(action, RunDeployment) and action.deployment_id is not None
    ]


def core_of(automation: Automation, **changes: Any) -> AutomationCore:
    """What the server takes to change an automation."""
    return AutomationCore(**{**automation.model_dump(exclude={"id", "owner_resource"}), **changes})


def _action(job: RuleJob, target: Target) -> RunDeployment:
    template = f'{{{{ event.resource["{VIDEO_ID}"] }}}}'
    video = {_KIND: "jinja", "template": template}
    return RunDeployment(
        deployment_id=target.deployment_id, parameters={**job.parameters, target.video_parameter: video}
    )


def _is_template(value: Any) -> bool:
    return isinstance(value, dict) and _KIND in value


def _job_tag(number: int, job: RuleJob) -> str:
    return f"{_JOB}-{number}:{job.type}/{job.pool}"


def _job_tags(automation: AutomationCore) -> list[str]:
    """In the order of the actions, however the tags are kept."""
    numbered = [(int(found[1]), tag) for tag in automation.tags if (found := _JOB_TAG.match(tag))]
    return [tag for _, tag in sorted(numbered)]
