"""Where it runs: the work pools, and the one worker type of a site. See README.md.

Comes in: worker types, pools, and what a worker is made of.
Uses: reelmill.errors, reelmill.queue, reelmill.settings, workpools.processes, workpools.run, workpools.site,
    workpools.vram.
"""
