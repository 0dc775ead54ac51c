"""The work pools as ``pools.yaml`` lists them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field


class Pool(BaseModel):
    """One work pool."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: str
    limit: int = Field(ge=1)
    gpu: bool = False  # whether its work is made for a GPU
    description: str


@lru_cache(maxsize=1)
def pools() -> tuple[Pool, ...]:
    """Every pool of a site, in the order of the file."""
    content = yaml.safe_load((Path(__file__).parent / "pools.yaml").read_text())
    return tuple(Pool(name=name, type=content["type"], **facts) for name, facts in content["pools"].items())


def needs_gpu(pool: str) -> bool:
    """Whether the work of a pool is made for a GPU; False for a pool that is not ours."""
    return any(known.gpu for known in pools() if known.name == pool)
