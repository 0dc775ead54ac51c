"""The tables of what jobs make: of which videos each product is, what is shown beside a video, its scenes."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import BigInteger, String
from sqlmodel import Field

from reelmill.catalogue.table_base import SCHEMA, CatalogueModel, time_column

#: Tables whose rows of one video belong together, all of one making or none, with the column that names the video.
TOGETHER: Final = {"product_source": "product_id", "scene": "video_id"}


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


class Scene(CatalogueModel, table=True):
    """A scene of a video: from one cut or the middle of one fade to the next."""

    __tablename__ = "scene"
    __table_args__ = ({"schema": SCHEMA},)

    video_id: uuid.UUID = Field(primary_key=True, foreign_key=f"{SCHEMA}.video.id", ondelete="CASCADE")
    number: int = Field(primary_key=True, description="from 1, in the order of the video")
    starts_at: float = Field(description="seconds of the video")
    ends_at: float
    image: str | None = Field(default=None, description="path of one of its middle, relative to the media root")
    score: float | None = Field(default=None, description="mean of its seconds, 0 to 1, as digests choose by it")
    content_id: str | None = Field(default=None, description="of the file it was found in; None: not known")
