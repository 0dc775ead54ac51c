"""What workers know of each other: registry, liveness, rescue of runs that nobody works on.

Comes in: whatever looks beyond the worker's own runs.
Uses: reelmill.catalogue, reelmill.clock, reelmill.dispatch, reelmill.errors, reelmill.ffmpeg,
    reelmill.ffmpeg.loadtest, reelmill.hardware, reelmill.metrics, reelmill.queue, reelmill.settings, reelmill.storage,
    workpools.guard, workpools.pools, workpools.processes, workpools.run, workpools.server_calls.
"""
