"""Notifications: a message to people when a job fails, is out of retries or is done, by Prefect's own blocks.

A notification is a block with the address, which is a secret there, and one automation that sends to it.
"""

from __future__ import annotations

import hashlib
import logging
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, cast
from urllib.parse import urlsplit

import httpx
from prefect.blocks.abstract import NotificationBlock, NotificationError
from prefect.blocks.core import Block
from prefect.blocks.notifications import CustomWebhookNotificationBlock, SlackWebhook
from prefect.events import Automation, AutomationCore, EventTrigger, ResourceSpecification, SendNotification
from prefect.exceptions import ObjectNotFound
from prefect.types import SecretDict
from pydantic import SecretStr

from reelmill.dispatch.audit import Audit
from reelmill.dispatch.automations.job_events import DEAD_LETTER, FAILED
from reelmill.dispatch.runs.control import this_user
from reelmill.dispatch.server.connection import Connection, read_pages, translates_errors
from reelmill.errors import AlreadyThere, UnknownName, UserError, WrongParameter
from reelmill.queue.actor import Actor
from reelmill.queue.job import INVALID
from reelmill.queue.rule import check_rule_name

_TAG: Final = "reelmill-notification"
_OWNER: Final = "name:"
_OCCASION: Final = "on:"
_BLOCK: Final = "block:"


class Occasion(StrEnum):
    """What people are notified of."""

    FAILURE = "failure"  # a job has failed for good, dead letters among them
    DEAD_LETTER = "dead-letter"  # a job is out of retries
    FINISHED = "finished"  # a job is done


_RUNS: Final = {"prefect.resource.id": "prefect.flow-run.*"}
#: Events of Prefect's own bear the name of the state, and a job that found its video invalid is done, too.
_DONE: Final = frozenset({"prefect.flow-run.Completed", f"prefect.flow-run.{INVALID}"})
_EVENTS: Final[dict[Occasion, tuple[frozenset[str], dict[str, str]]]] = {
    Occasion.FAILURE: (frozenset({FAILED}), _RUNS),
    Occasion.DEAD_LETTER: (frozenset({FAILED}), {**_RUNS, DEAD_LETTER: "true"}),
    Occasion.FINISHED: (_DONE, _RUNS),
}
_SUBJECTS: Final = {
    Occasion.FAILURE: "Reelmill: {{ flow_run.name }} failed",
    Occasion.DEAD_LETTER: "Reelmill: {{ flow_run.name }} is out of retries",
    Occasion.FINISHED: "Reelmill: {{ flow_run.name }} is done",
}


@dataclass(frozen=True)
class Notification:
    """Whom a message goes to, and when."""

    name: str
    on: tuple[Occasion, ...]
    every: float  # seconds within which at most one message of each occasion is sent
    enabled: bool


@dataclass(frozen=True)
class SavedBlock:
    """A block on the server, without its secrets."""

    type: str  # slug of its type
    id: uuid.UUID


class Notifications:
    """Notifications are added, listed, tried out, removed."""

    def __init__(self, connection: Connection, audit: Audit):
        self._client, self._audit = connection.client, audit

    @translates_errors
    def add(
        self, name: str, url: str, on: Sequence[Occasion], *, every: float = 60.0, by: Actor | None = None
    ) -> Notification:
        """Have messages sent to an address.

        Args:
            name: by which people know it.
            url: of a webhook, or any address that Apprise takes, such as ``mailto://`` or ``ntfy://``.
            on: of what.
            every: at most one message of each occasion is sent within so many seconds.
            by: who wants them; None: whoever runs this process.

        Returns:
            The notification.

        Raises:
            AlreadyThere: there is one of this name.
            WrongParameter: the name or the address is none.
            PlatformError: the server is away.
        """
        check_rule_name(name)
        if any(known.name == name for known in self.all()):
            raise AlreadyThere(
                f"There is a notification {name!r} already; remove it first, or choose another name.", name
            )
        block = notification_block(name, url)
        block_id = cast(uuid.UUID, block.save(block_name(name), overwrite=True))  # typed for async callers, too
        saved = SavedBlock(block.get_block_type_slug(), block_id)
        occasions = tuple(dict.fromkeys(on))
        for occasion in occasions:
            self._client.create_automation(notification_automation(name, occasion, saved, every))
        named = [str(occasion) for occasion in occasions]  # the address is a secret
        self._audit.record("notification.add", by or this_user(), notification=name, on=named)
        return Notification(name, occasions, every, True)

    @translates_errors
    def all(self) -> list[Notification]:
        """Every notification.

        Returns:
            The notifications, by name.

        Raises:
            PlatformError: the server is away.
        """
        by_name: dict[str, list[Automation]] = {}
        for automation in self._automations():
            by_name.setdefault(_value(automation, _OWNER), []).append(automation)
        return [_notification(name, by_name[name]) for name in sorted(by_name)]

    @translates_errors
    def send(self, name: str, subject: str, body: str) -> None:
        """Send a message, from here.

        Args:
            name: of the notification.
            subject: of the message.
            body: of the message.

        Raises:
            UserError: there is none of this name, or the message was not taken; the address is not shown.
            PlatformError: the server is away.
        """
        automation = self._find(name)[0]
        try:
            block = cast(NotificationBlock, Block.load(f"{_value(automation, _BLOCK)}/{block_name(name)}"))
        except ValueError as error:  # what Prefect raises for an unknown block document
            raise UserError(
                f"The block with the address of {name!r} is gone; remove the notification and add it again."
            ) from error
        try:
            with block.raise_on_failure():
                cast(Any, block).notify(body=body, subject=subject)
        except httpx.HTTPStatusError as error:  # its own words hold the address
            code = error.response.status_code
            raise UserError(f"The message was refused with HTTP {code}; is the address of {name!r} right?") from None
        except (httpx.HTTPError, OSError) as error:
            raise UserError(
                f"The address of {name!r} is not reached from this node ({type(error).__name__})."
            ) from None
        except NotificationError:
            raise UserError(
                f"The message was not taken; is the address of {name!r} right, and reached from here?"
            ) from None

    @translates_errors
    def remove(self, name: str, by: Actor | None = None) -> None:
        """Remove a notification and its address.

        Args:
            name: its name.
            by: who wants that; None: whoever runs this process.

        Raises:
            UserError: there is none of this name.
            PlatformError: the server is away.
        """
        for automation in self._find(name):
            self._client.delete_automation(automation.id)
            for block_id in _block_ids(automation):
                self._forget(block_id)
        self._audit.record("notification.remove", by or this_user(), notification=name)

    def _forget(self, block_id: uuid.UUID) -> None:
        try:
            self._client.delete_block_document(block_id)
        except ObjectNotFound:  # each automation of one notification names the same block
            return

    def _automations(self) -> list[Automation]:
        read = self._client.read_automations
        every = read_pages(lambda limit, offset: read(limit=limit, offset=offset))
        return [automation for automation in every if _TAG in automation.tags and _value(automation, _OWNER)]

    def _find(self, name: str) -> list[Automation]:
        every = self._automations()
        found = [automation for automation in every if _value(automation, _OWNER) == name]
        if found:
            return found
        known = tuple(sorted({_value(automation, _OWNER) for automation in every}))
        there = f"are {', '.join(known)}" if known else "is none"
        raise UnknownName(f"There is no notification {name!r}; there {there}.", name, known)


