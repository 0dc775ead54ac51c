"""The tables of what jobs make: of which videos each product is."""

from __future__ import annotations

import uuid

from sqlmodel import Field

from reelmill.catalogue.table_base import SCHEMA, CatalogueModel


class ProductSource(CatalogueModel, table=True):
    """What a product holds of one video: a segment of it, or all; a film has a row for each segment and each cell."""

    __tablename__ = "product_source"
    __table_args__ = ({"schema": SCHEMA},)

    product_id: uuid.UUID = Field(primary_key=True, foreign_key=f"{SCHEMA}.video.id", ondelete="CASCADE")
    number: int = Field(primary_key=True, description="its position in the product, from 0; in a grid row by row")
    source_id: uuid.UUID | None = Field(
        default=None, foreign_key=f"{SCHEMA}.video.id", ondelete="SET NULL", index=True, description="None: unknown now"
    )
    source_path: str = Field(description="of the source when it was read, for people; nothing is looked up by it")
    source_start: float | None = Field(default=None, description="seconds of the source; None: its beginning")
    source_end: float | None = Field(default=None, description="seconds of the source; None: its end")
    starts_at: float | None = Field(default=None, description="seconds of the product; None: not known")
    ends_at: float | None = Field(default=None, description="likewise; fades belong to what they lead from and to")
    cell: int | None = Field(default=None, description="of a grid, from 0; None: it fills the frame")
