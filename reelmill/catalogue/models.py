"""The catalogue's tables (SQLModel). All live in the schema ``catalogue``; Prefect's own stay in ``public``."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any, Final

import sqlalchemy
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    String,
    Text,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

# Imported from here by everybody; and whoever imports the videos knows of all tables that point at them.
from reelmill.catalogue.product_tables import Asset as Asset
from reelmill.catalogue.product_tables import AssetKind as AssetKind
from reelmill.catalogue.product_tables import ProductSource as ProductSource
from reelmill.catalogue.product_tables import Scene as Scene
from reelmill.catalogue.table_base import SCHEMA as SCHEMA
from reelmill.catalogue.table_base import CatalogueModel as CatalogueModel
from reelmill.catalogue.table_base import Rational as Rational
from reelmill.catalogue.table_base import time_column
from reelmill.catalogue.table_base import utc_now as utc_now

#: Characters of a title that its index holds: an entry has room for 2,704 bytes.
TITLE_KEY: Final = 200

#: What names are looked up by in any case and Unicode normalisation, in the words of the indexes: PostgreSQL takes an
#: index only for the very expression it was made with.
FOLDED_FILENAME: Final = "lower(normalize(filename))"
FOLDED_TITLE: Final = f"left(lower(normalize(title)), {TITLE_KEY})"

#: A title without its first character, in the words of the index for words inside titles, see ``title_pages``.
TITLE_REST: Final = "substr(title, 2)"

#: Titles that may begin with a word otherwise than they are sorted by, in the words of the index that has them: few.
UNNORMALISED_TITLE: Final = "title IS NOT NFC NORMALIZED"

#: Seconds, in the words of the index that the longest are found by; a video of unknown length is behind all others.
LENGTH: Final = "COALESCE(duration, '-1'::double precision)"

#: Bytes that a web copy saves, in the words of the index that they are sorted by; other videos are behind.
SAVED: Final = "COALESCE(source_size - size, '-9223372036854775808'::bigint)"

#: A web copy that saves something for anybody, in the words of the index that holds what is summed up.
USABLE_COPY: Final = "is_valid AND missing_since IS NULL AND source_size IS NOT NULL"

#: What is true of the very bytes of a file, and not of a file that somebody puts in its place.
OF_BYTES: Final = ("recipe", "blake2", "source_size", "encode_cpu_seconds", "encode_joules", "vmaf")

#: What a job may make something new of, in the words of the index that picks are made from.
USABLE_SOURCE: Final = "is_valid AND missing_since IS NULL AND duration > 0 AND NOT is_product"


class Video(CatalogueModel, table=True):
    """One video file: found by a scan, or made by a job (then ``made_by`` is the flow run)."""

    __tablename__ = "video"
    __table_args__ = (
        # Most batches are for thumbnails of one directory type; the index empties as they are made. Of 200,000 videos a
        # page of those without is read in 0.3 ms by it, and in 500 to 3,000 ms by asking which have no such asset.
        Index(
            "video_without_thumbnail",
            "directory_type",
            "id",
            postgresql_where=text("thumbnail_path IS NULL"),
        ),
        Index("video_title_search", "title", postgresql_using="gin", postgresql_ops={"title": "gin_trgm_ops"}),
        Index(
            "video_title_inside",
            literal_column(TITLE_REST).label("rest"),
            postgresql_using="gin",
            postgresql_ops={"rest": "gin_trgm_ops"},
        ),
        Index("video_title_unnormalised", "title", postgresql_where=text(UNNORMALISED_TITLE)),
        Index("video_filename_search", "filename", postgresql_using="gin", postgresql_ops={"filename": "gin_trgm_ops"}),
        Index(
            "video_usable_source",
            "id",
            postgresql_include=["duration", "orientation"],
            postgresql_where=text(USABLE_SOURCE),
        ),
        # What videos are listed by, see ``browsing``; alike ones are put in the order of their paths as they are read.
        Index("video_created_at", "created_at"),
        Index("video_size", "size", "id"),
        Index("video_length", text(LENGTH)),
        Index("video_saved", text(SAVED)),
        Index(
            "video_usable_copy",
            "id",
            postgresql_include=["source_size", "size"],
            postgresql_where=text(USABLE_COPY),
        ),
        Index("video_filename_folded", text(FOLDED_FILENAME)),
        Index("video_title_folded", text(FOLDED_TITLE)),
        # Files of catalogues of before content ids are recognised by these two; the index empties as they are read.
        Index("video_without_content_id", "size", "mtime_ns", postgresql_where=text("content_id IS NULL")),
        {"schema": SCHEMA},
    )

    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    title: str = Field(description="the container's tag, else the file's stem; people may edit it")
    # In the order of bytes, as walks through folders are, whatever order the database has: both are read side by side.
    path: str = Field(
        sa_type=String(collation="C"),
        unique=True,
        description="relative to the media root, forward slashes",
    )
    directory_type: str = Field(index=True)
    filename: str
    size: int = Field(sa_type=BigInteger, description="bytes")
    mtime_ns: int = Field(sa_type=BigInteger, description="modification time, nanoseconds since 1970")
    ctime_ns: int | None = Field(
        default=None, sa_type=BigInteger, description="time of its last change of any kind, likewise; None: not known"
    )
    content_id: str | None = Field(
        default=None, index=True, description="what the file holds; None: it was not read since they were introduced"
    )

    container: str | None = None
    video_codec: str | None = None
    audio_codec: str | None = Field(default=None, description="of the first audio track")
    width: int | None = Field(default=None, description="as stored, pixels")
    height: int | None = None
    rotation: int | None = Field(default=None, description="degrees clockwise for display")
    orientation: str | None = Field(default=None, index=True, description="landscape, portrait, square: as shown")
    frame_rate: Fraction | None = Field(default=None, sa_column=Column(Rational, nullable=True))
    duration: float | None = Field(default=None, description="seconds")
    bit_rate: int | None = Field(default=None, sa_type=BigInteger, description="bits per second")
    audio_tracks: int | None = None
    subtitle_tracks: int | None = None

    is_valid: bool = Field(default=True, index=True)
    validation_error: str | None = None
    checked_depth: str | None = Field(default=None, description="of the check that found so: opened, quick, full")
    checked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True), description="when that was")
    missing_since: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    thumbnail_path: str | None = Field(default=None, description="of the asset that is shown, the last that was made")

    is_product: bool = Field(
        default=False,
        sa_column_kwargs={"server_default": sqlalchemy.false()},
        description="a job of ours made it; it stays true when somebody replaces the file",
    )
    source_video_id: uuid.UUID | None = Field(default=None, foreign_key=f"{SCHEMA}.video.id", index=True)
    made_by: uuid.UUID | None = Field(default=None, description="the flow run that made this file")
    recipe: str | None = Field(default=None, unique=True, description="hash of what this file was made from and how")
    details: dict[str, Any] | None = Field(
        default=None, sa_type=JSONB, description="what its job wants remembered of it"
    )
    blake2: str | None = Field(default=None, description="BLAKE2b of the whole file; None: it was not read whole")
    source_size: int | None = Field(
        default=None, sa_type=BigInteger, description="of a web copy: bytes of what it was made of; None: it is none"
    )
    encode_cpu_seconds: float | None = Field(
        default=None, description="of a web copy: what making it took, all cores together; None: not known"
    )
    encode_joules: float | None = Field(default=None, description="likewise, of the whole node; None: not measured")
    vmaf: float | None = Field(
        default=None, description="of a web copy: how close it looks to its source, 0 to 100; None: not measured"
    )
    reencode_job_id: uuid.UUID | None = Field(default=None, description="the last flow run that re-encoded it")

    created_at: datetime = time_column()
    updated_at: datetime = time_column()

    @property
    def saved(self) -> int | None:
        """Bytes that a web copy is smaller than its source; below 0 where it is larger, None where it is none."""
        return None if self.source_size is None else self.source_size - self.size

    def __str__(self) -> str:
        return self.path


class PerceptualHashes(CatalogueModel, table=True):
    """What a video looks like: 64 bits for each second; goes with its video."""

    __tablename__ = "fingerprint"
    __table_args__ = ({"schema": SCHEMA},)

    video_id: uuid.UUID = Field(primary_key=True, foreign_key=f"{SCHEMA}.video.id", ondelete="CASCADE")
    algorithm: str = Field(description="with its version; only hashes of the same one compare")
    content_id: str | None = Field(
        default=None, index=True, description="of the file; None: size and time stand for it"
    )
    size: int = Field(sa_type=BigInteger, description="bytes of the file it was taken from")
    mtime_ns: int = Field(sa_type=BigInteger, description="that file's modification time, nanoseconds since 1970")
    seconds: int = Field(description="how many hashes")
    hashes: bytes = Field(description="64 bits a second, little-endian")
    created_at: datetime = time_column()


class Analysis(CatalogueModel, table=True):
    """What one algorithm found in a video's file, kept for every job that asks again."""

    __tablename__ = "analysis"
    __table_args__ = (Index("analysis_of_content", "content_id", "kind"), {"schema": SCHEMA})

    video_id: uuid.UUID = Field(primary_key=True, foreign_key=f"{SCHEMA}.video.id", ondelete="CASCADE")
    kind: str = Field(primary_key=True, description="signals, scenes, …")
    version: str = Field(description="of the algorithm; another one's result is not this one's")
    content_id: str | None = Field(
        default=None, description="of the file it was found in; None: size and time stand for it"
    )
    size: int = Field(sa_type=BigInteger, description="of the file it was found in, bytes")
    mtime_ns: int = Field(sa_type=BigInteger, description="of that file, nanoseconds since 1970")
    result: bytes = Field(sa_type=LargeBinary, description="as its algorithm writes it")
    made_at: datetime = time_column()


