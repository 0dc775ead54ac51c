"""What differs from node to node, read from the environment once and late.

What a site's people agree on (extensions, encoder choices) is not here: it lives in Prefect blocks, see ``blocks/``.
"""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from reelmill.errors import UserError


def _default_data_dir() -> Path:
    # PostgreSQL refuses to run as root, and the account it runs as instead cannot enter root's home.
    if os.geteuid() == 0:
        return Path("/var/lib/reelmill")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "reelmill"


class Settings(BaseSettings):
    """One node's settings; each is also an environment variable, ``REELMILL_`` and the name in capitals."""

    model_config = SettingsConfigDict(env_prefix="REELMILL_", frozen=True, extra="ignore")

    data_dir: Path = Field(
        default_factory=_default_data_dir, description="database, Prefect's home, logs of this node's site"
    )
    media_root: Path = Field(
        default_factory=lambda: Path.home() / "reelmill-media", description="where the video library lives"
    )
    database_url: str | None = Field(
        default=None, description="postgresql://… of an external server; unset: the embedded one in data_dir"
    )
    node_name: str = Field(default_factory=platform.node, description="this node's name in the site")
    prefect_port: int = Field(default=4200, ge=1, le=65535, description="first port tried for Prefect's server")
    listen: str | None = Field(
        default=None, description="this node's address that others may reach the site at; unset: this node only"
    )
    login: Literal["on", "off"] = Field(
        default="on",
        description="off: neither the Prefect server nor the REST API asks for a login; only where listen is unset",
    )
    api: Literal["on", "off"] = Field(default="on", description="off: the site comes up without its REST API")
    api_port: int = Field(default=4100, ge=1, le=65535, description="first port tried for the REST API")
    api_proxy: str | None = Field(
        default=None, description="address of a proxy before the REST API; the addresses that it reports are believed"
    )
    metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="of this node's first worker's metrics; the others take the next ones; unset: none are served",
    )
    ffmpeg: Path | None = Field(default=None, description="the ffmpeg to use; unset: PATH, then the bundled one")
    gst_launch: Path | None = Field(
        default=None, description="GStreamer's gst-launch-1.0, for load tests; unset: the one on PATH"
    )
    dask_address: str | None = Field(
        default=None, description="a Dask scheduler (tcp://…) for fan-out; unset: threads of this node"
    )
    chunk_store_gb: float = Field(
        default=20.0, ge=0, description="how much finished work of unfinished jobs is kept for them; more where needed"
    )
    models: Path | None = Field(
        default=None, description="a folder with a CLIP model, for tags by what is recognised; unset: what is measured"
    )
    virtual_vram_mb: int = Field(
        default=16_000, ge=0, description="the budget of GPU memory of a node without a GPU, in MB"
    )
    software_gpu: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="whether a node without a GPU serves the GPU pools: auto, while the site has no GPU",
    )
    retry_base_seconds: float = Field(
        default=60.0, gt=0, description="a failed job is tried again after 2, 4, 8 … times this"
    )
    max_retries: int = Field(default=3, ge=0, description="how often, where the job itself sets none")
    batch_waiting: int = Field(
        default=300, ge=1, description="how many jobs of a batch wait at a time; the others come as these are done"
    )
    keep_jobs_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="jobs that ended longer ago go into the archive (archive/ in data_dir); unset: they stay",
    )
    drain_seconds: float = Field(
        default=60.0, ge=0, description="how long a worker that is to stop lets its jobs end before it stops them"
    )
    silent_seconds: float = Field(
        default=120.0, gt=0, description="jobs of a worker unheard of for longer go to the retry rule"
    )
    give_back_seconds: float = Field(
        default=60.0, ge=0, description="a job that waits longer for GPU memory goes to another node that has it"
    )
    disk_reserve_mb: int = Field(
        default=512, ge=0, description="a million bytes each: how much of the library's disk no job may fill"
    )
    breaker_failures: int = Field(
        default=3, ge=1, description="a worker whose last jobs, so many, failed by its own fault pauses itself"
    )
    breaker_seconds: float = Field(default=30.0, gt=0, description="between two checks whether its fault is mended")

    @field_validator("data_dir", "media_root", "ffmpeg", "gst_launch", "models")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().absolute()

    @property
    def postgres_dir(self) -> Path:
        """The embedded PostgreSQL's data folder."""
        return self.data_dir / "postgres"

    @property
    def prefect_home(self) -> Path:
        """PREFECT_HOME of the site's server and workers."""
        return self.data_dir / "prefect"

    @property
    def worker_dir(self) -> Path:
        """What the workers of this node share: who is alive, and their ledger of GPU memory."""
        return self.data_dir / "workers"

    @property
    def chunk_store_bytes(self) -> int:
        """``chunk_store_gb`` in bytes."""
        return int(self.chunk_store_gb * 1e9)

    @property
    def slot_dir(self) -> Path:
        """What all encodes of this node share: who has which core."""
        return self.data_dir / "slots"

    @property
    def archive_dir(self) -> Path:
        """Where the jobs are that the server has no more."""
        return self.data_dir / "archive"

    @property
    def log_dir(self) -> Path:
        """Where the site's processes write their logs."""
        return self.data_dir / "logs"


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process; ``get_settings.cache_clear()`` makes the next call read them again.

    Returns:
        The settings, read once.

    Raises:
        UserError: an environment variable holds what its setting cannot be.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = [f"REELMILL_{one['loc'][0]}".upper() + f"={one['input']}: {one['msg']}" for one in error.errors()]
        raise UserError(f"These settings cannot be: {'; '.join(wrong)}. Mend or unset them.") from error
