from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.storage.file_hash import sha256


def test_the_hash_is_that_of_the_standard(tmp_path: Path) -> None:
    """FIPS 180-4's example of one block, and no bytes at all."""
    (tmp_path / "abc").write_bytes(b"abc")
    (tmp_path / "empty").touch()
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_file_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sha256(tmp_path / "gone")