class VideoTag(CatalogueModel, table=True):
    """A word for a video, given by a person or by a job; a job never touches a person's."""

    __tablename__ = "tag"
    __table_args__ = ({"schema": SCHEMA},)

    video_id: uuid.UUID = Field(primary_key=True, foreign_key=f"{SCHEMA}.video.id", ondelete="CASCADE")
    name: str = Field(primary_key=True, index=True)
    by_person: bool = False
    confidence: float = Field(description="0 to 1; 0 by a person: it does not fit, whatever a job finds")
    evidence: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    made_by: uuid.UUID | None = Field(default=None, description="the flow run that found it")
    made_at: datetime = time_column()


class BatchState(StrEnum):
    """How a batch stands."""

    RUNNING = "running"  # videos are handed in as jobs, or its last jobs are under way
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"


class Batch(CatalogueModel, table=True):
    """The same job for every video that a filter chooses; its jobs carry its tag on the Prefect server."""

    __tablename__ = "batch"
    __table_args__ = ({"schema": SCHEMA},)

    id: str = Field(primary_key=True, description="short, to be read aloud")
    job_type: str
    video_parameter: str = Field(description="of the job type: what the id of the video is handed in as")
    parameters: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, description="of every job, without that")
    options: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, description="pool, lane, … of every job")
    filter: str = Field(description="see filter_parser")
    state: str = Field(default=BatchState.RUNNING, index=True)
    reason: str | None = Field(default=None, description="why it is paused, where no person did that")
    cursor: uuid.UUID | None = Field(default=None, description="the last video handed in; they come in order of ids")
    fed: bool = Field(default=False, description="no video is left to be handed in")
    matched: int = Field(description="videos that the filter chose when it was made")
    submitted: int = Field(default=0, description="jobs of its own")
    folded: int = Field(default=0, description="videos whose same work was under way already")
    refused: int = Field(default=0, description="videos of which the server took no job")
    refusals: list[dict[str, str]] = Field(
        default_factory=list, sa_type=JSONB, description="the first of them, with reasons"
    )
    created_by: str
    created_at: datetime = time_column()
    ended_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))

    @property
    def tag(self) -> str:
        """What each of its jobs is tagged with."""
        return batch_tag(self.id)


