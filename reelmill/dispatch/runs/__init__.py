"""Runs of the server as jobs: which run stands for a job, what it looks like, its log, its states, its control.

Comes in: what is said of one job, and what is done to one; no list at size, which is in ``tables``.
Uses: catalogue, dispatch.server, errors, queue, settings.
"""