def notification_block(name: str, url: str) -> NotificationBlock:
    """The block that sends to an address (pure).

    Args:
        name: of the notification.
        url: of a webhook, or any address that Apprise takes.

    Returns:
        Prefect's block for addresses that Apprise knows, whatever the service: it is called after Slack there; else its
        block for webhooks. Either keeps the address as a secret.

    Raises:
        WrongParameter: it is no address.
    """
    if _apprise_knows(url):
        return SlackWebhook(url=SecretStr(url))
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise WrongParameter(
            "That is no address for notifications: give the http(s) URL of a webhook, or one that Apprise takes "
            "(mailto://…, ntfy://…, tgram://…).",
            "url",  # without its value, which is a secret
        )
    return CustomWebhookNotificationBlock(
        name=name,
        url="{{url}}",
        json_data={"subject": "{{subject}}", "body": "{{body}}"},
        secrets=SecretDict({"url": url}),
    )


def _apprise_knows(url: str) -> bool:
    from apprise import Apprise  # late: it takes a while, and few commands need it

    log = logging.getLogger("apprise")  # which would show the address, where it is none of its
    before, log.disabled = log.disabled, True
    try:
        return Apprise.instantiate(url) is not None
    finally:
        log.disabled = before


def notification_automation(name: str, on: Occasion, block: SavedBlock, every: float) -> AutomationCore:
    """The automation that sends on one occasion (pure).

    Args:
        name: of the notification.
        on: the occasion.
        block: it is sent by; on the server already.
        every: at most one message is sent within so many seconds.

    Returns:
        The automation, not on the server yet.
    """
    events, match = _EVENTS[on]
    more = f"\nOthers within {every:g} s of this one are not announced: `reelmill jobs list` has them." if every else ""
    body = "{{ flow_run.name }} ({{ flow_run.id }})\n{{ event.payload.message }}\n{{ flow_run | ui_url }}" + more
    return AutomationCore(
        name=f"notify: {name} on {on}",
        description=f"Sends a message to {name} on {on}.",
        tags=[_TAG, f"{_OWNER}{name}", f"{_OCCASION}{on}", f"{_BLOCK}{block.type}"],
        trigger=EventTrigger(
            expect=set(events),
            match=ResourceSpecification(dict(match)),
            for_each=set() if every else {"prefect.resource.id"},
            threshold=1,
            within=timedelta(seconds=every),
        ),
        actions=[SendNotification(block_document_id=block.id, subject=_SUBJECTS[on], body=body)],
    )


def block_name(name: str) -> str:
    """What the block of a notification is called on the server, which takes small letters, digits and dashes."""
    plain = "-".join(re.findall(r"[a-z0-9]+", name.lower()))
    return f"reelmill-{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _notification(name: str, automations: Sequence[Automation]) -> Notification:
    known = {
        str(occasion): occasion for occasion in Occasion
    }  # an admin, or a newer version, may have put others there
    named = [_value(automation, _OCCASION) for automation in automations]
    occasions = sorted(known[value] for value in named if value in known)
    within = [one.trigger.within for one in automations if isinstance(one.trigger, EventTrigger)]
    every = max(within, default=timedelta()).total_seconds()
    return Notification(name, tuple(occasions), every, all(automation.enabled for automation in automations))


def _value(automation: AutomationCore, prefix: str) -> str:
    return next((tag.removeprefix(prefix) for tag in automation.tags if tag.startswith(prefix)), "")


def _block_ids(automation: AutomationCore) -> list[uuid.UUID]:
    return [action.block_document_id for action in automation.actions if isinstance(action, SendNotification)]
