"""Blocks of the in-memory server: kinds, their schemas, and one document of each at most."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from prefect.client.schemas.objects import BlockDocument, BlockSchema, BlockType


class MemoryBlocks:
    """Block types, schemas and documents, behind the routes of Prefect's API."""

    def __init__(self) -> None:
        self._kinds: dict[str, BlockType] = {}
        self._schemas: list[BlockSchema] = []
        self._documents: dict[uuid.UUID, BlockDocument] = {}

    def add(self, slug: str, title: str, description: str, schema: Mapping[str, Any]) -> None:
        """Register a kind of block, of which nobody has saved any yet."""
        kind = BlockType(id=uuid.uuid4(), name=title, slug=slug, description=description)
        self._kinds[slug] = kind
        self._schemas.append(
            BlockSchema(id=uuid.uuid4(), checksum=f"sha256:{slug}", fields=dict(schema), block_type_id=kind.id)
        )

    def kinds(self) -> list[BlockType]:
        """All there are."""
        return list(self._kinds.values())

    def schemas(self, body: dict[str, Any]) -> list[BlockSchema]:
        """The schemas of some kinds."""
        wanted = body["block_schemas"]["block_type_id"]["any_"]
        return [schema for schema in self._schemas if str(schema.block_type_id) in wanted]

    def named(self, slug: str, name: str) -> BlockDocument:
        """The document of a kind that has a name."""
        by_name = {(document.block_type_id, document.name): document for document in self._documents.values()}
        return by_name[self._kinds[slug].id, name]

    def create(self, body: dict[str, Any]) -> BlockDocument:
        """Save a new document."""
        document = BlockDocument.model_validate({"id": uuid.uuid4(), **body})
        self._documents[document.id] = document
        return document

    def update(self, body: dict[str, Any], document_id: str) -> None:
        """Put values among those that a document has."""
        before = self._documents[uuid.UUID(document_id)]
        self._documents[before.id] = before.model_copy(update={"data": {**before.data, **body["data"]}})
