from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from reelmill.scheduling.devices import Gpu, gpus


def _listed() -> list[str]:
    """The cards' UUIDs as the driver's own tool has them."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    answer = subprocess.run(
        [program, "--query-gpu=uuid", "--format=csv,noheader"], capture_output=True, text=True, check=False
    )
    return answer.stdout.split() if answer.returncode == 0 else []


def test_the_cards_are_the_drivers_or_none() -> None:
    assert [gpu.uuid for gpu in gpus()] == _listed()


def test_asked_again_the_answer_stands() -> None:
    assert [gpu.uuid for gpu in gpus()] == [gpu.uuid for gpu in gpus()]


_FORKED = """
import os, sys
from reelmill.scheduling.devices import gpus
here = gpus()
if os.fork() == 0:
    os._exit(0 if [gpu.uuid for gpu in gpus()] == [gpu.uuid for gpu in here] else 1)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_a_forked_process_sees_the_same() -> None:
    subprocess.run([sys.executable, "-c", _FORKED], check=True)


@pytest.mark.gpu
def test_a_card_has_memory() -> None:
    found = gpus()
    if not found:
        pytest.skip("no NVIDIA card here")
    for index, gpu in enumerate(found):
        assert isinstance(gpu, Gpu)
        assert gpu.index == index
        assert gpu.total_mb is None or gpu.free_mb is None or 0 <= gpu.free_mb <= gpu.total_mb
