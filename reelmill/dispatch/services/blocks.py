"""Blocks: what the people of a site agree on, read and changed.

A block that has a slug beginning with ``reelmill-`` is found here by itself, with the schema that was registered last.
Its values are checked against that schema, for the server takes whatever it is sent.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from prefect.client.schemas.actions import BlockDocumentCreate, BlockDocumentUpdate
from prefect.client.schemas.objects import BlockDocument, BlockSchema, BlockType
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

from reelmill.catalogue.limits import check_storable
from reelmill.dispatch.audit import Audit
from reelmill.dispatch.runs.control import this_user
from reelmill.dispatch.server.connection import Connection, translates_errors
from reelmill.errors import PlatformError, ReelmillError, UnknownName, UserError, WrongParameter
from reelmill.queue.actor import Actor

#: What the slugs of the site's own kinds of blocks begin with; the server has many of Prefect's, too.
_OURS: Final = "reelmill-"

#: Name of the block of each kind that serves a site.
_DEFAULT: Final = "default"

_SECONDS: Final = 2.0  # that a reading counts for whoever asks for a recent one, or its failure
_PATIENCE: Final = 5.0  # seconds that somebody waits for the reading of another
_SHOWN: Final = 60  # characters of a value in a sentence


@dataclass(frozen=True)
class BlockState:
    """What the people of a site agree on, in one block."""

    name: str  # slug of its kind
    title: str  # as people call it
    description: str
    schema: Mapping[str, Any]  # of its values, as OpenAPI has it
    values: Mapping[str, Any]  # all of them, by name; secrets are obscured
    secrets: frozenset[str] = frozenset()  # names of the values that nobody is shown
    saved: bool = True  # False: nobody has, and the defaults hold

    @property
    def wrong(self) -> dict[str, str]:
        """Sentences on the values that are saved and that jobs refuse, by name; their bounds may be newer."""
        refused = {}
        for name in self.values.keys() - self.secrets:
            try:
                _check(self, {name: self.values[name]})
            except WrongParameter as error:
                refused[name] = str(error)
        return refused


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
            secrets=self._secrets | {name for name, each in about.items() if _is_secret(each)},
            saved=self.document is not None,
        )

    @property
    def _secrets(self) -> frozenset[str]:
        """Names of the values that Prefect obscures, wherever in them the secret lies."""
        return frozenset(str(path).partition(".")[0] for path in self.schema.fields.get("secret_fields") or ())


class Blocks:
    """What a site's people configure on its server."""

    def __init__(self, connection: Connection, audit: Audit):
        self._connection, self._audit = connection, audit
        self._lock = threading.Lock()
        self._read_at = -math.inf
        self._found: list[BlockState] | ReelmillError = []

    def recent(self) -> list[BlockState]:
        """Every block as it was at most two seconds ago, or after the last change made here: one reading for all.

        Returns:
            The blocks in the order of their titles.

        Raises:
            PlatformError: the server is away, or lets others wait already.
        """
        if not self._lock.acquire(timeout=_PATIENCE):
            raise PlatformError("The Prefect server takes long to show the settings; try again in a while.")
        try:
            clock = self._connection.clock
            if clock.monotonic() - self._read_at > _SECONDS:
                self._read_at = clock.monotonic()  # before it: what is changed meanwhile is read again
                self._found = self._all()
            found = self._found
        finally:
            self._lock.release()
        if isinstance(found, ReelmillError):
            raise found.with_traceback(None)  # else it would grow with each who is shown it
        return found

    def _all(self) -> list[BlockState] | ReelmillError:
        try:
            return self.all()
        except ReelmillError as error:
            return error

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
        self._read_at = -math.inf
        shown = changed.keys() - before.secrets
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
        _check_storable(name, value)
        wrong = best_match(Draft202012Validator(about[name]).iter_errors(value))
        if wrong is not None:
            raise WrongParameter(f"{name}: {_reason(wrong, about[name])}.", name, value)


def _check_storable(name: str, value: Any) -> None:
    try:
        if isinstance(value, (int, float)) and not math.isfinite(value):
            raise WrongParameter(f"{name}: {value} is no number that counts.", name, value)
        check_storable(value)
    except OverflowError as error:
        raise WrongParameter(f"{name}: a number of so many digits does not count.", name, value) from error
    except ValueError as error:
        raise WrongParameter(f"{name}: {error}.", name, value) from error


def _reason(wrong: ValidationError, about: Mapping[str, Any]) -> str:
    """Why a value is not taken, in words that do not grow with it (pure).

    Args:
        wrong: what the schema has against it.
        about: the schema of its property.

    Returns:
        The end of a sentence.
    """
    value, limit = wrong.instance, wrong.validator_value
    if wrong.validator == "maxItems":
        return f"{len(value)} entries are too many; {limit} are the most"
    if wrong.validator == "maxLength":
        return f"{_short(value)} has {len(value)} characters; {limit} are the most"
    if wrong.validator == "uniqueItems":
        return f"{_short(next(each for each in value if value.count(each) > 1))} is there twice"
    # Where a schema describes what it takes, as of the items of a list, that is plainer than its pattern.
    explained = wrong.schema.get("description") if wrong.schema != about else None
    return f"{_short(value)} is not {explained}" if explained else wrong.message.replace(repr(value), _short(value))


def _short(value: Any) -> str:
    """A value for a sentence (pure)."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _is_secret(about: Mapping[str, Any]) -> bool:
    """Whether nobody is shown a value of this schema, which may be nothing as well (pure)."""
    kinds = [about, *(about.get("anyOf") or ())]
    return any(kind.get("writeOnly") or kind.get("format") == "password" for kind in kinds)
