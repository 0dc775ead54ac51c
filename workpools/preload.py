"""Loaded once into the server that runs are forked from: what every run needs, and the flows of the worker's pool."""

from __future__ import annotations

import importlib
import logging
import os

#: Modules to load, joined by commas: the worker sets it before the server starts.
VARIABLE = "REELMILL_PRELOAD"

#: What the engine and a flow would otherwise each import for themselves.
ALWAYS = ("prefect.flow_engine", "prefect.cli", "prefect_dask", "workpools.child")


def _load(names: list[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:
            logging.getLogger(__name__).exception("%s could not be loaded ahead; its runs will say why", name)


_load([*ALWAYS, *filter(None, os.environ.get(VARIABLE, "").split(","))])
