"""One run on a worker, from claim to settled end.

Comes in: what happens to a single run.
Uses: reelmill.dispatch, reelmill.errors, reelmill.hardware, reelmill.queue, reelmill.settings, workpools.guard,
    workpools.processes, workpools.server_calls, workpools.template, workpools.vram.
"""
