"""The password that other nodes join with: one for all, and never empty."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reelmill.catalogue.remote_access import RemoteAccess


def test_all_who_ask_at_once_get_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: RemoteAccess(tmp_path, "127.0.0.1").password, range(8)))
    assert len(found) == 1
    assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["password"]


@pytest.mark.parametrize("left", [b"", bytes(24), b"\n"])
def test_one_that_a_power_loss_has_emptied_is_made_anew(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "password").write_bytes(left)
    password = RemoteAccess(tmp_path, "127.0.0.1").password
    assert len(password) > 20
    assert RemoteAccess(tmp_path, "127.0.0.1").password == password
