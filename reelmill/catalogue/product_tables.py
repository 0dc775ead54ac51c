"""The tables of what jobs make: of which videos each product is, and what is shown beside a video."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, String
from sqlmodel import Field

from reelmill.catalogue.table_base import SCHEMA, CatalogueModel, time_column


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


class AssetKind(StrEnum):
    """What an asset is."""

    THUMBNAIL = "thumbnail"
    STORYBOARD = "storyboard"  # the WebVTT, by which players find the tiles of the sheets
    SHEET = "storyboard_sheet"
    GIF = "gif"
    SCENE_IMAGE = "scene_image"
    CONTACT_SHEET = "contact_sheet"


class Asset(CatalogueModel, table=True):
    """A file for people's eyes that a job made of a video; videos of the same content share it, each with its row."""

    __tablename__ = "asset"
    __table_args__ = ({"schema": SCHEMA},)

    video_id: uuid.UUID = Field(primary_key=True, foreign_key=f"{SCHEMA}.video.id", ondelete="CASCADE")
    # In the order of bytes, as walks through folders are.
    path: str = Field(
        sa_type=String(collation="C"), primary_key=True, index=True, description="relative to the media root"
    )
    kind: str = Field(description="see AssetKind")
    number: int | None = Field(default=None, description="of the sheet or the scene, from 1")
    content_id: str | None = Field(default=None, description="of the file it was made of; None: not known")
    recipe: str | None = Field(default=None, description="hash of what it was made from and how; None: not known")
    size: int | None = Field(default=None, sa_type=BigInteger, description="bytes; None: not known")
    made_by: uuid.UUID | None = Field(default=None, description="the flow run that made it, or found it made")
    made_at: datetime = time_column()
