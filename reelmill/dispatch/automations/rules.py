"""The rules of a site: what is done for each new video, as automations that the Prefect UI shows."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from prefect.events import Automation
from prefect.exceptions import ObjectNotFound

from reelmill.dispatch.audit import Audit
from reelmill.dispatch.automations.rule_automation import (
    Target,
    core_of,
    deployment_ids,
    is_rule,
    rule_automation,
    rule_of,
)
from reelmill.dispatch.runs.control import this_user
from reelmill.dispatch.server.connection import Connection, read_pages, server_errors, translates_errors
from reelmill.dispatch.server.deployments import REPLACED, Deployments
from reelmill.dispatch.services.batches import video_parameter
from reelmill.dispatch.submission import check_parameters
from reelmill.errors import AlreadyThere, UnknownName, UserError, WrongParameter
from reelmill.queue.actor import Actor
from reelmill.queue.job import canonical
from reelmill.queue.rule import Rule, RuleJob, check_rule_name

_SOME_VIDEO: Final = str(uuid.UUID(int=0))


@dataclass(frozen=True)
class RuleState:
    """A rule, and whether it can be carried out."""

    rule: Rule
    automation_id: uuid.UUID
    lost: tuple[str, ...]  # job types whose deployment is gone or was replaced


class Rules:
    """Rules are added, listed, turned on and off, removed."""

    def __init__(self, connection: Connection, audit: Audit):
        self._connection, self._deployments, self._audit = connection, Deployments(connection), audit

    @translates_errors
    def add(self, rule: Rule, by: Actor | None = None) -> RuleState:
        """Put a rule on the server.

        Args:
            rule: off, unless it is on.
            by: who wants it; None: whoever runs this process.

        Returns:
            The rule as it is there.

        Raises:
            AlreadyThere: there is one of this name.
            WrongParameter: it does no job, or one that is not about one video or that does not take these parameters.
            UnknownName: there is no such job type or parameter.
            PlatformError: the server is away.
        """
        check_rule_name(rule.name)
        if not rule.jobs:
            raise WrongParameter(f"The rule {rule.name!r} does no job; name at least one.", "jobs")
        if any(rule_of(known).name == rule.name for known in self._automations()):
            raise AlreadyThere(
                f"There is a rule {rule.name!r} already; remove it first, or choose another name.", rule.name
            )
        jobs = tuple(RuleJob(canonical(job.type), job.parameters, job.pool) for job in rule.jobs)
        rule = Rule(rule.name, rule.directory_type, jobs, rule.on)
        targets = [self._target(job, check=True) for job in jobs]
        automation_id = self._connection.client.create_automation(rule_automation(rule, targets))
        what: dict[str, Any] = {"folder": rule.directory_type, "jobs": [str(job) for job in jobs], "on": rule.on}
        self._audit.record("rule.add", by or this_user(), rule=rule.name, **what)
        return RuleState(rule, automation_id, ())

    @translates_errors
    def all(self) -> list[RuleState]:
        """Every rule, by name.

        Returns:
            The rules; an automation that somebody changed past recognition is none.

        Raises:
            PlatformError: the server is away.
        """
        there: dict[uuid.UUID, bool] = {}
        return sorted((self._state(one, there) for one in self._automations()), key=lambda state: state.rule.name)

    @translates_errors
    def read(self, name: str) -> RuleState:
        """One rule.

        Args:
            name: its name.

        Returns:
            The rule.

        Raises:
            UserError: there is none of this name.
            PlatformError: the server is away.
        """
        return self._state(self._find(name), {})

    @translates_errors
    def turn(self, name: str, *, on: bool, by: Actor | None = None) -> RuleState:
        """Turn a rule on or off.

        Args:
            name: its name.
            on: whether it is to do anything.
            by: who wants that; None: whoever runs this process.

        Returns:
            The rule as it is then.

        Raises:
            UserError: there is none of this name, or a job type it is to be turned on for is not deployed.
            PlatformError: the server is away.
        """
        automation = self._find(name)
        if on and (lost := self._state(automation, {}).lost):
            self._point_anew(automation, lost)
        client = self._connection.client
        (client.resume_automation if on else client.pause_automation)(automation.id)
        self._audit.record("rule.turn", by or this_user(), rule=name, on=on)
        return self._state(self._find(name), {})

    @translates_errors
    def remove(self, name: str, by: Actor | None = None) -> None:
        """Remove a rule; jobs it has submitted stay.

        Args:
            name: its name.
            by: who wants that; None: whoever runs this process.

        Raises:
            UserError: there is none of this name.
            PlatformError: the server is away.
        """
        self._connection.client.delete_automation(self._find(name).id)
        self._audit.record("rule.remove", by or this_user(), rule=name)

    @translates_errors
    def point_anew(self) -> list[str]:
        """Point rules whose deployment is gone at the one that has taken its place.

        Returns:
            A sentence on each such rule.

        Raises:
            PlatformError: the server is away.
        """
        sentences = []
        for automation in self._automations():
            state = self._state(automation, {})
            if not state.lost:
                continue
            try:
                with server_errors():
                    self._point_anew(automation, state.lost)
                sentences.append(f"rule {state.rule.name}: points at the new {', '.join(state.lost)}")
            except UserError as error:
                sentences.append(f"rule {state.rule.name}: {error}")
        return sentences

    def _point_anew(self, automation: Automation, lost: Iterable[str]) -> None:
        jobs, actions = rule_of(automation).jobs, automation.model_dump()["actions"]
        for job, action in zip(jobs, actions, strict=True):
            if job.type in lost:
                action["deployment_id"] = self._target(job).deployment_id
        self._connection.client.update_automation(automation.id, core_of(automation, actions=actions))

    def _target(self, job: RuleJob, *, check: bool = False) -> Target:
        deployment = self._deployments.of(job.type, job.pool or None)
        schema = deployment.parameter_openapi_schema or {}
        video = video_parameter(job.type, schema)
        if check:
            if video in job.parameters:
                raise WrongParameter(f"{job.type}: {video} is what the rule itself fills in; leave it out.", video)
            given: Mapping[str, Any] = {**job.parameters, video: _SOME_VIDEO}
            check_parameters(job.type, deployment, given)
        return Target(deployment.id, video)

    def _automations(self) -> list[Automation]:
        read = self._connection.client.read_automations
        every = read_pages(lambda limit, offset: read(limit=limit, offset=offset))
        return [automation for automation in every if is_rule(automation)]

    def _find(self, name: str) -> Automation:
        every = self._automations()
        for automation in every:
            if rule_of(automation).name == name:
                return automation
        known = tuple(sorted(rule_of(one).name for one in every))
        there = f"are {', '.join(known)}" if known else "is none"
        raise UnknownName(f"There is no rule {name!r}; there {there}.", name, known)

    def _state(self, automation: Automation, there: dict[uuid.UUID, bool]) -> RuleState:
        rule = rule_of(automation)
        lost = []
        for job, deployment_id in zip(rule.jobs, deployment_ids(automation), strict=True):
            if deployment_id not in there:
                there[deployment_id] = self._in_force(deployment_id)
            if not there[deployment_id]:
                lost.append(job.type)
        return RuleState(rule, automation.id, tuple(dict.fromkeys(lost)))

    def _in_force(self, deployment_id: uuid.UUID) -> bool:
        try:
            return REPLACED not in self._connection.client.read_deployment(deployment_id).tags
        except ObjectNotFound:
            return False
