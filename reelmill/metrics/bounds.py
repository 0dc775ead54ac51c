"""Which values a label may have (pure).

Each new value is a time series for months, so that none comes from what people type.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Collection
from typing import Final

from reelmill.hardware.backends import BACKENDS
from reelmill.operations import jobs
from reelmill.queue.encode_labels import COPY

#: What stands for every name that is not known.
OTHER: Final = "other"

#: An operation bears the name of its job type; ``public_scan`` is a scan of another folder.
JOB_TYPES: Final = frozenset({module.name for module in pkgutil.iter_modules(jobs.__path__)} | {"public_scan"})

#: What encodes: see ``operations/encode_figures.py``.
ENGINES: Final = frozenset({backend.name for backend in BACKENDS} | {COPY})

#: A site has a handful of nodes; names beyond so many are added up.
MOST_NODES: Final = 200


def folded(value: str, known: Collection[str]) -> str:
    """``value`` where it is known, else ``other``."""
    return value if value in known else OTHER
