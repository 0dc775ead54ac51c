"""Loaded once into the server that runs are forked from: what every run needs, and the flows of the worker's pool."""

from __future__ import annotations

import gc
import importlib
import logging
import os

import anyio

from workpools.processes import forkserver, run_process

#: What the engine and a flow would otherwise each import for themselves.
ALWAYS = (
    "prefect.flow_engine",
    "prefect.workers.base",
    "prefect.cli",
    "prefect_dask",
    "pydantic.v1",
)


def _load(names: list[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:
            logging.getLogger(__name__).exception("%s could not be preloaded; its runs will fail with the reason", name)


_load([*ALWAYS, *filter(None, os.environ.get(forkserver.PRELOAD_VARIABLE, "").split(","))])
anyio.run(anyio.sleep, 0)  # a first event loop loads more
run_process.settle_settings()
# Nothing loaded here is ever garbage: children need not search it, nor copy its memory pages meanwhile.
gc.collect()
gc.freeze()
