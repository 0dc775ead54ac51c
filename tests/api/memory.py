"""A queue in memory with job types as they are really deployed."""

from __future__ import annotations

from typing import Any

from prefect import Flow
from prefect.utilities.callables import parameter_schema

from flows.reencode import reencode
from flows.validate import validate
from reelmill.dispatch.testing import MemorySite


def memory_site() -> MemorySite:
    """``validate`` in the pool cpu, ``reencode`` in gpu_encode and cpu."""
    site = MemorySite()
    site.deploy("validate", pool="cpu", schema=_schema(validate))
    site.deploy("reencode", pool="gpu_encode", schema=_schema(reencode), variables={"vram_mb": 2000})
    site.deploy("reencode", pool="cpu", schema=_schema(reencode), variables={"vram_mb": 0})
    return site


def _schema(flow: Flow[..., Any]) -> dict[str, object]:
    return parameter_schema(flow.fn).model_dump_for_openapi()