def batch_tag(batch_id: str) -> str:
    """What each job of a batch is tagged with."""
    return f"batch:{batch_id}"


class AuditEntry(CatalogueModel, table=True):
    """What somebody did to a job or to the site; rows are only ever added."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_of_job", "job_id", "id"), {"schema": SCHEMA})

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    at: datetime = time_column(index=True)
    actor: str = Field(description="alice@nas, or the name of an API token")
    origin: str = Field(description="through what: api, cli, python, web, worker")
    action: str = Field(description="submit, retry, cancel, pause, resume, prioritise, …")
    job_id: uuid.UUID | None = Field(default=None, description="the job's public id; None: it is not about one job")
    reason: str | None = None
    details: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB, description="such as the lane, or how many")


class ApiToken(CatalogueModel, table=True):
    """A bearer token of the REST API; the token itself is kept nowhere."""

    __tablename__ = "api_token"
    __table_args__ = ({"schema": SCHEMA},)

    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True, description="the token's jti")
    name: str = Field(description="whose it is; the actor of what is done with it")
    role: str = Field(description="SUPER_ADMIN, AUTOMATION, VIEWER or SCRAPER")
    created_at: datetime = time_column()
    expires_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True), description="None: never")
    revoked_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class ArchivedJobs(CatalogueModel, table=True):
    """How many finished runs were removed from the Prefect server, so that totals survive them."""

    __tablename__ = "archived_jobs"
    __table_args__ = ({"schema": SCHEMA},)

    job_type: str = Field(primary_key=True)
    status: str = Field(primary_key=True, description="as people call it: completed, failed, cancelled")
    engine: str = Field(primary_key=True, default="", description="of encodes: software, nvenc; else empty")
    jobs: int = Field(sa_type=BigInteger)
    dead_letters: int = Field(default=0, sa_type=BigInteger)
    retries: int = Field(default=0, sa_type=BigInteger)
    seconds: float = Field(default=0.0, description="that they ran, together")


class ArchivedRun(CatalogueModel, table=True):
    """A run on its way from the Prefect server into the archive; the row goes once it is gone there and counted."""

    __tablename__ = "archived_run"
    __table_args__ = ({"schema": SCHEMA},)

    id: uuid.UUID = Field(primary_key=True, description="of the run on the Prefect server")
    file: str = Field(index=True, description="node and path of the file it goes into")
    ended: datetime = time_column(description="when the run did; one that has ended later was tried again, and stays")
    written: bool = Field(default=False, description="the file is complete, so that the run may be removed")
    job_type: str | None = Field(default=None, description="None: a run whose place another took counts as no job")
    status: str = ""
    engine: str = ""
    dead_letters: int = Field(default=0, description="0 or 1")
    retries: int = 0
    seconds: float = 0.0


class MetricTotal(CatalogueModel, table=True):
    """One running total of the metrics: it only ever grows, whatever becomes of the runs that it has counted."""

    __tablename__ = "metric_total"
    __table_args__ = ({"schema": SCHEMA},)

    name: str = Field(primary_key=True)
    labels: list[str] = Field(sa_column=Column(ARRAY(Text), primary_key=True))  # values, in the order of the metric's
    value: float


class TalliedEnding(CatalogueModel, table=True):
    """An ending of a job that the totals hold; kept for as long as the server may name it again."""

    __tablename__ = "tallied_ending"
    __table_args__ = ({"schema": SCHEMA},)

    state_id: uuid.UUID = Field(primary_key=True, description="the run's final state; another ending has another")
    seen_at: datetime = time_column(index=True)


class MountPoint(CatalogueModel, table=True):
    """A folder of the library that a scan has seen a disk of its own mounted at; the row stays while that is away."""

    __tablename__ = "mount_point"
    __table_args__ = ({"schema": SCHEMA},)

    path: str = Field(primary_key=True, description="relative to the media root")
    seen_at: datetime = time_column(description="last, as far as known")


class SiteIdentity(CatalogueModel, table=True):
    """The site this catalogue is of; its migration makes the one row there is."""

    __tablename__ = "site"
    __table_args__ = (CheckConstraint("singleton", name="one_site"), {"schema": SCHEMA})

    singleton: bool = Field(default=True, primary_key=True, description="always true: there is one row")
    id: uuid.UUID = Field(default_factory=uuid.uuid4, description="its media root carries the same")
    made_at: datetime = time_column()
    auth_string: str | None = Field(default=None, description="what its Prefect server asks for; None: nothing")
    dask_keys: str | None = Field(default=None, description="PEM: the one certificate of its Dask cluster, and its key")
    token_key: str | None = Field(
        default=None, description="what its API tokens are signed with; a new one ends them all"
    )
    has_unrecorded_images: bool = Field(
        default=False,
        sa_column_kwargs={"server_default": sqlalchemy.false()},
        description="it was upgraded, and images on its disk were not looked for since: older versions had no rows",
    )
