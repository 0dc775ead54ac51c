"""Settings: what the people of the site agree on, read by who may, and changed by who may that."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from nicegui import ui

from reelmill.api.access.roles import Permission
from reelmill.dispatch import BlockState
from reelmill.errors import ReelmillError, WrongParameter
from reelmill.pages.components.states import button, empty_state
from reelmill.pages.components.text import Text, labelled
from reelmill.pages.components.toast import toast
from reelmill.pages.registry import page
from reelmill.pages.schema_form import SchemaForm, properties
from reelmill.pages.view import View

#: Seconds between two looks at what all pages share: somebody may change it in another browser, or in the Prefect UI.
_PACE: Final = 3.0


@page("/settings", "Settings", permission=Permission.READ_SETTINGS, icon="tune", place=50)
async def settings(view: View) -> None:
    """Build the page."""
    Text("h1", "Settings")
    Text(
        "p",
        "What is agreed on for the whole site. A change holds for jobs that start after it; what runs goes on.",
        "rm-quiet",
    )
    if not view.may(Permission.CHANGE_SETTINGS):
        Text("p", f"The role {view.viewer.caller.role} may read them, and change none.", "rm-quiet")
    await _SettingsPage(view).build()


class _SettingsPage:
    """The blocks in one browser, with what is filled in and not saved."""

    def __init__(self, view: View):
        self._view, self._blocks = view, view.services.dispatcher.blocks
        self._forms: dict[str, _BlockForm] = {}

    async def build(self) -> None:
        """Build the page; it follows what others change."""
        self._section = await self._view.section(self._blocks.recent, self._show)
        ui.timer(_PACE, self._follow, immediate=False)

    async def _follow(self) -> None:
        """Show what was changed, in its field alone: somebody may be typing in another."""
        if not self._forms:
            await self._section.refresh()
            return
        try:
            blocks = await asyncio.to_thread(self._blocks.recent)
        except ReelmillError:  # what is filled in stays; whoever saves it then is shown what is away
            return
        if {block.name: block.schema for block in blocks} != {name: form.schema for name, form in self._forms.items()}:
            await self._section.refresh()
            return
        for block in blocks:
            self._forms[block.name].follow(block)

    def _show(self, blocks: Sequence[BlockState]) -> None:
        before, self._forms = self._forms, {}
        if not blocks:
            with ui.element("section").classes("rm-panel"):
                empty_state("The site has no settings yet.", "`reelmill deploy` makes them.", icon="tune")
        for block in blocks:
            with labelled(ui.element("section").classes("rm-panel rm-narrow"), block.title):
                Text("h2", block.title)
                Text("p", block.description, "rm-quiet")
                if self._view.may(Permission.CHANGE_SETTINGS):
                    self._forms[block.name] = form = _BlockForm(block, before.get(block.name))
                    with ui.element("div").classes("rm-buttons"):
                        labelled(
                            button("Save", partial(self._save, form), kind="primary", icon="save"),
                            f"Save {block.title}",
                        )
                else:
                    _show_values(block)

    async def _save(self, form: _BlockForm) -> None:
        try:
            unsaved = form.form.parameters
        except WrongParameter as error:
            form.show_wrong(error)
            return
        if not unsaved:
            toast("Nothing was changed.")
            return
        if await self._view.act(
            Permission.CHANGE_SETTINGS,
            "Saved: jobs that start from now on go by it.",
            lambda by: self._blocks.change(form.name, unsaved, by),
            refused=form.show_wrong,
        ):
            await self._follow()


class _BlockForm:
    """The values of one block, to be changed.

    Args:
        block: as it is.
        before: the form that stood in its place, whose unsaved values are taken over as they were typed.
    """

    def __init__(self, block: BlockState, before: _BlockForm | None = None):
        self.name, self.schema = block.name, block.schema
        typed = before.form.typed if before is not None else {}
        self.form: SchemaForm = SchemaForm(block.schema, block.values, saved=block.values, typed=typed)
        self._wrong: Mapping[str, str] = {}
        self._mark(block)

    def follow(self, block: BlockState) -> None:
        """Show what somebody else has saved: see ``SchemaForm.follow``."""
        self.form.follow(block.values)
        self._mark(block)

    def _mark(self, block: BlockState) -> None:
        """Show at their fields which saved values cannot be; a sentence on what is being filled in stays otherwise."""
        before, self._wrong = self._wrong, block.wrong
        for name in before.keys() | self._wrong.keys():
            if before.get(name) != self._wrong.get(name):
                self.form.fields[name].set_wrong(_refused(self._wrong.get(name)))

    def show_wrong(self, error: ReelmillError) -> bool:
        """Show what cannot be at its field; returns whether there is one."""
        return isinstance(error, WrongParameter) and self.form.show_wrong(error.parameter, str(error))


def _refused(sentence: str | None) -> str:
    """What to say at a saved value that jobs refuse; nothing where they take it (pure)."""
    return f"Jobs fail by what is saved here. {sentence}" if sentence else ""


def _show_values(block: BlockState) -> None:
    wrong = block.wrong
    with ui.element("dl").classes("rm-facts"):
        for name, about in properties(block.schema).items():
            Text("dt", name)
            with ui.element("dd"):
                Text("p", _in_words(block.values[name]))
                Text("p", str(about.get("description") or ""), "rm-quiet rm-small")
                if name in wrong:
                    Text("p", _refused(wrong[name]), "rm-wrong rm-small").props('role="alert"')


def _in_words(value: Any) -> str:
    """A value for people (pure)."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(each) for each in value) or "empty"
    if isinstance(value, float):
        return f"{value:g}"
    return "empty" if value is None or value == "" else str(value)
