"""Findings about the queue: workers, runs under way, GPU memory (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from reelmill.dispatch import ActiveRun, Node, PoolState, RuleState, VramLimit
from reelmill.doctor.findings import Finding, fault, listed, ok, warning
from reelmill.queue.job import WAITING_FOR_VRAM
from reelmill.wording import plural

#: After so many seconds the server has taken back what a dead holder held: a lease of 60, and its round every 15.
LEASE_OVER: Final = 90.0

#: A run that somebody started in a notebook, without a worker, may take its time.
_BY_HAND: Final = timedelta(days=1)


def workers(wanted: Iterable[str], pools: Sequence[PoolState], nodes: Sequence[Node]) -> list[Finding]:
    """Whether every pool is there, takes jobs and has a worker that is alive.

    Args:
        wanted: the pools a site must have.
        pools: those it has.
        nodes: of the site.

    Returns:
        A finding for each pool, and one for each that takes nothing new.
    """
    serving = _serving(nodes)
    there = {pool.name: pool for pool in pools}
    findings = []
    for name in wanted:
        if name not in there:
            findings.append(fault("pools", f"The work pool {name} is not there.", "`reelmill deploy` makes it"))
        elif not serving.get(name):
            sentence = f"No worker of the pool {name} is alive; jobs that wait in it: {there[name].waiting}."
            remedy = f"`reelmill up`, or on any node of the site: prefect worker start --pool {name}"
            findings.append(fault("workers", sentence, remedy, names=[name]))
        else:
            findings.append(ok("workers", f"{name}: {', '.join(serving[name])}."))
    findings += [
        warning(
            "pools",
            f"The pool {pool.name} is paused and takes nothing new.",
            f"`reelmill pool resume {pool.name}`, or let it go on at the page Nodes or in the Prefect UI",
        )
        for pool in pools
        if pool.drained
    ]
    findings += [
        warning("workers", f"{node.name} takes nothing new: {reason}", "mend that; it looks again by itself")
        for node in nodes
        for reason in node.paused
    ]
    return findings


def _serving(nodes: Sequence[Node]) -> dict[str, list[str]]:
    """The living workers of each pool."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        for worker in node.workers:
            if worker.online:
                found.setdefault(worker.pool, []).append(worker.name)
    return found


def stuck(active: Sequence[ActiveRun], nodes: Sequence[Node], now: datetime, silent: float) -> Finding:
    """Runs that are under way by the server's word, and that nobody works on.

    Args:
        active: every run under way.
        nodes: of the site.
        now: the present, with its zone.
        silent: seconds after which workers themselves take a silent one for dead.

    Returns:
        One finding.
    """
    serving = _serving(nodes)
    alive = {name for names in serving.values() for name in names}
    lost = [run for run in active if _lost(run, alive, now, silent)]
    if not lost:
        return ok("runs", f"{plural(len(active), 'run')} under way, each with a worker that is alive.")
    pools = sorted({run.pool for run in lost if run.pool is not None and not serving.get(run.pool)})
    by_hand = [run.name for run in lost if run.pool is None]
    names = [run.name for run in lost]
    sentence = f"{plural(len(lost), 'run')} under way that nobody works on: {listed(names)}."
    if pools:
        remedy = f"bring up a worker for {', '.join(pools)} (`reelmill up`): it sends them back into their lanes"
        return fault("runs", sentence, remedy, names=names)
    if by_hand:
        return warning("runs", sentence, "cancel those started by hand in the Prefect UI", names=names)
    remedy = f"nothing: a living worker sends them back within {2 * silent:.0f} s"
    return warning("runs", sentence, remedy, names=names)


def _lost(run: ActiveRun, alive: set[str], now: datetime, silent: float) -> bool:
    age = now - run.since
    if run.pool is None:
        return age > _BY_HAND
    return run.worker not in alive and age > timedelta(seconds=silent)


def leases(limits: Sequence[VramLimit], active: Sequence[ActiveRun], nodes: Sequence[Node]) -> list[Finding]:
    """Whether GPU memory is counted as taken that no run which is alive holds.

    A node's GPUs are counted together: which of them a run is on, the server does not know.

    Returns:
        A finding for each budget that is counted wrong, or one that all are right.
    """
    stale = stale_leases(limits, active, nodes)
    if not stale:
        used, total = sum(limit.used_mb for limit in limits), sum(limit.total_mb for limit in limits)
        return [ok("leases", f"{used} of {total} MB of GPU memory held, all by runs that are alive.")]
    owners = _owners(nodes)
    return [_stale(limit, mb, limit.name in owners and _alive(owners[limit.name])) for limit, mb in stale]


def rules(states: Sequence[RuleState]) -> list[Finding]:
    """Whether every rule for new videos can do its jobs.

    Args:
        states: of the rules.

    Returns:
        A warning for each that cannot, or one finding that all can; none where there is no rule.
    """
    findings = [
        warning(
            "rules",
            f"The rule {state.rule.name} is to do jobs that are not deployed any more: {', '.join(state.lost)}.",
            f"`reelmill deploy` points it at those there are; or `reelmill rules remove {state.rule.name}`",
            names=[state.rule.name],
        )
        for state in states
        if state.lost
    ]
    if states and not findings:
        on = sum(state.rule.on for state in states)
        return [ok("rules", f"{plural(len(states), 'rule')} for new videos, {on} of them on.")]
    return findings


def _stale(limit: VramLimit, mb: int, alive: bool) -> Finding:
    sentence = f"{mb} MB of {limit.name} are counted as taken, and no run that is alive holds them."
    if alive:
        return warning("leases", sentence, "nothing: the worker there puts it right within two minutes")
    if limit.unchanged <= LEASE_OVER:
        return warning("leases", sentence, f"nothing: they come back by themselves within {LEASE_OVER:.0f} s")
    return fault("leases", sentence, "--repair gives them back", repairable=True, names=[limit.name])


def stale_leases(
    limits: Sequence[VramLimit], active: Sequence[ActiveRun], nodes: Sequence[Node]
) -> list[tuple[VramLimit, int]]:
    """Each budget that has more taken than its node's living runs hold, with how many MB too many."""
    owners = _owners(nodes)
    alive = {worker.name for node in nodes for worker in node.workers if worker.online}
    by_node: dict[str, int] = {}
    of_worker = {worker.name: node.name for node in nodes for worker in node.workers}
    for run in active:
        if run.worker in alive and run.state != WAITING_FOR_VRAM:
            node = of_worker[run.worker]
            by_node[node] = by_node.get(node, 0) + run.vram_mb
    found = []
    for limit in limits:
        owner = owners.get(limit.name)
        left = by_node.get(owner.name, 0) if owner is not None else 0
        rightly = min(limit.used_mb, left)
        if owner is not None:
            by_node[owner.name] = left - rightly
        if limit.used_mb > rightly:
            found.append((limit, limit.used_mb - rightly))
    return found


def _owners(nodes: Sequence[Node]) -> Mapping[str, Node]:
    return {gpu.limit_name: node for node in nodes for gpu in node.vram}


def _alive(node: Node) -> bool:
    return any(worker.online for worker in node.workers)
