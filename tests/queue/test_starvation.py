"""No job starves: arrivals and endings driven by the placement policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from reelmill.queue.placement import GpuMemory, JobShare, Placement, WaitingJob, place


@dataclass
class Node:
    """GPUs whose jobs run for a known number of steps; the policy decides, time goes by."""

    gpus: list[GpuMemory]
    running: list[tuple[str, int, int]] = field(default_factory=list)  # GPU, MB, steps left
    line: list[WaitingJob] = field(default_factory=list)
    steps_of: dict[str, int] = field(default_factory=dict)
    now: int = 0
    numbers: Iterator[int] = field(default_factory=count)

    def arrive(self, need_mb: int, steps: int, priority: int = 5) -> str:
        arrival = WaitingJob(f"j{next(self.numbers):06}", need_mb, priority, float(self.now))
        self.line.append(arrival)
        self.steps_of[arrival.id] = steps
        return arrival.id

    def step(self) -> dict[str, str]:
        """One unit of time: jobs end, then those that wait are decided on; the GPU of each that starts."""
        self.now += 1
        self.running = [(gpu, mb, left - 1) for gpu, mb, left in self.running if left > 1]
        decisions = place([self._gpu(gpu) for gpu in self.gpus], self.line)
        placed = {id: decision.gpu for id, decision in decisions.items() if isinstance(decision, Placement)}
        for waiting in [one for one in self.line if one.id in placed]:
            self.line.remove(waiting)
            self.running.append((placed[waiting.id], waiting.need_mb, self.steps_of[waiting.id]))
        return placed

    def _gpu(self, gpu: GpuMemory) -> GpuMemory:
        shares = tuple(JobShare(mb, mb) for name, mb, _ in self.running if name == gpu.name)
        taken = sum(share.mb for share in shares)
        free = None if gpu.free_mb is None else gpu.free_mb - taken
        return replace(gpu, leased_mb=gpu.leased_mb + taken, free_mb=free, shares=shares)


def _steps_until_the_big_one_starts(node: Node, stream: Sequence[Sequence[int]], need_mb: int) -> int:
    """With 4000 MB jobs arriving for ever, counted from when nobody is before it in the line."""
    for durations in stream:
        for steps in durations:
            node.arrive(4000, steps)
        node.step()
    before = {waiting.id for waiting in node.line}
    big = node.arrive(need_mb, 3)
    waited = 0
    for number in range(60):
        for steps in stream[number % len(stream)]:
            node.arrive(4000, steps)
        if big in node.step():
            return waited
        waited += not before & {waiting.id for waiting in node.line}
    raise AssertionError(f"the big job starved: {node.running}")


_LONGEST = 5  # steps a small job runs
_streams = st.lists(st.lists(st.integers(1, _LONGEST), min_size=1, max_size=4), min_size=1, max_size=8)


def test_an_unending_stream_of_small_jobs_does_not_starve_a_big_one() -> None:
    node = Node([GpuMemory("gpu0", 8000)])
    # One of two jobs ends at every other step, so the GPU is never empty unless it is kept.
    assert _steps_until_the_big_one_starts(node, [[4], [4], [4]], 8000) <= 4


@given(_streams)
def test_no_stream_starves_a_big_job_on_one_gpu(stream: list[list[int]]) -> None:
    assert _steps_until_the_big_one_starts(Node([GpuMemory("gpu0", 8000)]), stream, 8000) <= _LONGEST


@given(_streams, st.sampled_from([8000, 12000, 16000]), st.sampled_from([None, 16000]))
def test_no_stream_starves_a_big_job_on_two_gpus(stream: list[list[int]], need_mb: int, free_mb: int | None) -> None:
    node = Node([GpuMemory("gpu0", 16000, free_mb=free_mb), GpuMemory("gpu1", 16000, free_mb=free_mb)])
    # Another GPU may get ahead of the one that is kept, and is kept from then on: once for each 4000 MB at most.
    assert _steps_until_the_big_one_starts(node, stream, need_mb) <= _LONGEST * (need_mb // 4000)


@given(_streams)
def test_a_gpu_others_sit_on_is_not_kept_while_another_can_drain(stream: list[list[int]]) -> None:
    node = Node([GpuMemory("gpu0", 10000, free_mb=5000), GpuMemory("gpu1", 8000, free_mb=8000)])
    assert _steps_until_the_big_one_starts(node, stream, 8000) <= _LONGEST


@given(_streams)
def test_no_stream_of_a_lower_lane_holds_up_a_higher_one_longer_than_what_runs(stream: list[list[int]]) -> None:
    node = Node([GpuMemory("gpu0", 8000)])
    for number in range(20):
        for steps in stream[number % len(stream)]:
            node.arrive(4000, steps, priority=6)
        node.step()
    big = node.arrive(8000, 1, priority=5)
    assert any(big in node.step() for _ in range(_LONGEST + 1))


@given(_streams)
def test_small_jobs_use_the_other_gpu_while_one_drains(stream: list[list[int]]) -> None:
    node = Node([GpuMemory("gpu0", 8000), GpuMemory("gpu1", 4000)])
    node.running.append(("gpu0", 4000, 50))
    big = node.arrive(8000, 1)
    started: dict[str, str] = {}
    for number in range(40):
        for steps in stream[number % len(stream)]:
            node.arrive(4000, steps)
        started |= node.step()
    assert big not in started
    assert set(started.values()) == {"gpu1"}
    assert len(started) >= 40 // _LONGEST
