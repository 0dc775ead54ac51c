"""Create Job: a type, its parameters as a form or as JSON, a priority."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from nicegui import ui

from reelmill.api.access.caller import NotLoggedIn, TooManyAttempts
from reelmill.api.access.roles import Permission
from reelmill.catalogue.engine import session
from reelmill.catalogue.filters.filter_conditions import And, Comparison, Or
from reelmill.catalogue.limits import clean
from reelmill.catalogue.videos.listing import list_videos
from reelmill.catalogue.videos.video_parameters import resolve_parameters
from reelmill.dispatch import SubmitOptions
from reelmill.dispatch.intake import SubmittedJob
from reelmill.errors import ReelmillError, UnknownName, UserError, WrongParameter
from reelmill.pages.components.fields import Field, area_field, choice_field, range_field
from reelmill.pages.components.states import button
from reelmill.pages.components.text import Text
from reelmill.pages.components.toast import leave_with_toast, toast
from reelmill.pages.registry import page
from reelmill.pages.schema_form import SchemaForm
from reelmill.pages.view import View
from reelmill.queue.job import DEFAULT_PRIORITY, LANES, canonical

#: Videos that are offered for what is typed.
_OFFERED: Final = 20

_DONE: Final = "The job is handed in."

#: Parameters of these names are filled in by the address: ``/jobs/new?type=reencode&video_id=…``.
_NOT_PARAMETERS: Final = ("type", "priority")


@page("/jobs/new", "Create job", permission=Permission.CREATE_JOBS, section="/jobs")
async def job_new(view: View) -> None:
    """Build the page."""
    Text("h1", "Create job")
    types = await asyncio.to_thread(view.services.dispatcher.intake.job_types)
    await _JobNewPage(view, types).build()


class _JobNewPage:
    """The form in one browser."""

    def __init__(self, view: View, types: list[str]):
        self._view, self._types = view, types
        asked = canonical(view.choice("type"))
        self._type = asked if asked in types else next(iter({"reencode"} & set(types)), types[0] if types else "")
        self._given: dict[str, Any] = {
            name: value for name, value in view.request.query_params.items() if name not in _NOT_PARAMETERS
        }
        self._form: SchemaForm | None = None
        self._json: Field | None = None

    async def build(self) -> None:
        """Build the page."""
        with ui.element("section").classes("rm-panel rm-narrow").props('aria-label="New job"'):
            with ui.element("div").classes("rm-form"):
                choice_field("Type", [(each, each) for each in self._types], self._type, change=self._choose_type)
                hint = "1 is served first, 10 when nothing else waits."
                self._priority = range_field("Priority", DEFAULT_PRIORITY, 1, len(LANES), hint=hint)
            with ui.element("div").classes("rm-tabs").props('role="tablist" aria-label="Parameters as"'):
                self._tabs = {name: self._tab(name) for name in ("Form", "JSON")}
            self._place = ui.element("div").props('role="tabpanel" aria-label="Parameters" tabindex="0"')
            self._wrong = Text("p", "", "rm-wrong").props('role="alert"')
            with ui.element("div").classes("rm-buttons"):
                ui.link("All jobs", "/jobs").classes("rm-button rm-quiet")
                button("Create", self._create, kind="primary", icon="add")
        await self._choose_type(self._type)

    def _tab(self, name: str) -> ui.element:
        made = Text("button", name).props('type="button" role="tab"')
        made.on("click", lambda: self._show_as(name))
        return made

    async def _choose_type(self, job_type: str) -> None:
        self._type = job_type
        try:
            self._schema = await asyncio.to_thread(self._view.services.dispatcher.jobs.schema, job_type)
        except ReelmillError as error:
            self._wrong.set_text(str(error))
            return
        self._show_as("Form", {name: each for name, each in self._given.items() if name in self._schema["properties"]})

    def _show_as(self, name: str, given: Mapping[str, Any] | None = None) -> None:
        """Show the parameters as a form or as JSON, with what was filled in so far."""
        try:
            filled_in = self._parameters() if given is None else given
        except UserError as error:
            self._show_wrong(error)
            return
        for each, tab in self._tabs.items():
            tab.props(f'aria-selected="{"true" if each == name else "false"}"')
        self._wrong.set_text("")
        self._place.clear()
        self._form = self._json = None
        with self._place:
            if name == "Form":
                self._form = SchemaForm(self._schema, filled_in, self._search)
            else:
                self._json = area_field("Parameters", json.dumps(filled_in, indent=2), rows=14)

    def _search(self, words: str) -> list[tuple[str, str]]:
        """Videos to offer; none to a role that may hand jobs in and not read the library."""
        return _videos(words) if self._view.may(Permission.READ_VIDEOS) else []

    def _parameters(self) -> dict[str, Any]:
        if self._form is not None:
            return self._form.parameters
        text = self._json.value if self._json is not None else "{}"
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            raise UserError(f"This is no JSON: {error}.") from error
        if not isinstance(found, dict):
            raise UserError('The parameters are an object, such as {"video_id": "chaplin.mp4"}.')
        return found

    def _show_wrong(self, error: ReelmillError) -> None:
        """At its field where there is one, else below the form."""
        name = error.parameter if isinstance(error, WrongParameter) else getattr(error, "name", "")
        if self._form is None or not self._form.show_wrong(name, str(error)):
            self._wrong.set_text(str(error))

    async def _create(self) -> None:
        self._wrong.set_text("")
        try:
            parameters = self._parameters()
            priority = int(self._priority.value)
            taken = await asyncio.to_thread(_submit, self._view, self._type, parameters, priority)
        except (NotLoggedIn, TooManyAttempts):
            self._view.log_in()
        except ReelmillError as error:
            self._show_wrong(error)
        else:
            self._view.show_at_once()
            if self._view.may(Permission.MANAGE_JOBS):
                leave_with_toast(self._view.client, f"/jobs/{taken.job.public_id}", _DONE)
            else:
                toast(_DONE)


def _submit(view: View, job_type: str, parameters: Mapping[str, Any], priority: int) -> SubmittedJob:
    """Hand a job in; the same work under way is that job.

    Args:
        view: of the page.
        job_type: name of the job type.
        parameters: of its flow.
        priority: 1 (first) to 10.

    Returns:
        The job.

    Raises:
        WrongParameter: a parameter cannot be, by its name.
        UserError: whoever looks may not, or there is no such type.
        PlatformError: a server is away.
    """
    by, dispatcher = view.viewer.check(Permission.CREATE_JOBS), view.services.dispatcher
    options = SubmitOptions(priority=priority)
    (refusal,) = dispatcher.intake.refusals(job_type, [parameters], **options)
    if refusal is not None:
        raise WrongParameter(str(refusal), refusal.name) if isinstance(refusal, UnknownName) else refusal
    schema, named = dispatcher.jobs.schema(job_type), dict(parameters)
    for name in parameters:
        try:
            with session() as opened:
                named |= resolve_parameters(opened, schema, {name: parameters[name]})
        except UserError as error:
            raise WrongParameter(str(error), name, parameters[name]) from error
    (taken,) = dispatcher.intake.submit(job_type, [named], by, **options)
    return taken


def _videos(words: str) -> list[tuple[str, str]]:
    """Videos whose title or file name holds every word: path and title of each."""
    conditions = tuple(
        Or(tuple(Comparison(field, "contains", clean(word)) for field in ("title", "filename")))
        for word in words.split()
    )
    with session() as opened:
        return [(video.path, video.title) for video in list_videos(opened, And(conditions), limit=_OFFERED)]
