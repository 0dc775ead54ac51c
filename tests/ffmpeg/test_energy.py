from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reelmill.hardware.energy import NOT_MEASURABLE, Counter, Energy, EnergyMeter, gpu_counters
from reelmill.hardware.gpu import FakeDevices, Gpu
from tests.clips import as_nobody
from tests.ffmpeg.powercap import RANGE, zone

_CARDS = tuple(
    Gpu(index=index, uuid=f"GPU-{index}", name="NVIDIA L4", total_mb=23034, free_mb=20000, energy_mj=energy)
    for index, energy in enumerate((5000, 9000))
)


def test_packages_and_memory_are_added_up(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 1_000_000)
    zone(tmp_path, "intel-rapl:1", "package-1", 5_000_000)
    zone(tmp_path, "intel-rapl:0:1", "dram", 0)
    meter = EnergyMeter(powercap=tmp_path)
    zone(tmp_path, "intel-rapl:0", "package-0", 3_500_000)
    zone(tmp_path, "intel-rapl:1", "package-1", 5_250_000)
    zone(tmp_path, "intel-rapl:0:1", "dram", 125_000)
    assert meter.stop() == Energy(2.5 + 0.25 + 0.125, "RAPL dram, RAPL package-0, RAPL package-1")


def test_what_is_in_a_package_already_is_not_counted_twice(tmp_path: Path) -> None:
    for folder, name in (
        ("intel-rapl:0", "package-0"),
        ("intel-rapl:0:0", "core"),
        ("intel-rapl:0:1", "uncore"),
        ("intel-rapl:1", "psys"),
        ("intel-rapl-mmio:0", "package-0"),
    ):
        zone(tmp_path, folder, name, 0)
    meter = EnergyMeter(powercap=tmp_path)
    for path in tmp_path.iterdir():
        (path / "energy_uj").write_text("4000000\n")
    assert meter.stop() == Energy(4.0, "RAPL package-0")


def test_a_counter_that_wraps(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", RANGE - 1_000_000)
    meter = EnergyMeter(powercap=tmp_path)
    zone(tmp_path, "intel-rapl:0", "package-0", 500_000)
    assert meter.stop().joules == 1.5


def test_a_counter_that_wraps_often_is_read_in_between(tmp_path: Path) -> None:
    now = [0.0]
    zone(tmp_path, "intel-rapl:0", "package-0", 0)
    meter = EnergyMeter(powercap=tmp_path, clock=lambda: now[0])
    for microjoules in (RANGE - 1, 1, RANGE - 1, 1):  # read each time, a minute apart
        now[0] += 60
        zone(tmp_path, "intel-rapl:0", "package-0", microjoules)
        meter.tick()
    zone(tmp_path, "intel-rapl:0", "package-0", 2_000_001)
    meter.tick()  # too soon to be read
    assert meter.stop().joules == pytest.approx(2 * RANGE / 1e6 + 2)


def test_where_there_is_nothing_to_read_nothing_is_made_up(tmp_path: Path) -> None:
    assert EnergyMeter(powercap=tmp_path / "absent").stop() == Energy(None, NOT_MEASURABLE)
    zone(tmp_path, "intel-rapl:0", "package-0", 7).joinpath("energy_uj").write_text("")
    assert EnergyMeter(powercap=tmp_path).stop() == Energy(None, NOT_MEASURABLE)


def test_counters_only_root_may_read(open_folder: Path) -> None:
    folder = open_folder / "powercap"
    (zone(folder, "intel-rapl:0", "package-0", 7) / "energy_uj").chmod(0o400)
    with as_nobody():
        assert EnergyMeter(powercap=folder).stop().joules is None


def test_a_counter_that_goes_away_reports_nothing_of_the_whole(tmp_path: Path) -> None:
    kept = zone(tmp_path, "intel-rapl:0", "package-0", 0)
    gone = zone(tmp_path, "intel-rapl:1", "package-1", 0)
    meter = EnergyMeter(powercap=tmp_path)
    shutil.rmtree(gone)
    (kept / "energy_uj").write_text("1000000")
    assert meter.stop() == Energy(1.0, "RAPL package-0")


def test_a_gpu_counts_for_what_is_done_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1")
    after = tuple(Gpu(**{**vars(card), "energy_mj": (card.energy_mj or 0) + 2500}) for card in _CARDS)
    on_card = EnergyMeter(gpu=True, devices=_Turning(_CARDS, after), powercap=tmp_path)
    assert on_card.stop() == Energy(2.5, "NVML gpu1")
    assert EnergyMeter(devices=FakeDevices(_CARDS), powercap=tmp_path).stop() == Energy(None, NOT_MEASURABLE)


class _Turning(FakeDevices):
    """Cards whose counters stand otherwise at each look."""

    def __init__(self, *looks: tuple[Gpu, ...]):
        super().__init__()
        object.__setattr__(self, "_looks", iter(looks))

    def gpus(self) -> tuple[Gpu, ...]:
        looks: object = vars(self)["_looks"]
        return next(looks)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize(
    ("visible", "counted"),
    [("GPU-1", {"GPU-1"}), ("GPU-0,GPU-1", {"GPU-0", "GPU-1"}), (None, {"GPU-0", "GPU-1"}), ("0", {"GPU-0", "GPU-1"})],
)
def test_the_cards_that_count(visible: str | None, counted: set[str]) -> None:
    assert set(gpu_counters(_CARDS, visible)) == counted


def test_a_gpu_that_does_not_report_is_left_out() -> None:
    silent = Gpu(index=2, uuid="GPU-2", name="Tesla P4", total_mb=8000, free_mb=8000)
    assert gpu_counters([silent], None) == {}


def test_a_counter_that_was_set_back() -> None:
    assert Counter("NVML gpu0", 5).since(Counter("NVML gpu0", 9)) is None
