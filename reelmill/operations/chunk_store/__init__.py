"""Finished chunks of unfinished work, each made once and found by whoever goes on with it.

Comes in: the store, what fills it, and what empties it.
Uses: catalogue, errors, ffmpeg, guard, hardware, operations.context, operations.derived, operations.ownership,
    operations.publishing, operations.recipe, operations.remote_task, operations.size_estimates, parallel, report,
    settings, storage, troubles, wording.
"""
