"""Blocks: what the people of a site agree on, read and changed.

A block that has a slug beginning with ``reelmill-`` is found here by itself, with the schema that was registered last.
Its values are checked against that schema, for the server takes whatever it is sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from prefect.client.schemas.actions import BlockDocumentCreate, BlockDocumentUpdate
from prefect.client.schemas.objects import BlockDocument, BlockSchema, BlockType
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from reelmill.dispatch.audit import Audit
from reelmill.dispatch.connection import Connection, translates_errors
from reelmill.dispatch.control import this_user
from reelmill.errors import UnknownName, UserError, WrongParameter
from reelmill.queue.actor import Actor

#: What the slugs of the site's own kinds of blocks begin with; the server has many of Prefect's, too.
_OURS: Final = "reelmill-"

#: Name of the block of each kind that serves a site.
_DEFAULT: Final = "default"


@dataclass(frozen=True)
class BlockState:
    """What the people of a site agree on, in one block."""

    name: str  # slug of its kind
    title: str  # as people call it
    description: str
    schema: Mapping[str, Any]  # of its values, as OpenAPI has it
    values: Mapping[str, Any]  # all of them, by name; secrets are obscured


@dataclass(frozen=True)
class _Block:
    """One kind of block as the server has it."""

    kind: BlockType
    schema: BlockSchema
    document: BlockDocument | None  # None: nobody has saved one, and the defaults hold

    @property
    def state(self) -> BlockState:
        fields = self.schema.fields
        about = fields.get("properties") or {}
        saved = self.document.data if self.document is not None else {}
        return BlockState(
            name=self.kind.slug,
            title=self.kind.name,
            description=self.kind.description or "",
            schema={"properties": about, "required": fields.get("required") or []},
            values={name: saved.get(name, each.get("default")) for name, each in about.items()},
        )

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the values that nobody is shown."""
        return frozenset(str(path).partition(".")[0] for path in self.schema.fields.get("secret_fields") or ())


class Blocks:
    """What a site's people configure on its server."""

    def __init__(self, connection: Connection, audit: Audit):
        self._connection, self._audit = connection, audit

    @translates_errors
    def all(self) -> list[BlockState]:
        """Every block of the site.

        Returns:
            The blocks in the order of their titles.

        Raises:
            PlatformError: the server is away.
        """
        read = [self._read(kind) for kind in self._kinds().values()]
        return sorted((block.state for block in read if block is not None), key=lambda state: state.title)

    @translates_errors
    def change(self, name: str, values: Mapping[str, Any], by: Actor | None = None) -> BlockState:
        """Change values of a block; the others stay, whoever changes them meanwhile.

        Jobs that start after it go by the new ones, and what runs goes on as it began.

        Args:
            name: of the block.
            values: by name.
            by: who wants that; None: whoever runs this process.

        Returns:
            The block as it is then.

        Raises:
            UnknownName: there is no such block.
            WrongParameter: a value cannot be, or there is none of this name.
            UserError: somebody else saved the block for the first time at this moment.
            PlatformError: the server is away.
        """
        block = self._named(name)
        before = block.state
        _check(before, values)
        changed = {each: value for each, value in values.items() if value != before.values[each]}
        if not changed:
            return before
        self._save(block, changed)
        shown = changed.keys() - block.secrets
        self._audit.record(
            "settings.change",
            by or this_user(),
            block=name,
            names=sorted(changed),
            before={each: before.values[each] for each in sorted(shown)},
            after={each: changed[each] for each in sorted(shown)},
        )
        return self._named(name).state

    def _kinds(self) -> dict[str, BlockType]:
        return {kind.slug: kind for kind in self._connection.client.read_block_types() if kind.slug.startswith(_OURS)}

    def _named(self, name: str) -> _Block:
        kinds = self._kinds()
        block = self._read(kinds[name]) if name in kinds else None
        if block is None:
            known = tuple(sorted(kinds))
            raise UnknownName(f"There is no block {name!r}; there are {', '.join(known) or 'none'}.", name, known)
        return block

    def _read(self, kind: BlockType) -> _Block | None:
        """One kind of block; None where its schema was taken away."""
        client = self._connection.client
        schema = client.get_most_recent_block_schema_for_block_type(kind.id)
        if schema is None:
            return None
        try:
            document = client.read_block_document_by_name(_DEFAULT, kind.slug, include_secrets=False)
        except ObjectNotFound:
            document = None
        return _Block(kind, schema, document)

    def _save(self, block: _Block, changed: Mapping[str, Any]) -> None:
        """The server puts them among the values that it has, whoever has changed those since they were read."""
        client, data, schema_id = self._connection.client, dict(changed), block.schema.id
        if block.document is not None:
            client.update_block_document(
                block.document.id, BlockDocumentUpdate(block_schema_id=schema_id, data=data, merge_existing_data=True)
            )
            return
        new = BlockDocumentCreate(name=_DEFAULT, data=data, block_schema_id=schema_id, block_type_id=block.kind.id)
        try:
            client.create_block_document(new)
        except ObjectAlreadyExists as error:
            raise UserError(f"Somebody has just saved {block.kind.name}; look at it again.") from error


def _check(block: BlockState, values: Mapping[str, Any]) -> None:
    """Refuse values that a block does not take (pure).

    Args:
        block: as it is.
        values: by name.

    Raises:
        WrongParameter: one cannot be, or there is none of this name.
    """
    about = block.schema["properties"]
    for name, value in values.items():
        if name not in about:
            raise WrongParameter(f"{block.title} has no {name!r}; it has {', '.join(about)}.", name, value)
        if isinstance(value, float) and not math.isfinite(value):
            raise WrongParameter(f"{name}: {value} is no number that counts.", name, value)
        wrong = best_match(Draft202012Validator(about[name]).iter_errors(value))
        if wrong is not None:
            # Where a schema describes what it takes, as of the items of a list, that is plainer than its pattern.
            explained = wrong.schema.get("description") if len(wrong.absolute_path) else None
            reason = f"{wrong.instance!r} is not {explained}" if explained else wrong.message
            raise WrongParameter(f"{name}: {reason}.", name, value)
