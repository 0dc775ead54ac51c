"""The folders of a site on its node: logs and Prefect's home are for the account alone that runs it."""

from __future__ import annotations

import os
from typing import Final

from reelmill.settings import Settings

_ENTERED_ONLY: Final = 0o711
_CLOSED: Final = 0o700


def make_folders(settings: Settings) -> None:
    """Make what is missing, and close what holds our own files alone.

    The data folder itself may be somebody's choice, which is left as it is. Under root another account, which
    PostgreSQL runs as, must be able to enter it.
    """
    if not settings.data_dir.exists():
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        settings.data_dir.chmod(_ENTERED_ONLY if os.geteuid() == 0 else _CLOSED)
    for folder in (settings.log_dir, settings.prefect_home):
        folder.mkdir(exist_ok=True)
        folder.chmod(_CLOSED)
