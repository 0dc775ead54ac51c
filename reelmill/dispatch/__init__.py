"""The one part of the library that talks to Prefect: hand jobs in, read how they are doing, steer them.

dispatcher    the queue of one site: one service for each of its nouns
services      these: jobs and batches, pools and nodes, and what else has a name of its own
audit         who did what
site_transfer rules and settings as lines of an export, and back
automations   rules: what is done by itself for each new video; messages to people when jobs fail or are done
totals        ended jobs, added up for metrics before their runs go

What the services stand on:

server        which server is meant, the client to it, and what it holds for all
runs          the runs of the server as jobs: one job, read and steered
tables        jobs read at size, from the site's database
submission    jobs go in: checked, folded, many at once
intake        jobs go in, for those who report on each
ranking       another lane, or the front of this one
statistics    the site in numbers, as values (pure)
snapshot      the site at this moment, read once for all who ask

Comes in: whatever asks the Prefect server; nothing that touches a video.
Uses: catalogue, clock, dispatch.automations, dispatch.runs, dispatch.server, dispatch.services, dispatch.tables,
    dispatch.totals, errors, parallel, queue, settings, site_discovery.
"""

from __future__ import annotations

from reelmill.dispatch.automations.rules import RuleState
from reelmill.dispatch.dispatcher import Dispatcher, dispatcher
from reelmill.dispatch.runs.job_filter import JobFilter
from reelmill.dispatch.runs.job_log import LogLine
from reelmill.dispatch.runs.reading import JobPage, Progress, StateChange
from reelmill.dispatch.server.connection import server_errors
from reelmill.dispatch.services.batches import BatchPreview, BatchStatus
from reelmill.dispatch.services.blocks import BlockState
from reelmill.dispatch.services.health import ActiveRun, ServerState, VramLimit
from reelmill.dispatch.services.nodes import Node, NodeStatus, WorkerState
from reelmill.dispatch.services.pools import LaneState, PoolState
from reelmill.dispatch.statistics import Budget, Statistics, TypeStatistics
from reelmill.dispatch.submission import SubmitOptions
from reelmill.queue.actor import Actor
from reelmill.queue.bulk_action import BulkAction, BulkPreview, BulkResult

__all__ = [
    "ActiveRun",
    "Actor",
    "BatchPreview",
    "BatchStatus",
    "BlockState",
    "Budget",
    "BulkAction",
    "BulkPreview",
    "BulkResult",
    "Dispatcher",
    "JobFilter",
    "JobPage",
    "LaneState",
    "LogLine",
    "Node",
    "NodeStatus",
    "PoolState",
    "Progress",
    "RuleState",
    "ServerState",
    "StateChange",
    "Statistics",
    "SubmitOptions",
    "TypeStatistics",
    "VramLimit",
    "WorkerState",
    "dispatcher",
    "server_errors",
]
