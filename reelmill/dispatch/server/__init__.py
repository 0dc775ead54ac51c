"""The Prefect server: which one is meant, the client to it, its deployments, and its pools as they stand.

Comes in: how the server is reached and what it holds for all; no single job.
Uses: clock, errors, parallel, queue, site_discovery.
"""
