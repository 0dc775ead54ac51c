"""How a site comes up: the only code that creates things on a Prefect server, or starts servers. See README.md.

Comes in: ``prefect.yaml`` applied, servers started and looked after; nothing of what a job does.
Uses: blocks, reelmill.catalogue, reelmill.clock, reelmill.dispatch, reelmill.doctor, reelmill.errors,
    reelmill.operations, reelmill.origin_guard, reelmill.parallel, reelmill.queue, reelmill.report, reelmill.settings,
    reelmill.site_discovery, reelmill.storage, reelmill.troubles, reelmill.wording, workpools.pools,
    workpools.template.
"""
