"""The one part of the library that talks to Prefect: hand jobs in, read how they are doing, steer them.

connection    the server: one client, pages, errors as people read them
duplicates    when two jobs are the same (pure)
filters       which jobs are asked for, in the server's words (pure)
submission    jobs go in
reading       jobs, their logs and states come out, each with the reason why it waits
control       retry, cancel, pause, resume
ranking       another lane, or the front of this one
pools         lanes and pools: paused, drained, counted
nodes         the machines
statistics    the site in numbers
health        the server itself, and what is held by whom
"""

from __future__ import annotations

from reelmill.dispatch.dispatcher import Dispatcher, dispatcher
from reelmill.dispatch.filters import Asked
from reelmill.dispatch.health import HeldRun, ServerState, VramLimit
from reelmill.dispatch.nodes import Node, NodeStatus, WorkerState
from reelmill.dispatch.pools import LaneState, PoolState
from reelmill.dispatch.reading import LogLine, Page, StateChange
from reelmill.dispatch.statistics import Budget, Statistics, TypeStatistics

__all__ = [
    "Asked",
    "Budget",
    "Dispatcher",
    "HeldRun",
    "LaneState",
    "LogLine",
    "Node",
    "NodeStatus",
    "Page",
    "PoolState",
    "ServerState",
    "StateChange",
    "Statistics",
    "TypeStatistics",
    "VramLimit",
    "WorkerState",
    "dispatcher",
]
