"""GPU memory before a run starts: admitted under a lease, kept in the node's ledger.

Comes in: admission and its ledger.
Uses: reelmill.hardware, reelmill.queue, reelmill.settings, reelmill.storage, workpools.guard, workpools.processes,
    workpools.server_calls.
"""
