"""The one part of the library that talks to Prefect: hand jobs in, read how they are doing, steer them.

dispatcher    the queue of one site: one service for each of its nouns
jobs          jobs are submitted, read and steered
pools         pools are listed with their lanes, and drained
lanes         lanes are paused
nodes         the nodes and their workers
numbers       the site in numbers
blocks        what the site's people agree on, read and changed
site_transfer rules and settings as lines of an export, and back
reader        jobs read at size, from the site's database: see ``tables``
bulk          many jobs at once: counted, cancelled, cleared away, sent back, paused, moved
audit         who did what
archive       old jobs leave the server, and are counted for ever
batches       the same job for every video that a filter chooses
health        the server itself, and who has which runs and GPU memory
totals        ended jobs, added up for metrics before their runs go
automations   rules: what is done by itself for each new video; messages to people when jobs fail or are done

What the services stand on:

server_choice which server is meant: somebody's choice, this node's site, or a temporary one
connection    the server: one client, whole lists, errors as people read them
statistics    the site in numbers, as values (pure)
snapshot      the site at this moment, read once for all who ask
site_state    pools, lanes and workers at this moment
job_chains    which run stands for a job now
job_views     runs as jobs, each with the reason why it waits
job_filter    which jobs are meant, in the server's words (pure)
deployments   the deployment that a job type's runs are made from
duplicates    when two jobs are the same (pure)
submission    jobs go in: checked, folded, many at once
intake        jobs go in, for those who report on each
reading       jobs, their progress and states come out
job_log       their logs, to the end or as they come
job_naming    which job a person means
batch_feeder  the jobs of batches go in, page by page
control       retry, cancel, pause, resume
ranking       another lane, or the front of this one

Comes in: whatever asks the Prefect server; nothing that touches a video.
Uses: catalogue, clock, dispatch.automations, dispatch.tables, dispatch.totals, errors, queue, settings, site_discovery,
storage.
"""

from __future__ import annotations

from reelmill.dispatch.automations.rules import RuleState
from reelmill.dispatch.batches import BatchPreview, BatchStatus
from reelmill.dispatch.blocks import BlockState
from reelmill.dispatch.connection import server_errors
from reelmill.dispatch.dispatcher import Dispatcher, dispatcher
from reelmill.dispatch.health import ActiveRun, ServerState, VramLimit
from reelmill.dispatch.job_filter import JobFilter
from reelmill.dispatch.job_log import LogLine
from reelmill.dispatch.nodes import Node, NodeStatus, WorkerState
from reelmill.dispatch.pools import LaneState, PoolState
from reelmill.dispatch.reading import JobPage, Progress, StateChange
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
