"""The services of the dispatcher, one a noun, from jobs and batches to pools, nodes and blocks.

Comes in: what the faces call; how the server is asked is in ``server`` and ``runs``.
Uses: catalogue, clock, dispatch.audit, dispatch.ranking, dispatch.runs, dispatch.server, dispatch.statistics,
    dispatch.submission, dispatch.tables, dispatch.totals, errors, queue, settings, storage.
"""
