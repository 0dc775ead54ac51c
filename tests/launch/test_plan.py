from __future__ import annotations

from collections import Counter

import pytest

from reelmill.errors import CapabilityError
from reelmill.ffmpeg.loadtest.scenarios import SCENARIOS, scenario_named
from reelmill.launch.options import LaunchOptions, lanes_of
from reelmill.launch.plan import batches, distribution, draw_jobs
from reelmill.launch.workers import LiveWorker, live_workers, pool_for
from tests.launch.unsteady_site import SOFTWARE, node
from tests.refusals import refused

GPU = LiveWorker("gpu_encode", frozenset({*SOFTWARE, "h264_nvenc"}), gstreamer=False)
CPU = LiveWorker("cpu", frozenset(SOFTWARE), gstreamer=False)
ONLY_H264 = LiveWorker("cpu", frozenset({"libx264"}), gstreamer=False)
NOTHING_BUT_NVENC = LiveWorker("gpu_encode", frozenset({"h264_nvenc"}), gstreamer=False)


def _options(count: int = 1000, scenario: str | None = None, engine: str = "auto") -> LaunchOptions:
    scenarios = SCENARIOS if scenario is None else (scenario_named(scenario),)
    return LaunchOptions(count, scenarios, lanes_of("mixed", "mixed"), engine, (30, 300), "auto")


def test_the_same_seed_draws_the_same_jobs_and_another_draws_others() -> None:
    assert draw_jobs(_options(), [CPU, GPU], 7) == draw_jobs(_options(), [GPU, CPU], 7)
    assert draw_jobs(_options(), [CPU], 7) != draw_jobs(_options(), [CPU], 8)


def test_every_scenario_and_lane_is_drawn_about_as_often() -> None:
    jobs = draw_jobs(_options(14_000), [CPU], 1)
    scenarios, lanes = Counter(job.scenario for job in jobs), Counter(job.lane for job in jobs)
    assert set(scenarios) == {each.name for each in SCENARIOS}
    assert len(lanes) == 9
    # Six standard deviations around 14,000/14 and 14,000/9: with this seed it holds for ever.
    assert all(abs(count - 1000) < 190 for count in scenarios.values())
    assert all(abs(count - 14_000 / 9) < 225 for count in lanes.values())
    durations = [job.duration for job in jobs]
    assert (min(durations), max(durations)) == (30, 300)
    assert [job.number for job in jobs] == list(range(1, 14_001))


def test_only_what_a_live_worker_can_encode_is_drawn() -> None:
    jobs = draw_jobs(_options(), [ONLY_H264], 1)
    assert {job.scenario.partition("-")[2] for job in jobs} == {"h264"}
    assert {job.pool for job in jobs} == {"cpu"}


def test_each_scenario_goes_to_a_pool_that_can_encode_it() -> None:
    jobs = draw_jobs(_options(), [NOTHING_BUT_NVENC, CPU], 1)
    assert {(job.scenario.partition("-")[2], job.pool) for job in jobs} == {
        ("h264", "gpu_encode"), ("h265", "cpu"), ("vp9", "cpu"), ("vp8", "cpu"),
    }  # fmt: skip


@pytest.mark.parametrize("options", [_options(scenario="720p30-vp9"), _options(1, "720p30-h264", "gstreamer")])
def test_what_no_live_worker_can_encode_is_refused(options: LaunchOptions) -> None:
    with refused(CapabilityError):
        draw_jobs(options, [ONLY_H264], 1)


def test_software_is_all_that_the_pool_cpu_encodes_with() -> None:
    scenario = scenario_named("720p30-h264")
    assert pool_for(scenario, "auto", [LiveWorker("cpu", frozenset({"h264_nvenc"}), gstreamer=False)]) is None


def test_a_frame_too_small_for_the_gpu_is_not_sent_to_it() -> None:
    assert pool_for(scenario_named("16p30-h264"), "auto", [NOTHING_BUT_NVENC]) is None


def test_gstreamer_stands_in_unless_ffmpeg_was_asked_for() -> None:
    worker = LiveWorker("cpu", frozenset(), gstreamer=True)
    scenario = scenario_named("720p30-vp8")
    assert [pool_for(scenario, engine, [worker]) for engine in ("auto", "ffmpeg", "gstreamer")] == ["cpu", None, "cpu"]


def test_workers_that_are_offline_or_of_other_pools_are_left_out() -> None:
    away = node("cpu")
    away["workers"][0]["online"] = False
    nodes = [node("gpu_ai", "cpu"), away, {"name": "silent", "workers": [], "hardware": {}}, {"name": "bare"}]
    assert live_workers(nodes) == [CPU]


def test_a_job_is_handed_in_as_the_api_takes_it() -> None:
    (job,) = draw_jobs(_options(1, "480p30-h264"), [GPU], 1)
    assert job.body == {
        "type": "scenario",
        "params": {"name": "480p30-h264", "duration": job.duration, "bitrate": "auto", "engine": "auto"},
        "priority": 1 + lanes_of("mixed", "mixed").index(job.lane),
        "resourceCategory": "gpu_encode",
    }


def test_batches_hold_all_jobs_in_their_order() -> None:
    jobs = draw_jobs(_options(101), [CPU], 1)
    made = batches(jobs, 50)
    assert [len(each) for each in made] == [50, 50, 1]
    assert [job for each in made for job in each] == jobs


def test_a_plan_is_counted() -> None:
    counts = distribution(draw_jobs(_options(90), [CPU], 1))
    assert {kind: sum(of.values()) for kind, of in counts.items()} == {"scenario": 90, "lane": 90, "pool": 90}
