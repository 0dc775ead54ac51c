"""How tests go to the several processes of ``make test``: whole files, and all that share something dear to one.

A site is PostgreSQL, a Prefect server and three workers, which take their share of the cores while they are up.
PyTorch takes 600 MB, and seven seconds of CPU time to import.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final

import pytest
from xdist.scheduler import LoadScopeScheduling

_ROOT: Final = Path(__file__).parent.parent
_SITE: Final = "the session's site"
_MODEL: Final = "PyTorch"

#: How a file, or the conftest of its folder, says that it works on the site of the session.
_ON_SITE: Final = re.compile(r"\b(on_site|site): Site\b")
#: How a file says that it works with a model.
_WITH_MODEL: Final = re.compile(r'\bimportorskip\("torch"')


@cache
def on_site(file: Path) -> bool:
    """Whether a file of tests belongs to the process that has the site.

    Args:
        file: with an absolute path.

    Returns:
        Whether it, or the conftest of its folder, names the site's fixtures.
    """
    conftest = file.with_name("conftest.py")
    texts = [file.read_text(), conftest.read_text() if conftest.is_file() and file.parent.name != "tests" else ""]
    return any(_ON_SITE.search(text) for text in texts)


@cache
def _with_model(file: Path) -> bool:
    return _WITH_MODEL.search(file.read_text()) is not None


class Distribution(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Of pytest-xdist: what runs together is a file, or all files on the site, or with a model."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        if on_site(_ROOT / file):
            return _SITE
        return _MODEL if _with_model(_ROOT / file) else file


def longest_first(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """An order in which no process is left at the end with a site while the others have nothing to do.

    Args:
        items: in the order of their files.

    Returns:
        Those on the session's site, those that start sites of their own, and the rest.
    """
    files = [(path, list(tests)) for path, tests in groupby(items, key=lambda item: item.path)]

    def rank(entry: tuple[Path, list[pytest.Item]]) -> int:
        path, tests = entry
        return 0 if on_site(path) else 1 if any(test.get_closest_marker("site") for test in tests) else 2

    return [test for _, tests in sorted(files, key=rank) for test in tests]
