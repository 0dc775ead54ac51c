"""What the shell offers while a command is typed: read from files, since Prefect takes a second to import."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from reelmill.queue.job import LANES

_FLOW: Final = re.compile(r"^@flow\(name=\"(\w+)\"", re.MULTILINE)


def job_types(incomplete: str = "") -> list[str]:
    """Names of job types that begin so."""
    spec = find_spec("flows")
    folders = spec.submodule_search_locations or () if spec is not None else ()
    files = [path for folder in folders for path in sorted(Path(folder).glob("*.py"))]
    return [name for path in files for name in _FLOW.findall(path.read_text()) if name.startswith(incomplete)]


def pool_names(incomplete: str = "") -> list[str]:
    """Names of pools that begin so."""
    from workpools.pools import pools

    return [pool.name for pool in pools() if pool.name.startswith(incomplete)]


def lane_names(incomplete: str = "") -> list[str]:
    """Names of lanes that begin so."""
    return [lane for lane in LANES if lane.startswith(incomplete)]
