"""The command line: the composition root, the one room that may import any other.

Comes in: commands; no logic that another face would need, too.
Uses: analysis, api.access, blocks, catalogue, clock, deployments, dispatch, doctor, errors, ffmpeg, hardware,
    operations, queue, report, settings, site_discovery, storage, wording, workpools.pools.
"""
