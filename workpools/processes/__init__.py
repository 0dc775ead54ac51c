"""Processes of a worker: forked from a preloaded server, ended whole, alive by a file lock.

Comes in: process handling; nothing that asks Prefect.
Uses: reelmill.errors, reelmill.hardware, reelmill.settings, reelmill.storage, reelmill.troubles,
    workpools.server_calls.
"""
